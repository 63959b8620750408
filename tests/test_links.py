"""Links over real pseudo-terminals and loopback TCP: nothing blocks, nothing stays lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import termios
import tty
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.fd_link import FdLink
from devices.links import Backoff, LinkUrl, UsbName, open_link, parse
from devices.parity import ParityMarks
from devices.serial_link import SerialPort
from devices.tcp_link import TcpPort
from devices.types import Message

PATIENCE_S = 10.0
XOFF, XON = b"\x13", b"\x11"


class Witness:
    """A link's handler that can be waited on."""

    def __init__(self) -> None:
        self.ups: list[float] = []
        self.downs: list[str] = []
        self.data = bytearray()
        self.stamps: list[float] = []
        self._changed = asyncio.Event()

    def up(self, link_name: str, at: float) -> None:
        self.ups.append(at)
        self._changed.set()

    def down(self, link_name: str, why: str, at: float) -> None:
        self.downs.append(why)
        self._changed.set()

    def received(self, link_name: str, data: bytes | Message, at: float) -> None:
        assert isinstance(data, bytes)
        assert data
        self.data += data
        self.stamps.append(at)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class Line:
    """The machine's end of a cable: a pty whose other side is published as a symlink."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.master = -1

    def plug(self, pair: tuple[int, int] | None = None) -> None:
        self.master, other = pair or os.openpty()
        tty.setraw(other)
        os.set_blocking(self.master, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(other))
        os.close(other)

    def unplug(self) -> None:
        if self.master >= 0:
            os.close(self.master)
            self.master = -1
            self.path.unlink(missing_ok=True)

    async def read(self, count: int) -> bytes:
        got = bytearray()
        while len(got) < count:
            await readable(self.master)
            got += os.read(self.master, 65536)
        return bytes(got)

    async def write(self, data: bytes) -> None:
        while data:
            await writable(self.master)
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(self.master, data) :]


async def readable(fd: int) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(fd, ready.set)
    try:
        await asyncio.wait_for(ready.wait(), PATIENCE_S)
    finally:
        loop.remove_reader(fd)


async def writable(fd: int) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_writer(fd, ready.set)
    try:
        await asyncio.wait_for(ready.wait(), PATIENCE_S)
    finally:
        loop.remove_writer(fd)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path / "port")
    line.plug()
    yield line
    line.unplug()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(3 * PATIENCE_S):
            await scenario()

    asyncio.run(bounded())


@contextlib.asynccontextmanager
async def linked(url: str, witness: Witness) -> AsyncIterator[FdLink]:
    link = open_link("l", url, witness, asyncio.get_running_loop(), random.Random(1))
    assert isinstance(link, FdLink)
    link.start()
    try:
        yield link
    finally:
        link.stop()


def over_serial(line: Line, query: str = "") -> str:
    return f"serial://{line.path}{query}"


def test_bytes_go_both_ways_and_are_stamped_once(line: Line) -> None:
    async def scenario() -> None:
        witness = Witness()
        async with linked(over_serial(line), witness) as link:
            await witness.until(lambda: len(witness.ups) == 1)
            before = asyncio.get_running_loop().time() * 1000
            await line.write(b"\x02\x03\r\n\x11\x13\xff\x00")
            await witness.until(lambda: len(witness.data) == 8)
            assert witness.data == b"\x02\x03\r\n\x11\x13\xff\x00"
            assert before <= witness.stamps[0] <= asyncio.get_running_loop().time() * 1000
            link.write(b"\x02\x13\xff")
            assert await line.read(3) == b"\x02\x13\xff"
            health = link.health
            assert (health.up, health.bytes_in, health.bytes_out, health.reopened) == (True, 8, 3, 0)
            assert health.last_byte == witness.stamps[-1]

    run(scenario)


def test_what_piled_up_before_the_opening_is_not_received(line: Line) -> None:
    async def scenario() -> None:
        held = os.open(line.path, os.O_RDWR | os.O_NOCTTY)  # keeps what is written now
        witness = Witness()
        await line.write(b"old")
        await readable(held)
        async with linked(over_serial(line), witness):
            await witness.until(lambda: len(witness.ups) == 1)
            await line.write(b"new")
            await witness.until(lambda: len(witness.data) >= 3)
            assert witness.data == b"new"
        os.close(held)

    run(scenario)


def test_replugged_under_another_name_it_is_open_again_at_once(line: Line) -> None:
    async def scenario() -> None:
        witness = Witness()
        async with linked(over_serial(line), witness) as link:
            await witness.until(lambda: len(witness.ups) == 1)
            first = os.readlink(line.path)
            blocker = os.openpty()  # takes the next name, so that the new one differs
            line.unplug()
            await witness.until(lambda: len(witness.downs) == 1)
            assert "hung up" in witness.downs[0] or "Input/output error" in witness.downs[0]
            link.write(b"lost")
            line.plug()
            await witness.until(lambda: len(witness.ups) == 2)
            assert os.readlink(line.path) != first or blocker
            link.write(b"anew")
            assert await line.read(4) == b"anew"
            assert (link.health.up, link.health.reopened) == (True, 1)
            for fd in blocker:
                os.close(fd)

    run(scenario)


def test_a_missing_port_is_said_once_and_tried_until_it_is_there(line: Line) -> None:
    line.unplug()

    async def scenario() -> None:
        witness = Witness()
        async with linked(over_serial(line), witness) as link:
            await witness.until(lambda: len(witness.downs) == 1)
            assert witness.downs[0].startswith(f"{line.path}: not there")
            assert not link.health.up
            line.plug()
            await witness.until(lambda: len(witness.ups) == 1)
            assert len(witness.downs) == 1

    run(scenario)


def test_the_second_opener_is_refused_and_gets_the_port_when_it_is_free(line: Line) -> None:
    async def scenario() -> None:
        first, second = Witness(), Witness()
        async with linked(over_serial(line), first) as link:
            await first.until(lambda: len(first.ups) == 1)
            async with linked(over_serial(line), second):
                await second.until(lambda: len(second.downs) == 1)
                assert second.downs == [f"{line.path}: in use by another program (floord ports says by which)"]
                link.stop()
                await second.until(lambda: len(second.ups) == 1)
        assert first.downs == []

    run(scenario)


def test_what_is_no_serial_port_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    async def scenario() -> None:
        witness = Witness()
        async with linked(f"serial://{tmp_path}/file", witness):
            await witness.until(lambda: len(witness.downs) == 1)
            assert witness.downs[0].startswith(f"{tmp_path}/file: ")

    run(scenario)


class Heart:
    """Beats on the loop; the longest pause between two beats shows a stall."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self.longest = 0.0
        self.beats = 0
        self._beat()

    def _beat(self) -> None:
        now = self._loop.time()
        self.longest, self._last = max(self.longest, now - self._last), now
        self.beats += 1
        self._next = self._loop.call_later(0.005, self._beat)

    def stop(self) -> None:
        self._next.cancel()


