"""P16: simulated machines are not taken for real ones. Ports, brokers in production, the notice, floord's alarm."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import aiomqtt
import pytest
from click.testing import CliRunner

from controller import broker, reaching, simulators
from firmware_stubs import floor_file
from firmware_stubs.__main__ import main
from firmware_stubs.notice import in_production
from firmware_stubs.serve import Simulation
from firmware_stubs.stub import Message
from firmware_stubs.wire import PortError, Side
from firmware_stubs.wire_recording import Header, Recorder, Wired
from firmware_stubs.wires import is_loopback, open_wire
from tests.floor_fixture import small_floor
from tests.test_node import Daemon, named
from tests.test_stub_mqtt import FLOOR, PATIENCE_S, START

STATE = "hub/v1/lgg/sorter-a/state/node"


@pytest.fixture(params=[*START])
def child(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[broker.Child]:
    try:
        started = START[request.param](tmp_path)
    except broker.BrokerMissing as missing:
        pytest.skip(str(missing))
    with started:
        yield started


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def timed() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test()

    asyncio.run(timed())


def node(state: str, mode: str) -> str:
    return json.dumps({"state": state, "mode": mode, "boot": 1, "journal": "abcdefgh"})


@contextlib.asynccontextmanager
async def simulated(port: int) -> AsyncIterator[asyncio.Task[int]]:
    """A PLC at the broker, that has no parcels and no end."""
    source, manifest = os.pipe()
    floor = floor_file.read(tomllib.loads(FLOOR.format(port=port)))
    simulation = Simulation(floor, None, seed=None, utc_ms=0.0)
    task = asyncio.create_task(simulation.run(source, wait=False, real=False))
    try:
        yield task
    finally:
        simulation.stop()
        simulation.stop()
        with contextlib.suppress(PortError):
            await task
        for fd in (source, manifest):
            os.close(fd)


async def told(hub: aiomqtt.Client) -> tuple[str, bytes]:
    message = await anext(aiter(hub.messages))
    return str(message.topic), bytes(message.payload)


def test_a_broker_with_a_node_in_production_is_refused_before_anything_is_said_there(child: broker.Child) -> None:
    async def test() -> None:
        async with aiomqtt.Client("127.0.0.1", child.port) as hub:
            await hub.publish(STATE, node("online", "production"), qos=1, retain=True)
            await hub.subscribe([("hub/s1/#", 1), ("floorsim/#", 1)])
            async with simulated(child.port) as task:
                with pytest.raises(PortError, match="node sorter-a of site lgg runs in production there"):
                    await task
            await hub.publish("hub/s1/end", b"")
            assert (await told(hub))[0] == "hub/s1/end"

    run(test)


def test_where_none_is_in_production_a_notice_stands_as_long_as_machines_are_simulated(child: broker.Child) -> None:
    async def test() -> None:
        async with aiomqtt.Client("127.0.0.1", child.port) as hub:
            await hub.publish(STATE, node("offline", "production"), qos=1, retain=True)
            await hub.publish(STATE.replace("-a", "-b"), node("online", "test"), qos=1, retain=True)
            await hub.subscribe("hub/s1/#", 1)
            async with simulated(child.port):
                assert await told(hub) == ("hub/s1/status", b"online")
                async with aiomqtt.Client("127.0.0.1", child.port) as late:
                    await late.subscribe("floorsim/+", 1)
                    topic, notice = await told(late)
                    found: dict[str, Any] = json.loads(notice)
                    assert topic.startswith("floorsim/floorsim-")
                    assert (found["simulated"], found["pid"]) == ({"s1": "mqtt_json"}, os.getpid())
                    assert found["by"].startswith("floorsim of ")
                    assert found["since"].endswith("+00:00")
            async with aiomqtt.Client("127.0.0.1", child.port) as later:
                await later.subscribe("floorsim/+", 1)
                await later.publish("floorsim/end", b"x")
                assert (await told(later))[0] == "floorsim/end"

    run(test)


def test_a_node_that_comes_into_production_later_ends_the_simulation(child: broker.Child) -> None:
    async def test() -> None:
        async with aiomqtt.Client("127.0.0.1", child.port) as hub:
            await hub.subscribe("hub/s1/#", 1)
            async with simulated(child.port) as task:
                assert await told(hub) == ("hub/s1/status", b"online")
                await hub.publish(STATE, node("online", "production"), qos=1, retain=True)
                with pytest.raises(PortError, match="sorter-a"):
                    await task
                assert await told(hub) == ("hub/s1/status", b"offline")

    run(test)


def test_behind_a_connection_that_comes_again_it_looks_again_before_it_speaks(
    child: broker.Child, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The port is another broker's meanwhile: of a tunnel that now leads to production."""
    again = tmp_path / "again"
    again.mkdir()

    async def produces() -> None:
        async with aiomqtt.Client("127.0.0.1", child.port) as hub:
            await hub.publish(STATE, node("online", "production"), qos=1, retain=True)

    async def test() -> None:
        async with simulated(child.port) as task:
            async with aiomqtt.Client("127.0.0.1", child.port) as hub:
                await hub.subscribe("hub/s1/#", 1)
                assert await told(hub) == ("hub/s1/status", b"online")
            child.kill()
            with START[request.node.callspec.params["child"]](again, child.port):
                with ThreadPoolExecutor() as pool:  # our loop waits for it, so nobody simulated comes before
                    pool.submit(asyncio.run, produces()).result()
                with pytest.raises(PortError, match="sorter-a"):
                    await task
                async with aiomqtt.Client("127.0.0.1", child.port) as late:
                    await late.subscribe("hub/s1/#", 1)  # its status would be kept there
                    await late.publish("hub/s1/end", b"")
                    assert (await told(late))[0] == "hub/s1/end"

    run(test)


