"""The interface over real sockets: answers, the stream, and those who mean no good."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from firmware_stubs.api import server as api
from firmware_stubs.api.openapi import document
from firmware_stubs.api.server import CLIENTS_MOST, STREAMS_MOST, Server
from firmware_stubs.api.sockets import NAME, BusyError, UnixSocket, connect, loopback
from firmware_stubs.api.watch import UNREAD_MOST
from tests.api_rig import Rig

Test = Callable[[aiohttp.ClientSession, Rig], Awaitable[None]]


@asynccontextmanager
async def serving(folder: Path, http: socket.socket | None = None) -> AsyncIterator[tuple[aiohttp.ClientSession, Rig]]:
    rig = Rig()
    server = Server([Path("small.toml")], UnixSocket(folder), http)
    await server.start(rig.run)
    connector = aiohttp.UnixConnector(str(folder / NAME), limit=0)
    try:
        async with aiohttp.ClientSession("http://x", connector=connector) as session:
            yield session, rig
    finally:
        await server.close()


def on_a_socket(test: Test, folder: Path) -> None:
    async def run() -> None:
        async with asyncio.timeout(30), serving(folder) as (session, rig):
            await test(session, rig)

    asyncio.run(run())


async def until(done: Callable[[], bool]) -> None:
    """The server has its turns until then; the test's own time bounds it."""
    while not done():  # noqa: ASYNC110 - nothing tells when
        await asyncio.sleep(0.001)


async def answer(response: aiohttp.ClientResponse) -> tuple[int, Any]:
    async with response:
        assert response.content_type == "application/json"
        text = await response.text()
        assert text.endswith("}\n"), "a terminal needs the newline"
        return response.status, json.loads(text)


async def ask(session: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    return await answer(await session.request(method, path, data=data))


# -- answers


def fits(value: Any, schema: dict[str, Any], where: str) -> None:
    """A value is what a schema of ours says, and says nothing more."""
    kinds = schema.get("type")
    if not kinds:
        return
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int}
    wanted = [kinds] if isinstance(kinds, str) else kinds
    fitting = [
        kind for kind in wanted if (kind == "number" and type(value) in (int, float)) or type(value) is types.get(kind)
    ]
    assert fitting, f"{where} is {value!r}, not {wanted}"
    assert value in schema.get("enum", [value]), where
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties")
        assert set(schema.get("required", ())) <= set(value), where
        for key, one in value.items():
            if key not in properties and not properties and others is None:
                continue  # any object
            fits(one, properties.get(key, others) if key not in properties else properties[key], f"{where}.{key}")
    for number, one in enumerate(value if isinstance(value, list) else ()):
        items = schema["prefixItems"][number] if "prefixItems" in schema else schema["items"]
        fits(one, items, f"{where}[{number}]")


def of(path: str, method: str, status: int = 200) -> dict[str, Any]:
    found: dict[str, Any] = document()["paths"][path][method]["responses"][str(status)]["content"]["application/json"][
        "schema"
    ]
    return found


def test_the_document_has_every_path_and_method_and_no_other() -> None:
    routes = {
        (route.resource.canonical, route.method.lower())
        for route in Server([], None, None).app.router.routes()
        if route.resource and route.method != "HEAD"
    }
    assert routes == {(path, method) for path, methods in document()["paths"].items() for method in methods}