def stuck_link(line: Line, witness: Witness, query: str = "") -> FdLink:
    """A link that gives a stuck peer 100 ms."""
    loop = asyncio.get_running_loop()
    url = parse(over_serial(line, query))
    return FdLink("l", SerialPort(url, loop), witness, loop, random.Random(1), stuck_ms=100.0)


def test_after_xoff_the_loop_lives_and_the_port_is_opened_anew(line: Line) -> None:
    async def scenario() -> None:
        witness = Witness()
        link = stuck_link(line, witness, "?flow=xonxoff")
        link.start()
        await witness.until(lambda: len(witness.ups) == 1)
        await line.write(XOFF)
        heart = Heart()
        for _ in range(10):  # the terminal takes some before it feels the XOFF
            link.write(b"x" * 10_000)
        await witness.until(lambda: len(witness.downs) == 1)
        assert "blocked by flow control" in witness.downs[0]
        assert heart.longest < 1.0
        heart.stop()
        await line.write(XON)
        await witness.until(lambda: len(witness.ups) == 2)
        link.stop()

    run(scenario)


def test_a_peer_that_does_not_read_is_dropped_one_that_reads_slowly_is_not(line: Line) -> None:
    async def scenario() -> None:
        witness = Witness()
        link = stuck_link(line, witness)
        link.start()
        await witness.until(lambda: len(witness.ups) == 1)
        message = bytes(range(256)) * 400
        link.write(message)
        heart, got = Heart(), bytearray()
        while len(got) < len(message):  # about as long as three times the patience with a stuck peer
            beats = heart.beats
            while heart.beats < beats + 4:
                await asyncio.wait_for(asyncio.to_thread(lambda: None), PATIENCE_S)
            await readable(line.master)
            got += os.read(line.master, 4096)
        assert got == message
        assert witness.downs == []
        link.write(message)
        await witness.until(lambda: len(witness.downs) == 1)
        await witness.until(lambda: len(witness.ups) == 2)
        heart.stop()
        link.stop()

    run(scenario)