@pytest.mark.parametrize("role", ["device", "host"])
def test_nothing_recorded_is_played_where_a_node_is_in_production(
    child: broker.Child, tmp_path: Path, role: str
) -> None:
    file = tmp_path / "r.jsonl"
    with file.open("w") as out:
        recorder = Recorder(out.write, Header("0", 0.0, {"plc": Wired("mqtt_json", "mqtt://x:1")}), 0.0)
        recorder.wire(1.0, "plc", role, Message("hub/s1/up", b"x"))
    replay = [sys.executable, "-m", "firmware_stubs", "replay", str(file), "--as", role, "--link"]

    async def test() -> None:
        async with aiomqtt.Client("127.0.0.1", child.port) as hub:
            await hub.publish(STATE, node("online", "production"), qos=1, retain=True)
            await hub.subscribe("hub/s1/#", 1)
            refused = await asyncio.create_subprocess_exec(*replay, child.url, stderr=asyncio.subprocess.PIPE)
            _, complaint = await refused.communicate()
            assert refused.returncode == 69
            assert b"node sorter-a of site lgg runs in production there" in complaint
            await hub.publish("hub/s1/end", b"")
            assert (await told(hub))[0] == "hub/s1/end"

    run(test)


@pytest.mark.parametrize("link", ["serial:///dev/null?baud=9600", "mqtt://192.0.2.1:1883"])
def test_what_was_recorded_is_played_on_real_ports_only_if_allowed(tmp_path: Path, link: str) -> None:
    file = tmp_path / "r.jsonl"
    with file.open("w") as out:
        Recorder(out.write, Header("0", 0.0, {"plc": Wired("telegram", "pty:///x")}), 0.0)
    done = CliRunner().invoke(main, ["replay", str(file), "--as", "device", "--link", link])
    assert (done.exit_code, "only with --real" in done.output) == (69, True)


