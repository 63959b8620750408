"""Ports by name, locks, echo, counters, replugging: over pseudo-terminals, and a made-up /sys and /dev."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import random
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import serial_link, serial_ports
from devices.echo import LATE_MS, MOST, Echo
from devices.fd_link import FdLink
from devices.links import UsbName, parse
from devices.serial_counts import LineErrors, line_counts
from devices.serial_link import PortUnusable, SerialPort, open_port
from devices.serial_ports import NotFound, PortInfo, best_link, find, ports, there
from tests.made_ports import Machine
from tests.test_links import PATIENCE_S, XOFF, Heart, Line, Witness, linked, over_serial, run


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path / "port")
    line.plug()
    yield line
    line.unplug()


# --- names -----------------------------------------------------------------------------------------------------------


def test_a_machine_without_ports_has_none(tmp_path: Path) -> None:
    assert ports(tmp_path) == []
    assert there(tmp_path) == frozenset()
    with pytest.raises(NotFound, match=r"usb://0403:6001: not there: unplugged, or another name \(floord ports"):
        find(UsbName("0403", "6001"), tmp_path)


def test_ports_are_listed_with_what_they_say_of_themselves(machine: Machine) -> None:
    machine.uart("ttyS0", type="4")
    machine.uart("ttyS1", type="0")  # a number that the driver keeps free
    machine.virtual("tty1")
    machine.usb("ttyUSB0", "1-2", "0403:6001", serial="A9", product="FT232R", maker="FTDI")
    machine.usb("ttyUSB10", "1-3", "10c4:ea60", serial="B")
    machine.usb("ttyUSB2", "1-4", "10c4:ea60", serial="C")
    found, dev = ports(machine.root), f"{machine.root}/dev"
    assert [port.path for port in found] == [f"{dev}/{name}" for name in ("ttyS0", "ttyUSB0", "ttyUSB2", "ttyUSB10")]
    assert found[0] == PortInfo(f"{dev}/ttyS0", driver="serial8250")
    assert found[1] == PortInfo(
        f"{dev}/ttyUSB0",
        driver="made_sio",
        vid="0403",
        pid="6001",
        serial="A9",
        interface="00",
        manufacturer="FTDI",
        product="FT232R",
        by_id=f"{dev}/serial/by-id/usb-0403_6001_A9-if00-port0",
        by_path=f"{dev}/serial/by-path/pci-0000:00-usb-0:1-2:1.00-port0",
    )


def test_a_usb_name_finds_its_port_wherever_it_is(machine: Machine) -> None:
    machine.usb("ttyUSB0", "1-1", "0403:6001", serial="A1")
    machine.usb("ttyUSB1", "1-2", "0403:6001", serial="A2")
    machine.usb("ttyUSB2", "1-3", "0403:6010", serial="Q", interface="00")
    machine.usb("ttyUSB3", "1-3", "0403:6010", serial="Q", interface="01")
    assert find(UsbName("0403", "6001", "A2"), machine.root) == f"{machine.root}/dev/ttyUSB1"
    assert find(UsbName("0403", "6010", "", "01"), machine.root) == f"{machine.root}/dev/ttyUSB3"
    assert find(UsbName("0403", "6010", "Q", "00"), machine.root) == f"{machine.root}/dev/ttyUSB2"
    machine.remove("ttyUSB1")
    machine.usb("ttyUSB7", "1-2", "0403:6001", serial="A2")
    assert find(UsbName("0403", "6001", "A2"), machine.root) == f"{machine.root}/dev/ttyUSB7"


def test_a_name_that_several_bear_is_refused_with_their_places(machine: Machine) -> None:
    machine.usb("ttyUSB0", "1-1", "1a86:7523")
    machine.usb("ttyUSB1", "1-2", "1a86:7523")
    with pytest.raises(NotFound) as error:
        find(UsbName("1a86", "7523"), machine.root)
    assert "2 ports have this name" in str(error.value)
    assert "/dev/serial/by-path/pci-0000:00-usb-0:1-1:1.00-port0" in str(error.value)
    assert "/dev/serial/by-path/pci-0000:00-usb-0:1-2:1.00-port0" in str(error.value)
    found = ports(machine.root)
    assert [port.by_id for port in found] == [
        "",
        f"{machine.root}/dev/serial/by-id/usb-1a86_7523-if00-port0",
    ]  # udev: the last one
    assert [best_link(port, found) for port in found] == [f"serial://{port.by_path}" for port in found]
    assert best_link(found[1], found[1:]) == f"serial://{found[1].by_id}"


def test_a_link_by_usb_name_says_why_it_waits_and_comes_with_the_port(
    machine: Machine, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = machine.root
    monkeypatch.setattr(serial_ports, "ROOT", root)

    async def scenario() -> None:
        witness = Witness()
        async with linked("usb://0403:6001:A1", witness):
            await witness.until(lambda: len(witness.downs) == 1)
            assert witness.downs[0].startswith("usb://0403:6001:A1: not there")
            (root / "dev/ttyUSB4").symlink_to(line.path)
            machine.usb("ttyUSB4", "1-1", "0403:6001", serial="A1")
            plugged = time.monotonic()
            await witness.until(lambda: len(witness.ups) == 1)
            assert time.monotonic() - plugged < 2.0
            await line.write(b"x")
            await witness.until(lambda: witness.data == b"x")

    run(scenario)


# --- one program a port ----------------------------------------------------------------------------------------------


def test_a_port_that_somebody_holds_exclusively_is_refused_and_left_as_it_is(line: Line) -> None:
    holder = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
    try:
        before = termios.tcgetattr(holder)
        fcntl.ioctl(holder, termios.TIOCEXCL)  # as root one gets in all the same
        with pytest.raises(PortUnusable, match="in use by another program"):
            open_port(parse(over_serial(line, "?baud=57600")))
        assert termios.tcgetattr(holder) == before
        fcntl.ioctl(holder, termios.TIOCNXCL)
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(PortUnusable, match="in use by another program"):
            open_port(parse(over_serial(line, "?baud=57600")))
        assert termios.tcgetattr(holder) == before
        fcntl.flock(holder, fcntl.LOCK_UN)
        os.close(open_port(parse(over_serial(line, "?baud=57600"))))
        assert termios.tcgetattr(holder)[4] == termios.B57600
    finally:
        os.close(holder)


def test_an_opening_that_fails_leaves_no_descriptor(line: Line, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    before = set(os.listdir("/proc/self/fd"))
    for url in (f"serial://{tmp_path}/file", f"serial://{tmp_path}/none", "usb://ffff:ffff:none"):
        with pytest.raises(PortUnusable):
            open_port(parse(url))
    holder = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with pytest.raises(PortUnusable):
        open_port(parse(over_serial(line)))
    os.close(holder)
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_break_throws_nothing_away(line: Line) -> None:
    """With BRKINT, which somebody may have left in the port, it would."""
    somebody = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
    settings = termios.tcgetattr(somebody)
    settings[0] |= termios.BRKINT | termios.IGNBRK
    termios.tcsetattr(somebody, termios.TCSANOW, settings)
    fd = open_port(parse(over_serial(line, "?parity=E")))
    try:
        assert termios.tcgetattr(fd)[0] & (termios.BRKINT | termios.IGNBRK | termios.PARMRK) == termios.PARMRK
    finally:
        os.close(fd)
        os.close(somebody)


# --- what the port counts --------------------------------------------------------------------------------------------


def test_a_port_that_counts_nothing_is_asked_in_vain(line: Line) -> None:
    fd = open_port(parse(over_serial(line)))
    assert line_counts(fd) == {}
    os.close(fd)


def test_counts_go_on_over_openings() -> None:
    errors = LineErrors()
    errors.opened({"frame": 7, "break": 1})  # of somebody before us
    assert errors.since_first({"frame": 7, "break": 1}) == {"frame": 0, "break": 0}
    assert errors.since_first({"frame": 9, "break": 1}) == {"frame": 2, "break": 0}
    assert errors.since_first({}) == {"frame": 2, "break": 0}
    errors.opened({"frame": 0, "break": 0})  # replugged
    assert errors.since_first({"frame": 1, "break": 4}) == {"frame": 3, "break": 4}
    errors.opened({})
    assert errors.since_first({}) == {"frame": 3, "break": 4}


# --- echo ------------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8)), max_size=6), st.data())
def test_exactly_the_echo_is_taken_out_whatever_the_split(talk: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    echo, got, wanted = Echo(9600), bytearray(), bytearray()
    for number, (sent, answer) in enumerate(talk):
        at = number * 10_000.0
        echo.sent(sent, at)
        wire = sent + answer
        cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=4)))
        for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
            got += echo.strip(wire[start:end], at)
        wanted += answer
    assert got == wanted
    assert echo.collisions == 0


@given(st.binary(min_size=1, max_size=20), st.data())
def test_after_a_collision_everything_is_given_on(sent: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(sent) - 1))
    back = sent[:place] + bytes([sent[place] ^ 0x55]) + sent[place + 1 :]
    cut = data.draw(st.integers(0, len(back)))
    echo = Echo(9600)
    echo.sent(sent, 0.0)
    assert echo.strip(back[:cut], 1.0) + echo.strip(back[cut:], 2.0) == back[place:]
    assert echo.collisions == 1
    echo.sent(sent, 100.0)
    assert echo.strip(sent + b"!", 101.0) == b"!"
    assert echo.collisions == 1


def test_an_echo_that_does_not_come_robs_nobody() -> None:
    echo = Echo(9600)
    echo.sent(b"question", 0.0)
    on_the_wire = 8 * 11_000 / 9600
    assert echo.strip(b"ques", on_the_wire + LATE_MS - 1) == b""
    assert echo.strip(b"tion", on_the_wire + LATE_MS + 1) == b"tion"
    assert echo.collisions == 1
    for _ in range(200):
        echo.sent(b"x" * 1000, 5000.0)
        assert len(echo._due) <= MOST


def test_a_link_strips_the_echo(line: Line) -> None:
    async def scenario() -> None:
        witness = Witness()
        async with linked(over_serial(line, "?echo=strip"), witness) as link:
            await witness.until(lambda: len(witness.ups) == 1)
            link.write(b"\x02who?\x03")
            sent = await line.read(6)
            for byte in sent + b"me":
                await line.write(bytes([byte]))
            await witness.until(lambda: len(witness.data) >= 2)
            assert witness.data == b"me"
            link.write(b"again")
            await line.read(5)
            await line.write(b"agXin")
            await witness.until(lambda: len(witness.data) >= 5)
            assert witness.data == b"meXin"
            assert link.health.collisions == 1

    run(scenario)


# --- a line that takes nothing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("blocked", ["xoff", "reads nothing"])
def test_while_a_line_is_stuck_and_written_to_all_the_time_the_loop_does_not_lag(line: Line, blocked: str) -> None:
    """A loop that is held is held in every turn; a busy computer in some."""

    async def scenario() -> None:
        witness = Witness()
        loop = asyncio.get_running_loop()
        link = FdLink("l", SerialPort(parse(over_serial(line, "?flow=xonxoff")), loop), witness, loop, random.Random(1))
        link.start()
        await witness.until(lambda: len(witness.ups) == 1)
        if blocked == "xoff":
            await line.write(XOFF)
        lags: list[float] = []
        while not lags or (min(lags) > 0.05 and len(lags) < 20):
            heart, until = Heart(), loop.time() + 0.2
            while loop.time() < until:
                link.write(b"x" * 500)
                await asyncio.sleep(0.001)
            heart.stop()
            lags.append(heart.longest)
        assert min(lags) < 0.05
        assert link._out or witness.downs, "it was never stuck"
        link.stop()

    run(scenario)


@pytest.mark.parametrize("stopped", [False, True])
def test_an_opening_that_hangs_is_told_and_begun_once(
    line: Line, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    """The kernel does not come back for a while, as with a USB hub that has crashed."""
    real, hung, go = os.open, list[str](), threading.Event()

    def opening(path: str, *more: int) -> int:
        if path == str(line.path):
            hung.append(path)
            go.wait(PATIENCE_S)
        return real(path, *more)

    monkeypatch.setattr(os, "open", opening)
    monkeypatch.setattr(serial_link, "OPEN_S", 0.5)

    async def scenario() -> None:
        witness = Witness()
        before = len(os.listdir("/proc/self/fd"))
        async with linked(over_serial(line), witness) as link:
            await witness.until(lambda: len(witness.downs) == 1)
            assert "its driver has hung" in witness.downs[0]
            await asyncio.sleep(0.5)  # some attempts more
            assert len(hung) == 1
            if stopped:
                link.stop()
            go.set()
            if stopped:
                await until(lambda: len(os.listdir("/proc/self/fd")) <= before)
                assert witness.ups == []
            else:
                await witness.until(lambda: len(witness.ups) == 1)

    run(scenario)


# --- replugging and flapping -----------------------------------------------------------------------------------------


def test_replugged_under_another_name_it_reads_again_within_a_second_every_time(
    line: Line, tmp_path: Path, full: bool
) -> None:
    """6 or 20 times, after absences that a backoff alone would have made longer; another port hears nothing of it."""
    other = Line(tmp_path / "other")
    other.plug()

    async def scenario() -> None:
        witness, quiet = Witness(), Witness()
        waits: list[float] = []
        async with linked(over_serial(line), witness), linked(over_serial(other), quiet):
            await witness.until(lambda: len(witness.ups) == 1)
            await quiet.until(lambda: len(quiet.ups) == 1)
            for number in range(20 if full else 6):
                first = os.readlink(line.path)
                anew = os.openpty()  # while the old one is there, so that its name is another
                line.unplug()
                await witness.until(lambda: len(witness.downs) == number + 1)  # noqa: B023
                await asyncio.sleep((0.0, 0.05, 0.3, 0.6)[number % 4])
                line.plug(anew)
                plugged = time.monotonic()
                assert os.readlink(line.path) != first
                got = len(witness.data)
                while len(witness.data) == got:
                    await line.write(b"c")  # what is written before it is open is flushed
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.02):
                            await witness.until(lambda: len(witness.data) > got)  # noqa: B023
                waits.append(time.monotonic() - plugged)
            await other.write(b"still here")
            await quiet.until(lambda: quiet.data == b"still here")
            assert (len(quiet.ups), quiet.downs) == (1, [])
        assert max(waits) < 1.0, waits

    try:
        run(scenario)
    finally:
        other.unplug()


def test_a_port_that_comes_and_goes_twenty_times_a_second_costs_no_descriptor(line: Line, full: bool) -> None:
    async def scenario() -> None:
        witness = Witness()
        before = len(os.listdir("/proc/self/fd"))
        async with linked(over_serial(line), witness):
            for _ in range(100 if full else 12):
                await asyncio.sleep(0.025)
                line.unplug()
                await asyncio.sleep(0.025)
                line.plug()
            await until(lambda: len(os.listdir("/proc/self/fd")) <= before + 1)
            assert len(witness.ups) <= 101
        await until(lambda: len(os.listdir("/proc/self/fd")) <= before)

    run(scenario)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - nobody tells of a descriptor that is closed
            await asyncio.sleep(0.005)


def test_when_the_permission_is_mended_it_opens_at_once(line: Line) -> None:
    """What was there but could not be opened counts as another port as soon as somebody changes it."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        port = SerialPort(parse(over_serial(line)), loop)
        before = port.place()
        os.chmod(line.path, 0o666)
        assert port.place() != before
        line.unplug()
        assert port.place() is None

    run(scenario)