def test_output_is_bounded(line: Line) -> None:
    async def scenario() -> None:
        witness = Witness()
        async with linked(over_serial(line), witness) as link:
            await witness.until(lambda: len(witness.ups) == 1)
            for _ in range(100):
                link.write(b"x" * 10_000)
                assert len(link._out) <= 262_144
            await witness.until(lambda: len(witness.downs) == 1)
            assert "blocked" in witness.downs[0]

    run(scenario)


def test_a_flood_of_a_megabyte_arrives_whole(line: Line) -> None:
    async def scenario() -> None:
        witness = Witness()
        flood = random.Random(7).randbytes(1_000_000)
        async with linked(over_serial(line), witness):
            await witness.until(lambda: len(witness.ups) == 1)
            heart = Heart()
            await line.write(flood)
            await witness.until(lambda: len(witness.data) == len(flood))
            assert witness.data == flood
            assert heart.longest < 1.0
            heart.stop()

    run(scenario)


def test_with_parity_checking_every_byte_still_arrives(line: Line) -> None:
    async def scenario() -> None:
        witness = Witness()
        async with linked(over_serial(line, "?parity=E"), witness):
            await witness.until(lambda: len(witness.ups) == 1)
            fd = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
            assert termios.tcgetattr(fd)[0] & (termios.INPCK | termios.PARMRK) == termios.INPCK | termios.PARMRK
            os.close(fd)
            await line.write(bytes(range(256)) * 3)
            await witness.until(lambda: len(witness.data) >= 768)
            assert witness.data == bytes(range(256)) * 3

    run(scenario)