def test_who_is_killed_leaves_no_notice_and_the_command_says_who_is_in_production(child: broker.Child) -> None:
    words = [sys.executable, "-m", "firmware_stubs", "device", "mqtt_json", "--link", f"mqtt://127.0.0.1:{child.port}"]

    async def test() -> None:
        async with aiomqtt.Client("127.0.0.1", child.port) as hub:
            await hub.subscribe("floorsim/+", 1)
            with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:  # noqa: ASYNC220
                try:
                    topic, notice = await told(hub)
                    assert json.loads(notice)["simulated"] == {"mqtt-json-1": "mqtt_json"}
                finally:
                    process.send_signal(signal.SIGKILL)
                assert await told(hub) == (topic, b"")
            await hub.publish(STATE, node("online", "production"), qos=1, retain=True)
            refused = await asyncio.create_subprocess_exec(
                *words, "--real", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            _, complaint = await refused.communicate()
            assert refused.returncode == 69
            assert b"node sorter-a of site lgg runs in production there" in complaint

    run(test)


@pytest.mark.parametrize(
    ("host", "is_it"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("broker", False),
        ("10.0.0.1", False),
    ],
)
def test_what_is_this_machine(host: str, is_it: bool) -> None:
    assert is_loopback(host) == is_it


def test_a_broker_on_another_machine_needs_real() -> None:
    async def opens() -> None:
        side = Side(lambda piece: None)
        with pytest.raises(PortError, match="a broker on another machine is simulated at only with --real"):
            await open_wire("mqtt://broker.example:1883", side, real=False)
        (await open_wire("mqtt://broker.example:1883", side, real=True)).close()

    run(opens)


@pytest.mark.parametrize(
    ("payload", "is_it"),
    [
        (node("online", "production").encode(), True),
        (node("online", "simulated").encode(), False),
        (node("offline", "production").encode(), False),
        (b"", False),
        (b"[]", False),
        (b"{", False),
        (b"\xff", False),
        (b"[" * 100_000, False),
        ("text", False),
    ],
)
def test_what_is_a_node_in_production(payload: object, is_it: bool) -> None:
    assert in_production(payload) == is_it


# -- floord in production

NOTICE = (
    b'{"simulated": {"plc-1": "telegram"}, "by": "floorsim of eva@laptop", "pid": 7, "since": "2026-01-01T00:00:00Z"}'
)


def alarms(daemon: Daemon) -> list[tuple[str, str]]:
    """What was raised and cleared since the last call."""
    known = len(daemon.journal.rows)
    daemon.commit_if_any()
    rows = list(daemon.journal.rows.values())[known:]
    return [(named(row), json.loads(row.body)["data"]["alarm"]) for row in rows if named(row).startswith("alarm/")]


def test_a_node_raises_an_alarm_while_a_notice_stands() -> None:
    daemon = Daemon().up()
    alarms(daemon)
    daemon.node.message("floorsim/floorsim-1", NOTICE, 0, daemon.now, True)
    daemon.node.message("floorsim/floorsim-1", NOTICE, 0, daemon.now, True)
    assert alarms(daemon) == [("alarm/raised", "simulator")]
    assert "floorsim of eva@laptop since 2026-01-01T00:00:00Z simulates plc-1" in daemon.node.alarms["simulator"]
    daemon.node.message("floorsim/floorsim-2", b"[]", 0, daemon.now)
    daemon.node.message("floorsim/floorsim-1", b"", 0, daemon.now)
    assert alarms(daemon) == []
    daemon.node.message("floorsim/floorsim-2", b"", 0, daemon.now)
    assert alarms(daemon) == [("alarm/cleared", "simulator")]
    daemon.node.message("floorsim/floorsim-1", NOTICE, 0, daemon.now)
    daemon.node.disconnected(daemon.now)
    daemon.node.connected(daemon.now)  # it was cleared meanwhile: it does not come again
    assert [name for name, _ in alarms(daemon)] == ["alarm/raised", "alarm/cleared"]


def test_only_a_node_in_production_listens_for_notices() -> None:
    for mode, heard in (("test", 0), ("production", 1)):
        config, _ = small_floor(f'mode = "test" => mode = "{mode}"')
        options = reaching.centre(config, Daemon().node)
        assert list(options.subscriptions).count((simulators.TOPIC, 0)) == heard


def test_what_a_stranger_says_in_a_notice_is_bounded() -> None:
    found, random = simulators.Simulators(), Random(1)
    for number in range(3 * simulators.MOST):
        found.heard(f"floorsim/{number}", json.dumps({"by": "x" * 9999, "since": "y" * 9999}).encode())
        found.heard(f"floorsim/{number}-bytes", random.randbytes(20))
    assert len(found.what or "") < 500
    assert f"{simulators.MOST - 1} others" in (found.what or "")
