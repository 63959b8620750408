"""A machine that connects to us: one connection at a time, the newest; the port is ours again whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator

import pytest

from devices.links import Health
from tests.test_links import Heart, Witness, linked, readable, run


@pytest.fixture
def port() -> int:
    """A free one."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def machine(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=5.0) as connection:
        connection.setblocking(False)
        yield connection


async def listening(port: int) -> None:
    """Until the port takes connections. Each attempt is a machine that goes at once."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return


def test_both_ways_and_again_after_the_machine_went(port: int) -> None:
    async def scenario() -> None:
        witness = Witness()
        async with linked(f"tcp-listen://127.0.0.1:{port}", witness) as link:
            await listening(port)
            await witness.until(lambda: len(witness.downs) == 1)
            ups = len(witness.ups)
            for said in (b"one", b"two"):
                with machine(port) as peer:
                    peer.sendall(said)
                    await witness.until(lambda: len(witness.data) == 3)
                    assert bytes(witness.data) == said
                    witness.data.clear()
                    link.write(said)
                    await readable(peer.fileno())
                    assert peer.recv(100) == said
                await witness.until(lambda: not link.health.up)
            assert len(witness.ups) == ups + 2
            assert "hung up" in witness.downs[-1]

    run(scenario)


def test_a_second_connection_replaces_the_first(port: int) -> None:
    async def scenario() -> None:
        witness = Witness()
        async with linked(f"tcp-listen://127.0.0.1:{port}", witness) as link:
            await listening(port)
            await witness.until(lambda: len(witness.downs) == 1)
            before = len(witness.ups)
            with machine(port) as first:
                await witness.until(lambda: len(witness.ups) == before + 1)
                first.sendall(b"first")
                await witness.until(lambda: witness.data == b"first")
                with machine(port) as second:
                    await witness.until(lambda: len(witness.ups) == before + 2)
                    await readable(first.fileno())
                    assert first.recv(100) == b"", "the first is told"
                    second.sendall(b"second")
                    await witness.until(lambda: witness.data == b"firstsecond")
                    link.write(b"yours")
                    await readable(second.fileno())
                    assert second.recv(100) == b"yours"

    run(scenario)


def test_of_many_at_once_the_newest_is_kept(port: int) -> None:
    async def scenario() -> None:
        witness = Witness()
        async with linked(f"tcp-listen://127.0.0.1:{port}", witness):
            await listening(port)
            await witness.until(lambda: len(witness.downs) == 1)
            with contextlib.ExitStack() as stack:
                peers = [stack.enter_context(machine(port)) for _ in range(4)]
                peers[-1].sendall(b"newest")
                await witness.until(lambda: witness.data == b"newest")
                for old in peers[:-1]:
                    await readable(old.fileno())
                    with contextlib.suppress(ConnectionResetError):
                        assert old.recv(100) == b""

    run(scenario)


def test_hang_up_ends_the_connection_and_the_next_is_taken(port: int) -> None:
    async def scenario() -> None:
        witness = Witness()
        async with linked(f"tcp-listen://127.0.0.1:{port}", witness) as link:
            await listening(port)
            await witness.until(lambda: len(witness.downs) == 1)
            with machine(port) as peer:
                await witness.until(lambda: link.health.up)
                link.hang_up("for a reason")
                await witness.until(lambda: witness.downs[-1] == "for a reason")
                await readable(peer.fileno())
                assert peer.recv(100) == b""
            with machine(port) as peer:
                peer.sendall(b"again")
                await witness.until(lambda: witness.data == b"again")

    run(scenario)


def test_a_port_in_use_is_said_once_and_ours_when_it_is_free(port: int) -> None:
    async def scenario() -> None:
        witness = Witness()
        with socket.create_server(("127.0.0.1", port)):
            async with linked(f"tcp-listen://127.0.0.1:{port}", witness):
                await witness.until(lambda: len(witness.downs) == 1)
                assert witness.downs == [f"127.0.0.1:{port}: Address already in use"]
        async with linked(f"tcp-listen://127.0.0.1:{port}", witness):
            await listening(port)
            await witness.until(lambda: len(witness.ups) == 1)

    run(scenario)


def test_a_port_that_becomes_free_is_taken(port: int) -> None:
    async def scenario() -> None:
        witness = Witness()
        taken = socket.create_server(("127.0.0.1", port))
        async with linked(f"tcp-listen://127.0.0.1:{port}", witness):
            await witness.until(lambda: len(witness.downs) == 1)
            taken.close()
            await listening(port)
            await witness.until(lambda: len(witness.ups) == 1)

    run(scenario)


def test_an_address_that_is_not_ours_is_said() -> None:
    async def scenario() -> None:
        witness = Witness()
        async with linked("tcp-listen://192.0.2.1:4000", witness):
            await witness.until(lambda: len(witness.downs) == 1)
            assert witness.downs[0].startswith("192.0.2.1:4000: Cannot assign")

    run(scenario)


def test_stopped_it_listens_no_more_and_says_nothing(port: int) -> None:
    async def scenario() -> None:
        witness = Witness()
        async with linked(f"tcp-listen://127.0.0.1:{port}", witness) as link:
            await listening(port)
            await witness.until(lambda: len(witness.downs) == 1)
            with machine(port) as peer:
                await witness.until(lambda: link.health.up)
                told = (len(witness.ups), len(witness.downs))
                link.stop()
                assert not link.health.up
                await readable(peer.fileno())
                assert peer.recv(100) == b""
                with pytest.raises(ConnectionRefusedError):
                    await asyncio.open_connection("127.0.0.1", port)
                assert (len(witness.ups), len(witness.downs)) == told
            link.start()
            with contextlib.ExitStack() as stack:
                await listening(port)
                stack.enter_context(machine(port)).sendall(b"anew")
                await witness.until(lambda: witness.data == b"anew")

    run(scenario)


def test_stopped_while_its_port_is_in_use_it_stays_stopped(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal is on its way when the link is stopped; it must not begin again."""

    async def scenario() -> None:
        witness = Witness()
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", port)):
            async with linked(f"tcp-listen://127.0.0.1:{port}", witness) as link:
                bound = asyncio.Event()
                begin = link._port.begin

                def begun(*callbacks: object) -> None:
                    begin(*callbacks)  # type: ignore[arg-type]
                    bound.set()

                monkeypatch.setattr(link._port, "begin", begun)
                await bound.wait()
                link.stop()
                for _ in range(5):
                    turned = loop.create_future()
                    loop.call_soon(turned.set_result, None)
                    await turned
                assert witness.downs == []
                assert link.health == Health(since=link.health.since)

    run(scenario)


def test_without_descriptors_it_waits_instead_of_spinning(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.tcp_link.REST_S", 0.1)

    async def scenario() -> None:
        witness = Witness()
        async with linked(f"tcp-listen://127.0.0.1:{port}", witness):
            await listening(port)
            await witness.until(lambda: len(witness.downs) == 1)
            refused = 0
            accept = socket.socket.accept

            def exhausted(self: socket.socket) -> tuple[socket.socket, object]:
                nonlocal refused
                if refused < 3:
                    refused += 1
                    raise OSError(errno.EMFILE, "Too many open files")
                return accept(self)

            heart = Heart()
            monkeypatch.setattr(socket.socket, "accept", exhausted)
            with machine(port) as peer:
                peer.sendall(b"at last")
                await witness.until(lambda: witness.data == b"at last")
            assert refused == 3
            assert heart.beats > 10, "the loop lived meanwhile"
            heart.stop()

    run(scenario)