@given(st.lists(st.one_of(st.integers(-1, 255), st.none()), max_size=40), st.data())
def test_parity_marks_in_any_split(sent: list[int | None], data: st.DataObject) -> None:
    """None = a byte that arrived with a parity error, as termios(3) marks it; -1 = a break."""
    marked = {None: b"\xff\x00A", -1: b"\xff\x00\x00", 255: b"\xff\xff"}
    wire = b"".join(marked.get(byte) or bytes([byte or 0]) for byte in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=5)))
    marks = ParityMarks()
    parts = [marks.feed(wire[start:end]) for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    assert b"".join(parts) == bytes(0x1A if byte in (None, -1) else byte or 0 for byte in sent)
    assert marks.damaged == sent.count(None) + sent.count(-1)
    assert marks.breaks == sent.count(-1)


@given(st.binary(max_size=40))
def test_parity_marks_take_any_bytes(wire: bytes) -> None:
    marks = ParityMarks()
    out = marks.feed(wire)
    assert len(out) <= len(wire)


# --- TCP -------------------------------------------------------------------------------------------------------------


class Server:
    """A device server on loopback."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setblocking(False)
        self.port = self._listening.getsockname()[1]
        self.url = f"tcp://127.0.0.1:{self.port}"

    async def accept(self) -> socket.socket:
        await readable(self._listening.fileno())
        connection, _ = self._listening.accept()
        connection.setblocking(False)
        return connection

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_tcp_both_ways_end_of_file_and_again(server: Server) -> None:
    async def scenario() -> None:
        witness = Witness()
        async with linked(server.url, witness) as link:
            with await server.accept() as peer:
                await witness.until(lambda: len(witness.ups) == 1)
                link.write(b"to you")
                await readable(peer.fileno())
                assert peer.recv(100) == b"to you"
                peer.send(b"to me")
                await witness.until(lambda: witness.data == b"to me")
            await witness.until(lambda: len(witness.downs) == 1)
            assert "closed by the other side" in witness.downs[0]
            with await server.accept() as peer:
                await witness.until(lambda: len(witness.ups) == 2)
                peer.send(b" again")
                await witness.until(lambda: witness.data == b"to me again")

    run(scenario)


def test_tcp_keeps_alive(server: Server) -> None:
    async def scenario() -> None:
        witness = Witness()
        async with linked(server.url, witness) as link:
            with await server.accept():
                await witness.until(lambda: len(witness.ups) == 1)
                assert isinstance(link._port, TcpPort)
                ours = link._port._socket
                assert ours is not None
                assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5
                assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
                assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    run(scenario)


def test_tcp_nobody_listens_and_unknown_hosts(server: Server) -> None:
    server.close()

    async def scenario() -> None:
        witness, lost = Witness(), Witness()
        async with linked(server.url, witness), linked("tcp://no..such:1", lost):
            await witness.until(lambda: len(witness.downs) == 1)
            assert witness.downs == [f"127.0.0.1:{server.port}: Connection refused"]
            await lost.until(lambda: len(lost.downs) == 1)
            assert lost.downs[0].startswith("no..such:1: ")

    run(scenario)


def test_tcp_flood_and_a_peer_that_reads_nothing(server: Server) -> None:
    async def scenario() -> None:
        witness = Witness()
        flood = random.Random(7).randbytes(1_000_000)
        async with linked(server.url, witness) as link:
            with await server.accept() as peer:
                await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(peer, flood), PATIENCE_S)
                await witness.until(lambda: len(witness.data) == len(flood))
                assert witness.data == flood
                heart = Heart()
                for _ in range(1000):
                    link.write(flood[:10_000])
                await witness.until(lambda: len(witness.downs) == 1)
                assert "takes nothing" in witness.downs[0]
                assert heart.longest < 1.0
                heart.stop()

    run(scenario)


def test_stopped_while_opening_nothing_is_told_or_left_open(line: Line, server: Server) -> None:
    async def scenario() -> None:
        witness = Witness()
        before = set(os.listdir("/proc/self/fd"))
        for url in (over_serial(line), server.url):
            for turns in range(4):
                async with linked(url, witness):
                    for _ in range(turns):
                        await asyncio.to_thread(lambda: None)
        await asyncio.get_running_loop().shutdown_default_executor()
        async with asyncio.timeout(PATIENCE_S):
            while set(os.listdir("/proc/self/fd")) != before:  # noqa: ASYNC110 - ports close beside the loop
                await asyncio.sleep(0.005)

    run(scenario)


def test_one_broken_link_leaves_the_others(line: Line, server: Server) -> None:
    async def scenario() -> None:
        broken, sound = Witness(), Witness()
        async with linked("serial:///dev/nothing", broken), linked(server.url, sound):
            with await server.accept() as peer:
                await broken.until(lambda: len(broken.downs) == 1)
                peer.send(b"x")
                await sound.until(lambda: sound.data == b"x")

    run(scenario)


# --- URLs and waiting ------------------------------------------------------------------------------------------------


def test_urls_are_parsed() -> None:
    assert parse("tcp://192.0.2.7:2112") == LinkUrl("tcp", host="192.0.2.7", port=2112)
    assert parse("tcp://[::1]:9") == LinkUrl("tcp", host="::1", port=9)
    assert parse("serial:///dev/serial/by-id/usb-A1") == LinkUrl("serial", path="/dev/serial/by-id/usb-A1")
    assert parse("serial:///dev/ttyS0?baud=57600&parity=E&bytesize=7&stopbits=2&flow=rtscts") == LinkUrl(
        "serial", path="/dev/ttyS0", baud=57600, parity="E", bytesize=7, stopbits=2.0, flow="rtscts"
    )

    assert parse("usb://0403:6001?echo=strip&dtr=off") == LinkUrl(
        "usb", usb=UsbName("0403", "6001"), echo=True, dtr=False
    )
    full = parse("usb://10C4:EA60:a%3Ab%2F1:0A?baud=57600&rts=on")
    assert full == LinkUrl("usb", usb=UsbName("10c4", "ea60", "a:b/1", "0a"), baud=57600, rts=True)
    assert full.transport == "serial"
    assert str(full.usb) == "usb://10c4:ea60:a:b/1:0a"


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("/dev/ttyUSB0", "a path alone; write serial:///dev/ttyUSB0?baud=9600, with the speed of the machine"),
        ("10.0.0.5:2112", "an address alone; write tcp://10.0.0.5:2112"),
        ("scanner-1:2112", "an address alone; write tcp://scanner-1:2112"),
        ("COM3", "write one of: serial:///dev/serial/by-id/…?baud=115200, usb://VID:PID:SERIAL?baud=115200, tcp"),
        ("tpc://h:1", "unknown scheme 'tpc'; did you mean tcp://host:port?"),
        ("mqtt://h/handheld", "a topic does not stand in it; write link = 'mqtt://h' and base = 'handheld'"),
        ("mqtts://h:8883/a/b/", "write link = 'mqtts://h:8883' and base = 'a/b'"),
        ("serial:///dev/x?baudrate=9600", "unknown setting 'baudrate'; did you mean 'baud'? known are: "),
        ("serial:///dev/x?parity=Even", "parity = 'Even'; write parity=E"),
        ("pty:///run/x", "unknown scheme 'pty'"),
        ("serial://dev/ttyS0", "three slashes"),
        ("serial:///", "three slashes"),
        ("serial:///dev/x?bauds=1", "known are: baud, bytesize, dtr, echo"),
        ("serial:///dev/x?baud=fast", "from 50 to 4000000"),
        ("serial:///dev/x?baud=²", "from 50 to 4000000"),
        ("serial:///dev/x?baud=", "from 50 to 4000000"),
        ("serial:///dev/x?baud=9600&baud=1200", "stands twice"),
        ("serial:///dev/x?parity=8", "write one of: N, E, O, M, S"),
        ("serial:///dev/x?stopbits=3", "write one of: 1, 1.5, 2"),
        ("serial:///dev/x?echo=yes", "write one of: keep, strip"),
        ("serial:///dev/x?dtr=1", "write one of: on, off"),
        ("serial:///dev/x?flow=rtscts&rts=off", "the port drives RTS itself"),
        ("rfc2217://h:1?dtr=off", "known are: baud, bytesize, echo, flow, parity, stopbits"),
        ("usb://0403", "usb://VID:PID"),
        ("usb://0403:601", "'601' is not 4 hex digits"),
        ("usb://0403:60g1", "'60g1' is not 4 hex digits"),
        ("usb://0403:6001:A:1", "'1' is not 2 hex digits"),
        ("usb://0403:6001:A:01:x", "usb://VID:PID"),
        ("usb://0403:6001/x", "usb://VID:PID"),
        ("usb://٠403:6001", "is not 4 hex digits"),
        ("tcp://host", "tcp://host:port"),
        ("tcp://:2112", "tcp://host:port"),
        ("tcp://host:0", "tcp://host:port"),
        ("tcp://host:99999", "out of range"),
        ("tcp://host:1/path", "tcp://host:port"),
        ("tcp://[::1:5", "tcp://host:port"),
    ],
)
def test_a_bad_url_says_what_to_write(url: str, advice: str) -> None:
    with pytest.raises(ValueError) as error:
        parse(url)
    assert advice in str(error.value)
    assert repr(url) in str(error.value)


@given(st.text(max_size=60))
def test_no_text_gets_past_but_as_value_error(text: str) -> None:
    for url in (text, f"serial:///{text}", f"tcp://{text}"):
        with contextlib.suppress(ValueError):
            parse(url)


def test_backoff_at_once_then_longer_with_jitter() -> None:
    backoff = Backoff(random.Random(3))
    waits = [backoff.next(0.0) for _ in range(12)]
    assert waits[0] == 0.0
    assert all(0.1 <= wait <= 5.0 for wait in waits[1:])
    assert all(wait >= 2.5 for wait in waits[7:])
    assert len(set(waits)) == len(waits)
    assert backoff.next(4.0) > 0.0  # it opened and was lost again soon
    assert backoff.next(5.0) == 0.0


def test_no_password_is_printed() -> None:
    with pytest.raises(ValueError, match="no name or password in it") as error:
        parse("mqtt://floor:secret@broker:1883")
    assert "secret" not in str(error.value)
    assert "broker" in str(error.value)