def test_answers_are_as_the_document_says(tmp_path: Path) -> None:
    async def test(session: aiohttp.ClientSession, rig: Rig) -> None:
        rig.give("p1", "p2")
        rig.go(3000)
        status, struck = await ask(session, "POST", "/v1/faults", {"fault": "jam", "target": "S1", "for_s": 60})
        assert status == 201
        fits(struck, of("/v1/faults", "post", 201), "strike")
        for path in ("/openapi.json", "/v1/floor", "/v1/state", "/v1/faults"):
            status, found = await ask(session, "GET", path)
            assert status == 200
            fits(found, of(path, "get"), path)
        assert found["standing"][0]["fault"] == "jam"
        status, state = await ask(session, "POST", "/v1/time", {"do": "pause"})
        fits(state, of("/v1/time", "post"), "time")
        assert state["paused"]
        assert state["lines"]["S1"]["state"] == "jam"
        assert len(state["lines"]["S1"]["parcels"]) == 2
        status, taken = await ask(session, "POST", "/v1/parcels", b'{"parcel": "p9", "line": "S1", "codes": []}\n')
        assert (status, taken) == (201, {"taken": 1})
        assert await ask(session, "DELETE", f"/v1/faults/{struck['id']}") == (200, {"ended": [struck["id"]]})
        assert await ask(session, "DELETE", "/v1/faults") == (200, {"ended": []})
        assert await ask(session, "POST", "/v1/stop") == (202, {"stopping": True})
        assert rig.stops == 1

    on_a_socket(test, tmp_path)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "/v1/nothing", None, 404, "there is no /v1/nothing; there are /openapi.json, /v1/drill, "),
        ("PUT", "/v1/state", None, 405, "/v1/state does not know PUT; it knows GET, HEAD"),
        ("POST", "/v1/time", b"{", 400, 'the body is no JSON'),
        ("POST", "/v1/time", b"[" * 60_000, 400, 'the body is no JSON'),
        ("POST", "/v1/time", b"\xff", 400, 'the body is no JSON'),
        ("POST", "/v1/time", b"[1]", 400, 'the body must be an object: {"do": …}'),
        ("POST", "/v1/time", {"what": 1}, 400, "unknown key 'what'; known are do, ms"),
        ("POST", "/v1/time", {}, 400, "do is missing"),
        ("POST", "/v1/time", {"do": 3}, 400, "do must be a text, not 3"),
        ("POST", "/v1/time", {"do": "step", "ms": True}, 400, "ms must be a number, not True"),
        ("POST", "/v1/time", b'{"do": "step", "ms": NaN}', 400, "ms must be above 0"),
        ("POST", "/v1/time", {"do": "stop"}, 400, '"pause", "resume" or "step"'),
        ("POST", "/v1/faults", {"fault": "jamm", "target": "S1"}, 400, "did you mean 'jam'?"),
        ("POST", "/v1/faults", {"fault": "jam", "target": "S9"}, 400, "no line is called 'S9'"),
        ("POST", "/v1/faults", {"fault": "jam"}, 400, 'target is missing: {"fault": …, "target": …}'),
        ("POST", "/v1/faults", {"fault": "jam", "target": "S1", "fors": 3}, 400, "did you mean 'for_s'?"),
        ("POST", "/v1/faults", b'{"fault": "jam", "target": "S1", "for_s": 1e999}', 400, "for_s"),
        ("DELETE", "/v1/faults/f9", None, 404, "no fault 'f9' stands"),
        ("GET", "/v1/stream", None, 400, "nothing is asked for; write state=2"),
        ("GET", "/v1/stream?stat=3", None, 400, "unknown parameter 'stat'; did you mean 'state'?"),
        ("GET", "/v1/stream?state=11", None, 400, "state must be a number from 0 to 10"),
        ("GET", "/v1/stream?state=nan", None, 400, "state must be a number from 0 to 10"),
        ("GET", "/v1/stream?wire=yes", None, 400, "wire must be 0 or 1, not 'yes'"),
        ("GET", "/v1/stream?wire=1&stub=tunel", None, 400, "no stub is called 'tunel'; did you mean 'tunnel'?"),
        ("POST", "/v1/parcels", b"{}", 400, "line 1: parcel must be a text"),
        ("POST", "/v1/parcels", bytes(65_537), 413, "at most 65536 bytes"),
        ("POST", "/v1/faults", bytes(900_000), 413, "at most 65536 bytes"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(tmp_path: Path, method: str, path: str, body: Any, status: int, said: str) -> None:
    async def test(session: aiohttp.ClientSession, rig: Rig) -> None:
        found, error = await ask(session, method, path, body)
        assert (found, list(error)) == (status, ["error"])
        assert said in error["error"]
        assert (await ask(session, "GET", "/v1/state"))[0] == 200

    on_a_socket(test, tmp_path)


# -- the stream


async def lines(response: aiohttp.ClientResponse, count: int) -> list[dict[str, Any]]:
    return [json.loads(await response.content.readline()) for _ in range(count)]


def test_the_stream_has_wires_ledger_and_states(tmp_path: Path) -> None:
    async def test(session: aiohttp.ClientSession, rig: Rig) -> None:
        async with session.get("/v1/stream?state=10&wire=1&ledger=1&stub=tunnel") as stream:
            assert stream.content_type == "application/x-ndjson"
            first = (await lines(stream, 1))[0]
            fits(first["state"], of("/v1/state", "get"), "state")
            rig.watch.wire("tunnel", b"\x02A\x03", by_device=True, now=1.0, at=2.0)
            rig.watch.wire("s1", b"\x02B\x03", by_device=True, now=1.0, at=2.0)
            rig.watch.ledger({"what": "read", "t": 3.0})
            found: list[dict[str, Any]] = []
            while len(found) < 2:
                found += [line for line in await lines(stream, 1) if "state" not in line]
            assert found == [
                {"wire": {"t": 2.0, "stub": "tunnel", "from": "device", "hex": "024103"}},
                {"ledger": {"what": "read", "t": 3.0}},
            ]
            rig.machine_ms += 100
            while (await lines(stream, 1))[0]["state"]["t"] == first["state"]["t"]:
                pass  # bounded by the test's own time

    on_a_socket(test, tmp_path)


def test_the_end_of_the_run_ends_streams_behind_their_last_line(tmp_path: Path) -> None:
    async def run() -> bytes:
        rig, server = Rig(), Server([], UnixSocket(tmp_path), None)
        await server.start(rig.run)
        async with (
            aiohttp.ClientSession("http://x", connector=aiohttp.UnixConnector(str(tmp_path / NAME))) as session,
            session.get("/v1/stream?ledger=1") as stream,
        ):
            rig.watch.ledger({"what": "end"})
            await server.close()
            return await stream.content.read()

    assert asyncio.run(run()) == b'{"ledger": {"what": "end"}}\n'
    assert not (tmp_path / NAME).exists()


def test_a_reader_that_is_slow_loses_lines_and_is_told_how_many(tmp_path: Path) -> None:
    async def test(session: aiohttp.ClientSession, rig: Rig) -> None:
        piece, said = bytes(10_000), 0
        async with session.get("/v1/stream?wire=1&stub=tunnel") as stream:
            for _ in range(3 * UNREAD_MOST // 20_000):  # 3 MB, more than sockets hold
                rig.watch.wire("tunnel", piece, by_device=True, now=1.0, at=2.0)
                said += 1
                if said % 20 == 0:
                    await asyncio.sleep(0)  # the server's turn, and the reader reads nothing
            heard = missed = 0
            while heard + missed < said:
                line = (await lines(stream, 1))[0]
                heard, missed = heard + ("wire" in line), missed + line.get("missed", 0)
            assert heard + missed == said
            assert missed
            rig.watch.wire("tunnel", b"a", by_device=True, now=1.0, at=2.0)
            assert (await lines(stream, 1))[0]["wire"]["hex"] == "61"

    on_a_socket(test, tmp_path)


def test_a_reader_that_never_reads_is_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "STREAM_SLOW_S", 0.05)

    async def test(session: aiohttp.ClientSession, rig: Rig) -> None:
        client = connect(tmp_path / NAME)
        client.setblocking(False)
        client.sendall(b"GET /v1/stream?wire=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: len(rig.watch.listeners) == 1)
        while rig.watch.listeners:
            rig.watch.wire("tunnel", bytes(100_000), by_device=True, now=1.0, at=2.0)
            await asyncio.sleep(0.001)
        client.close()

    on_a_socket(test, tmp_path)


def test_a_reader_that_goes_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_LOOK_S", 0.01)

    async def test(session: aiohttp.ClientSession, rig: Rig) -> None:
        stream = await session.get("/v1/stream?wire=1")
        assert len(rig.watch.listeners) == 1
        stream.close()
        await until(lambda: not rig.watch.listeners)

    on_a_socket(test, tmp_path)


def test_streams_are_bounded(tmp_path: Path) -> None:
    async def test(session: aiohttp.ClientSession, rig: Rig) -> None:
        streams = [await session.get("/v1/stream?wire=1") for _ in range(STREAMS_MOST)]
        status, error = await ask(session, "GET", "/v1/stream?wire=1")
        assert (status, error["error"]) == (503, f"{STREAMS_MOST} streams are read already; close one")
        for stream in streams:
            stream.close()

    on_a_socket(test, tmp_path)


# -- crowds and strangers


def test_two_hundred_clients_are_answered_or_refused_and_cost_nothing_when_they_go(tmp_path: Path) -> None:
    async def test(session: aiohttp.ClientSession, rig: Rig) -> None:
        crowd = []
        for _ in range(200):
            crowd.append(await asyncio.open_unix_connection(str(tmp_path / NAME)))
        refused = 0
        for reader, _ in crowd[CLIENTS_MOST:]:
            head = await reader.readline()
            refused += b"503" in head
            assert json.loads((await reader.read()).split(b"\r\n\r\n")[1])["error"].startswith("64 clients")
        assert refused == 200 - CLIENTS_MOST
        crowd[0][1].write(b"GET /v1/floor HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in await crowd[0][0].readline()
        for _, writer in crowd:
            writer.close()
        while (await session.get("/v1/floor")).status != 200:
            pass  # the server's turn to notice that they are gone

    on_a_socket(test, tmp_path)


def test_a_body_that_is_not_what_it_claims_to_be_is_refused_with_words(tmp_path: Path) -> None:
    async def test(session: aiohttp.ClientSession, rig: Rig) -> None:
        headers = {"Content-Encoding": "gzip"}
        status, told = await answer(await session.post("/v1/faults", data=b"abc", headers=headers, compress=False))
        assert (status, "without encoding" in told["error"]) == (400, True)

    on_a_socket(test, tmp_path)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://localhost:{port}"}, 200),
        ({"Host": "evil.example:{port}"}, 403),  # a name that was made to lead here
        ({"Host": "127.0.0.1"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://localhost:{port}"}, 403),
    ],
)
def test_by_tcp_only_this_machine_and_no_foreign_page(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    async def run() -> int:
        http = loopback("127.0.0.1:0")
        port = http.getsockname()[1]
        given = {key: value.format(port=port) for key, value in headers.items()}
        async with (
            serving(tmp_path, http),
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
            session.get("/v1/floor", headers=given) as response,
        ):
            return response.status

    assert asyncio.run(run()) == status


def test_a_host_is_not_asked_for_on_the_unix_socket(tmp_path: Path) -> None:
    async def test(session: aiohttp.ClientSession, rig: Rig) -> None:
        async with session.get("/v1/floor", headers={"Host": "anything"}) as response:
            assert response.status == 200

    on_a_socket(test, tmp_path)


@pytest.mark.parametrize(
    "data", [b"\x00\xff\x16\x03\x01" * 100, b"GET " + b"a" * 20_000, b"POST / HTTP/1.1\r\n" + b"a: b\r\n" * 9999]
)
def test_what_is_no_http_is_refused_and_nothing_else_suffers(tmp_path: Path, data: bytes) -> None:
    async def test(session: aiohttp.ClientSession, rig: Rig) -> None:
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / NAME))
        writer.write(data + b"\r\n\r\n")
        assert b"400" in await reader.readline()
        writer.close()
        assert (await ask(session, "GET", "/v1/floor"))[0] == 200

    on_a_socket(test, tmp_path)


# -- where it listens


def test_the_socket_is_for_owner_and_group(tmp_path: Path) -> None:
    unix = UnixSocket(tmp_path)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o660
    unix.close()


def test_a_living_socket_is_left_alone_and_a_dead_one_replaced(tmp_path: Path) -> None:
    first = UnixSocket(tmp_path)
    with pytest.raises(BusyError, match="serves this folder already"):
        UnixSocket(tmp_path)
    first.socket.close()  # as a killed one leaves it
    second = UnixSocket(tmp_path)
    first.close()
    connect(tmp_path / NAME).close()
    second.close()
    assert not (tmp_path / NAME).exists()


def test_a_file_in_the_way_is_kept(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("mine")
    with pytest.raises(BusyError, match="is no socket; remove it"):
        UnixSocket(tmp_path)
    assert (tmp_path / NAME).read_text() == "mine"


def test_a_long_path_is_no_trouble(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    unix = UnixSocket(folder)
    connect(folder / NAME).close()
    unix.close()
    assert not list(folder.iterdir())


@pytest.mark.parametrize("where", ["0.0.0.0:80", "192.168.1.4:80", "[::]:80"])
def test_only_loopback_is_listened_on(where: str) -> None:
    with pytest.raises(ValueError, match="can be reached from elsewhere"):
        loopback(where)


@pytest.mark.parametrize("where", ["8080", "localhost", ":80", "localhost:x", "localhost:70000", "hub.example:80"])
def test_a_wrong_address_is_told(where: str) -> None:
    with pytest.raises(ValueError, match=r"give (HOST:PORT|an address)"):
        loopback(where)


def test_a_port_that_is_taken_is_told() -> None:
    first = loopback("127.0.0.1:0")
    with pytest.raises(BusyError, match="another program listens there"):
        loopback(f"127.0.0.1:{first.getsockname()[1]}")
    first.close()
