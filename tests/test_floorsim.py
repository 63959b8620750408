"""`floorsim run` on real wires: ptys, TCP, the manifest on a pipe, signals; and the floor file it reads."""

from __future__ import annotations

import asyncio
import binascii
import copy
import itertools
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs import floor_file
from firmware_stubs.fd_wire import FdWire, Pty
from firmware_stubs.manifest import Manifest, Places
from firmware_stubs.sections import FloorError
from firmware_stubs.stub import Piece, as_bytes
from firmware_stubs.tcp_wires import TcpWire
from firmware_stubs.wire import BUFFER, PortError, Side
from firmware_stubs.wires import open_wire

AWKWARD = bytes.fromhex("02 41 0D 42 03 0A 11 13 1A FF 00")

LINE = """
[line.{line}]
kind = "line"
speed_mm_s = 2500
length_mm = {length}
default_lane = "{line}-EX"
margin_ms = 50
[point.{line}-IND]
line = "{line}"
position_mm = 0
induction = true
[point.{line}-T1]
line = "{line}"
position_mm = 400
[point.{line}-DEC]
line = "{line}"
position_mm = 600
decision = true
[lane.{line}-L01]
line = "{line}"
position_mm = 800
roles = ["sort"]
[lane.{line}-EX]
line = "{line}"
position_mm = {length}
supervised = true
[induction.{line}]
point = "{line}-IND"
rate_per_s = {rate}
[stub.tunnel-{line}]
kind = "line"
link = "pty://{run}/tunnel-{line}"
point = "{line}-T1"
prefix = "\\u0002"
suffix = "\\u0003"
[stub.plc-{line}]
kind = "telegram"
link = "pty://{run}/plc-{line}"
line = "{line}"
plc = "P{line}"
controller = "HUB"
"""


def floor(tmp_path: Path, *lines: str, length: int = 1000, rate: float = 20.0) -> Path:
    path = tmp_path / "floor.toml"
    text = "".join(LINE.format(line=line, length=length, rate=rate, run=tmp_path / "run") for line in lines)
    path.write_text('site = "lgg"\nnode = "a"\n[broker]\nurl = "mqtt://127.0.0.1"\n' + text)
    return path


def parcel(number: int, line: str) -> str:
    return json.dumps({"parcel": f"p{number}", "line": line, "codes": [f"C{number}"], "length_mm": 100}) + "\n"


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts `floorsim run`; whatever still runs at the end of the test is killed by its pid."""
    children: list[subprocess.Popen[str]] = []

    def started(path: Path, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "firmware_stubs", "run", str(path), "--ledger", "-", *options]
        pipe = subprocess.PIPE
        root = Path(__file__).parents[1]
        children.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=root))
        return children[-1]

    yield started
    for child in children:
        child.kill()
        with child:  # closes its pipes and waits
            pass


def entries(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def of(ledger: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    return [entry for entry in ledger if entry["what"] == what]


def read_until(stream: IO[str] | None, wanted: str) -> str:
    assert stream is not None
    for line in stream:
        if wanted in line:
            return line
    pytest.fail(f"ended without {wanted!r}")


def test_without_a_controller_every_parcel_ends_in_its_default_lane(tmp_path: Path, start: Start) -> None:
    manifest = "".join(parcel(number, f"S{number % 2 + 1}") for number in range(10))
    child = start(floor(tmp_path, "S1", "S2"), "--no-wait")
    out, err = child.communicate(manifest, timeout=60)
    assert (child.returncode, "Traceback" in err) == (0, False), err
    ledger = entries(out)
    assert ledger[0]["what"] == "ready"
    assert ledger[0]["links"]["plc-S2"] == str(tmp_path / "run/plc-S2")
    assert [entry["parcel"] for entry in of(ledger, "inducted") if entry["line"] == "S1"] == [
        "p0",
        "p2",
        "p4",
        "p6",
        "p8",
    ]
    assert sorted((entry["parcel"], entry["lane"]) for entry in of(ledger, "lane")) == [
        (f"p{number}", f"S{number % 2 + 1}-EX") for number in range(10)
    ]
    assert sorted(entry["text"] for entry in of(ledger, "read")) == [f"C{number}" for number in range(10)]
    end = {key: value for key, value in ledger[-1].items() if key != "t"}
    counts = {"inducted": 10, "in_lanes": 10, "on_belts": 0, "not_inducted": 0}
    assert end == {"what": "end", **counts, "bad_lines": 0, "dropped": {}}
    assert not any((tmp_path / "run").iterdir())  # nothing is published any more


def test_the_scanner_speaks_on_its_pty_while_the_belt_runs(tmp_path: Path, start: Start) -> None:
    child = start(floor(tmp_path, "S1"), "--no-wait")
    links = json.loads(read_until(child.stdout, "ready"))["links"]
    port = os.open(links["tunnel-S1"], os.O_RDWR | os.O_NOCTTY)
    try:
        assert child.stdin is not None
        child.stdin.write(parcel(1, "S1") + parcel(2, "S1"))
        child.stdin.flush()
        heard = b""
        while heard.count(b"\x03") < 2:
            assert select.select([port], [], [], 30)[0], heard
            heard += os.read(port, 100)
        assert heard == b"\x02C1\x03\x02C2\x03"
    finally:
        os.close(port)
    child.stdin.close()
    assert child.wait(60) == 0


def test_bad_manifest_lines_are_told_skipped_and_counted(tmp_path: Path, start: Start) -> None:
    child = start(floor(tmp_path, "S1"), "--no-wait")
    manifest = parcel(1, "S1") + "{bad\n\n" + parcel(2, "S9") + parcel(3, "S1").rstrip()
    out, err = child.communicate(manifest, timeout=60)
    assert child.returncode == 1
    complaints = [line for line in err.splitlines() if "manifest line" in line]
    assert ["line 2:" in complaints[0], "line 4: line 'S9' has no induction" in complaints[1]] == [True, True], err
    assert [entry["parcel"] for entry in of(entries(out), "lane")] == ["p1", "p3"]
    assert entries(out)[-1]["bad_lines"] == 2


def test_a_manifest_file_is_read_to_its_end(tmp_path: Path, start: Start) -> None:
    (tmp_path / "parcels").write_text("".join(parcel(number, "S1") for number in range(3)))
    child = start(floor(tmp_path, "S1"), "--no-wait", "--manifest", str(tmp_path / "parcels"))
    out, _ = child.communicate(timeout=60)
    assert (child.returncode, len(of(entries(out), "lane"))) == (0, 3)


def test_sigterm_ends_induction_and_runs_the_belts_empty(tmp_path: Path, start: Start) -> None:
    child = start(floor(tmp_path, "S1", length=2500, rate=0.001), "--no-wait")
    assert child.stdin is not None
    child.stdin.write("".join(parcel(number, "S1") for number in range(3)))
    child.stdin.flush()
    read_until(child.stdout, "inducted")
    child.send_signal(signal.SIGTERM)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert [entry["parcel"] for entry in of(entries(out), "lane")] == ["p0"]
    end = entries(out)[-1]
    assert [end[key] for key in ("inducted", "in_lanes", "on_belts", "not_inducted")] == [1, 1, 0, 2]


def test_a_second_sigterm_ends_at_once(tmp_path: Path, start: Start) -> None:
    child = start(floor(tmp_path, "S1", length=2_500_000), "--no-wait")
    assert child.stdin is not None
    child.stdin.write(parcel(1, "S1"))
    child.stdin.flush()
    read_until(child.stdout, "inducted")
    child.send_signal(signal.SIGTERM)
    read_until(child.stderr, "stopping")
    child.send_signal(signal.SIGTERM)
    out, _ = child.communicate(timeout=60)
    assert (child.returncode, entries(out)[-1]["on_belts"]) == (1, 1)


def test_parcels_wait_for_the_controllers(tmp_path: Path, start: Start) -> None:
    child = start(floor(tmp_path, "S1"))
    assert child.stdin is not None
    child.stdin.write(parcel(1, "S1"))
    child.stdin.flush()
    read_until(child.stdout, "ready")
    child.send_signal(signal.SIGTERM)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert [(entry["what"], entry.get("not_inducted")) for entry in entries(out)] == [("end", 1)]


class Hub:
    """A controller of few words: begins the session, answers everything, sends each parcel into one lane."""

    def __init__(self, port: int, plc: str, lane: str) -> None:
        self._port = port
        self._plc = plc
        self._lane = lane
        self._sent = 0
        self._rest = b""
        self._request("SYES", "00000001" + "0000" + "000000")

    def until_left(self, count: int) -> None:
        """Until so many DIVC came."""
        left = 0
        while left < count:
            assert select.select([self._port], [], [], 30)[0]
            *frames, self._rest = (self._rest + os.read(self._port, 4096)).split(b"\x03")
            for frame in frames:
                text = frame.removeprefix(b"\x02").decode()
                kind, flag, epoch, sequence, body = text[9:13], text[13], text[14:18], text[18:22], text[25:-4]
                if flag == "R":
                    event = body[:6] if kind in ("INDU", "ARRV", "DIVC", "STAT") else "000000"
                    self._send(kind, "A", epoch, sequence, event)
                if (kind, flag) == ("ARRV", "R"):
                    self._request("DEST", f"{body[6:24]}0001PLAN-D1{self._lane:.<12}")
                left += (kind, flag) == ("DIVC", "R")

    def _request(self, kind: str, body: str) -> None:
        self._sent += 1
        self._send(kind, "R", "0003", f"{self._sent:04}", body)

    def _send(self, kind: str, flag: str, epoch: str, sequence: str, body: str) -> None:
        text = f"1HUB.{self._plc:.<4}{kind}{flag}{epoch}{sequence}{len(body):03}{body}".encode()
        os.write(self._port, b"\x02%s%04X\x03" % (text, binascii.crc_hqx(text, 0xFFFF)))


def test_a_controller_sends_the_parcels_into_its_lane(tmp_path: Path, start: Start) -> None:
    path = floor(tmp_path, "S1", length=4000, rate=2.0)
    path.write_text(path.read_text().replace("position_mm = 800", "position_mm = 3000"))
    child = start(path)
    ready = json.loads(read_until(child.stdout, "ready"))
    port = os.open(ready["links"]["plc-S1"], os.O_RDWR | os.O_NOCTTY)
    try:
        assert child.stdin is not None
        child.stdin.write(parcel(1, "S1") + parcel(2, "S1"))
        child.stdin.flush()
        Hub(port, "PS1", "S1-L01").until_left(2)
        out, err = child.communicate(timeout=60)
    finally:
        os.close(port)
    ledger = entries(out)
    assert child.returncode == 0, err
    assert [(entry["parcel"], entry["lane"]) for entry in of(ledger, "lane")] == [("p1", "S1-L01"), ("p2", "S1-L01")]
    for name in ("p1", "p2"):
        mine = [entry for entry in ledger if entry.get("parcel") == name]
        assert [entry["what"] for entry in mine] == ["inducted", "read", "arrived", "dest", "lane"]
        times = [entry["t"] for entry in mine]
        assert times == sorted(times)
        assert times[2] - times[0] >= 239.99  # 600 mm at 2500 mm/s, and what the wire takes
        assert times[4] - times[0] == pytest.approx(1500, abs=0.01)  # its gate, and the fall
        assert (mine[3]["lanes"], mine[3]["refusal"], mine[3]["decision"]) == (["S1-L01"], None, 1)
        assert mine[3]["track"] == mine[0]["track"] == mine[2]["track"]


@pytest.mark.parametrize(
    ("old", "new", "code", "complaint"),
    [
        (
            "rate_per_s",
            "rate_per_x",
            78,
            "floor.toml:33: [induction.S1] rate_per_x: unknown key; did you mean 'rate_per_s'?",
        ),
        ("pty:///", "serial:///", 69, "only with --real"),
        ("site =", "site", 78, "line 1"),
    ],
)
def test_a_wrong_floor_has_its_own_exit_code(
    tmp_path: Path, start: Start, old: str, new: str, code: int, complaint: str
) -> None:
    path = floor(tmp_path, "S1")
    path.write_text(path.read_text().replace(old, new))
    child = start(path)
    _, err = child.communicate(timeout=60)
    assert (child.returncode, complaint in err, "Traceback" in err) == (code, True, False), err


# -- wires


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await test()

    asyncio.run(bounded())


class Ear:
    """What a wire heard."""

    def __init__(self) -> None:
        self.data = b""
        self.more = asyncio.Event()

    def __call__(self, data: Piece) -> None:
        self.data += as_bytes(data)
        self.more.set()

    async def until(self, wanted: bytes) -> None:
        while self.data != wanted:
            assert wanted.startswith(self.data), self.data
            self.more.clear()
            await self.more.wait()


def read_all(port: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        assert select.select([port], [], [], 30)[0], data
        data += os.read(port, count - len(data))
    return data


def test_a_pty_is_raw_before_anybody_can_open_it(tmp_path: Path) -> None:
    async def test() -> None:
        ear = Ear()
        wire = FdWire(Pty(tmp_path / "deep" / "port"), ear)
        port = os.open(tmp_path / "deep" / "port", os.O_RDWR | os.O_NOCTTY)
        os.write(port, AWKWARD)
        await ear.until(AWKWARD)
        wire.write(AWKWARD)
        assert read_all(port, len(AWKWARD)) == AWKWARD
        os.close(port)
        wire.close()

    run(test)


def test_the_other_side_may_close_and_come_back(tmp_path: Path) -> None:
    async def test() -> None:
        ear = Ear()
        wire = FdWire(Pty(tmp_path / "port"), ear)
        for number in range(3):
            port = os.open(tmp_path / "port", os.O_RDWR | os.O_NOCTTY)
            os.write(port, b"%d" % number)
            await ear.until(b"012"[: number + 1])
            os.close(port)
        wire.write(b"still here")
        port = os.open(tmp_path / "port", os.O_RDWR | os.O_NOCTTY)
        assert read_all(port, 10) == b"still here"
        os.close(port)
        wire.close()
        assert not (tmp_path / "port").is_symlink()

    run(test)


def test_a_stale_link_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    async def test() -> None:
        (tmp_path / "stale").symlink_to("/dev/pts/999999")
        FdWire(Pty(tmp_path / "stale"), Ear()).close()
        (tmp_path / "file").write_text("precious")
        (tmp_path / "device").symlink_to("/dev/ttyUSB0")
        for name in ("file", "device"):
            before = len(os.listdir("/proc/self/fd"))
            with pytest.raises(PortError, match=name):
                FdWire(Pty(tmp_path / name), Ear())
            assert len(os.listdir("/proc/self/fd")) == before
        assert (tmp_path / "file").read_text() == "precious"
        assert os.readlink(tmp_path / "device") == "/dev/ttyUSB0"

    run(test)


def test_what_nobody_reads_is_lost_oldest_first_in_whole_messages(tmp_path: Path) -> None:
    async def test() -> None:
        wire = FdWire(Pty(tmp_path / "port"), Ear())
        for number in range(40_000):
            wire.write(b"\x02%06d\x03" % number)
        assert 0 < wire.dropped < 40_000
        port = os.open(tmp_path / "port", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        left = 8 * (40_000 - wire.dropped)
        assert left <= BUFFER * 3  # the kernel's own buffer is in between
        heard = b""
        while len(heard) < left:
            await asyncio.sleep(0)  # the wire goes on writing
            try:
                heard += os.read(port, 65536)
            except BlockingIOError:
                pass
        numbers = [int(message.removeprefix(b"\x02")) for message in heard.split(b"\x03")[:-1]]
        jumps = [after for before, after in itertools.pairwise(numbers) if after != before + 1]
        assert (numbers[0], numbers[-1], len(jumps), len(numbers) * 8) == (0, 39_999, 1, left)
        os.close(port)
        wire.close()

    run(test)


def test_tcp_has_one_client_and_the_new_one_replaces_the_old() -> None:
    async def test() -> None:
        ear = Ear()
        wire = await open_wire("tcp-listen://127.0.0.1:0", Side(ear), real=False)
        assert isinstance(wire, TcpWire)
        wire.write(b"nobody")
        port = int(wire.where.rpartition(":")[2])
        first = await asyncio.open_connection("127.0.0.1", port)
        first[1].write(b"one")
        await ear.until(b"one")
        second = await asyncio.open_connection("127.0.0.1", port)
        second[1].write(b"two")
        await ear.until(b"onetwo")
        assert await first[0].read() == b""  # hung up
        wire.write(AWKWARD)
        assert await second[0].readexactly(len(AWKWARD)) == AWKWARD
        assert wire.dropped == 1
        wire.close()
        assert await second[0].read() == b""
        for _, writer in (first, second):
            writer.close()
            await writer.wait_closed()

    run(test)


@pytest.mark.parametrize(
    "link",
    [
        "pty://relative/path",
        "pty:",
        "tcp-listen://127.0.0.1",
        "tcp-listen://127.0.0.1:x",
        "tcp://127.0.0.1",
        "mqtt://127.0.0.1",
        "rfc2217-listen://127.0.0.1:99999",
        "tcp-listen://127.0.0.1:1/path",
        "nonsense",
        "serial:///dev/x",
    ],
)
def test_links_that_cannot_be_are_refused(link: str) -> None:
    async def test() -> None:
        with pytest.raises(PortError, match=link):
            await open_wire(link, Side(Ear()), real=False)

    run(test)


def test_a_port_in_use_is_refused() -> None:
    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PortError):
            await open_wire(f"tcp-listen://127.0.0.1:{taken.getsockname()[1]}", Side(Ear()), real=False)

    run(test)


# -- manifest


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("nonsense", "line 1"),
        ("[" * 100_000, "line 1"),
        ("17", "an object is needed"),
        ('{"line": "S1", "codes": []}', "parcel must be"),
        ('{"parcel": "", "line": "S1", "codes": []}', "parcel must be"),
        ('{"parcel": "p", "codes": []}', "no line or point: write line, whose belt"),
        ('{"parcel": "p", "line": ["S1"], "codes": []}', "has no induction"),
        ('{"parcel": "p", "line": "S1"}', "codes must be"),
        ('{"parcel": "p", "line": "S1", "codes": [7]}', "codes must be"),
        ('{"parcel": "p", "line": "S1", "codes": ["\\u20ac"]}', "latin-1"),
        ('{"parcel": "p", "line": "S1", "codes": [], "length_mm": 0}', "length_mm"),
        ('{"parcel": "p", "line": "S1", "codes": [], "length_mm": true}', "length_mm"),
        ('{"parcel": "p", "line": "S1", "codes": [], "weight_g": 1.5}', "weight_g"),
        ('{"parcel": "p", "line": "S1", "codes": [], "wieght_g": 1}', "unknown key 'wieght_g'"),
        ('{"parcel": "p", "line": "S1", "codes": [], "after_ms": 5}', "by rate_per_s of its [induction]"),
        ('{"parcel": "p", "line": "S1", "point": "DOCK", "codes": []}', "point and line: write point for a reader"),
        ('{"parcel": "p", "point": "DOCK", "induction": "S1", "codes": []}', "point and induction"),
        (
            '{"parcel": "p", "point": "DUCK", "codes": []}',
            "no point is called 'DUCK'; readers that no belt passes are at: DOCK",
        ),
        ('{"parcel": "p", "point": ["DOCK"], "codes": []}', "no point is called ['DOCK']"),
        ('{"parcel": "p", "point": "HALL", "codes": []}', "point HALL has no reader: write a stub"),
        ('{"parcel": "p", "point": "T1", "codes": []}', 'point T1 is on a belt: write "line": "S1"'),
        ('{"parcel": "p", "point": "DOCK", "codes": [], "after_ms": -1}', "after_ms must be a whole number from 0"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line: str, complaint: str) -> None:
    points = {"DOCK": "", "HALL": "has no reader: write a stub", "T1": 'is on a belt: write "line": "S1"'}
    manifest = Manifest(Places({"S1"}, {}, points))
    good = parcel(2, "S1").encode()
    assert [item.parcel for item in manifest.feed(line.encode() + b"\n" + good)] == ["p2"]
    assert (manifest.bad, len(manifest.complaints)) == (1, 1)
    assert complaint in manifest.complaints[0]


def test_a_parcel_may_name_its_induction_and_its_size() -> None:
    manifest = Manifest(Places({"S1", "S2"}, {"S1": "S1", "S1-B": "S1", "S2": "S2"}))
    own = {"induction": "S1-B", "width_mm": 410, "height_mm": 90}
    for more in (own, {"induction": "S2"}, {"induction": "S9"}, {"induction": 7}, {"width_mm": 0}, {}):
        manifest.feed(json.dumps({"parcel": "p", "line": "S1", "codes": []} | more).encode() + b"\n")
    found = [item for item in manifest.feed((parcel(2, "S1") * 2).encode())]
    assert [(one.induction, one.width_mm, one.height_mm) for one in found] == [("", 200, 150)] * 2
    assert [complaint.partition(": ")[2] for complaint in manifest.complaints] == [
        "induction 'S2' is not one of line S1",
        "induction 'S9' is not one of line S1",
        "induction 7 is not one of line S1",
        "width_mm must be a whole number from 1 to 10000, not 0",
    ]
    named = Manifest(Places({"S1"}, {"S1-B": "S1"})).feed(
        json.dumps({"parcel": "p", "line": "S1", "codes": []} | own).encode() + b"\n"
    )
    assert [(one.induction, one.width_mm, one.height_mm) for one in named] == [("S1-B", 410, 90)]


def test_a_line_without_end_does_not_grow() -> None:
    manifest = Manifest(Places({"S1"}))
    for _ in range(100):
        assert manifest.feed(b"x" * 10_000) == []
    assert [item.parcel for item in manifest.feed(b"tail\n" + parcel(2, "S1").encode())] == ["p2"]
    assert manifest.complaints == ["manifest line 1: longer than 65536 bytes"]


@given(st.binary(max_size=500), st.integers(1, 50))
def test_any_bytes_in_any_split(data: bytes, step: int) -> None:
    manifest = Manifest(Places({"S1"}))
    for at in range(0, len(data), step):
        manifest.feed(data[at : at + step])
    manifest.end()
    assert manifest.bad == len([line for line in data.split(b"\n") if line.strip()])


# -- floor file

DOCUMENT: dict[str, Any] = {
    "site": "lgg",
    "line": {"S1": {"kind": "line", "speed_mm_s": 2500, "length_mm": 9000, "default_lane": "EX", "margin_ms": 50}},
    "point": {"IND": {"line": "S1", "position_mm": 0, "induction": True}, "DESK": {"kind": "presence"}},
    "lane": {"EX": {"line": "S1", "position_mm": 9000, "roles": ["exception"]}},
    "belt": {"S1": {"seed": 3, "restart_s": 2}},
    "induction": {"S1": {"point": "IND", "rate_per_s": 5}},
    "chute": {"EX": {"capacity": 3, "empty_every_ms": 100}},
    "stub": {
        "hand": {"kind": "line", "link": "pty:///a", "point": "DESK", "heartbeat_s": 5},
        "s1": {"kind": "telegram", "link": "pty:///b", "line": "S1", "plc": "PLC1", "controller": "HUB"},
    },
}


def test_a_good_floor_is_read() -> None:
    read = floor_file.read(DOCUMENT)
    line = read.lines["S1"]
    assert (line.seed, line.restart_s, line.lanes) == (3, 2.0, {"EX": 9000})
    assert line.chutes["EX"].empty_every_ms == 100.0
    assert [(stub.name, stub.family, stub.place) for stub in read.stubs] == [
        ("hand", "scanner", "DESK"),
        ("s1", "plc", "S1"),
    ]
    assert read.stubs[0].settings.heartbeat_s == 5.0


MODBUS = {"kind": "modbus", "line": "S1", "numbers": {"IND": 2, "EX": 3}}


def test_a_bus_has_several_plcs_of_one_kind_each_with_a_unit() -> None:
    def bus(**second: Any) -> floor_file.Floor:
        document = copy.deepcopy(DOCUMENT)
        document["line"]["S2"] = DOCUMENT["line"]["S1"] | {"default_lane": "EY"}
        document["lane"]["EY"] = DOCUMENT["lane"]["EX"] | {"line": "S2"}
        for name, keys in (("s1", {}), ("s2", {"line": "S2", "unit": 2} | second)):
            document["stub"][name] = MODBUS | {"link": "pty:///b"} | keys
        return floor_file.read(document)

    assert bus().wires() == [("pty:///a", ["hand"]), ("pty:///b", ["s1", "s2"])]
    assert {stub.settings.transport for stub in bus().stubs if stub.family == "plc"} == {"rtu"}
    assert bus(link="tcp-listen://127.0.0.1:5020").stubs[-1].settings.transport == "tcp"
    with pytest.raises(FloorError, match=r"\[stub.s2\] unit: \[stub.s1\] is unit 1 on this link; give another"):
        bus(unit=1)
    with pytest.raises(FloorError, match=r"\[stub.s2\] link: pty:///b is already the link of \[stub.s1\]"):
        bus(transport="tcp")


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("line.S1.speed_mm_s", 0, "[line.S1] speed_mm_s: must be above 0"),
        ("line.S1.speed_mm_s", "fast", "[line.S1] speed_mm_s: must be int"),
        ("line.S1.default_lane", "EY", "no lane of line S1 is called 'EY'; known are EX"),
        ("line.S1.kind", "ring", "[line.S1] kind"),
        ("point.IND.position_mm", 9001, "[point.IND] position_mm: 9001 is not on line S1"),
        ("point.IND.induction", False, "[induction.S1] point: [point.IND] needs induction = true"),
        ("lane.EX.position_mm", 9001, "[lane.EX] position_mm"),
        ("belt.S1.sede", 3, "[belt.S1] sede: unknown key; did you mean 'seed'?"),
        ("belt.S2", {}, "[belt.S2]: no line is called 'S2'"),
        ("induction.S1.rate_per_s", 0, "[induction.S1] rate_per_s"),
        ("belt.S1.restart_s", -1, "[belt.S1] restart_s: must not be negative"),
        ("induction.S1.rate_per_s", 1e300, "[induction.S1] rate_per_s: must be above 0 and at most 10000"),
        ("induction.S1.rate_per_s", float("nan"), "[induction.S1] rate_per_s: nan is no number"),
        ("chute.EX.capacity", 0, "[chute.EX]"),
        ("chute.EY", {}, "[chute.EY]: no lane is called 'EY'"),
        (
            "stub.s1.kind",
            "telegramm",
            "[stub.s1] kind: no kind of stub is called 'telegramm'; did you mean 'telegram'?",
        ),
        ("stub.s1.kind", "_line", "[stub.s1] kind: no kind"),
        ("stub.s1.controler", "X", "[stub.s1] controler: unknown key; did you mean 'controller'?"),
        ("stub.s1.epoch", 0, "[stub.s1] epoch"),
        ("stub.s1.line", "S2", "[stub.s1] line: no line is called 'S2'"),
        ("stub.s1.link", "pty:///a", "[stub.s1] link: pty:///a is already the link of [stub.hand]"),
        ("stub.hand.heartbeat", 5, "[stub.hand] heartbeat: must be str"),
        ("stub.s1", None, "[induction.S1] needs the stub of a PLC"),
        ("stub.s2", DOCUMENT["stub"]["s1"] | {"link": "pty:///c"}, "S1 already has a PLC"),
        ("stub.s2", MODBUS | {"link": "pty:///b"}, "pty:///b is already the link of [stub.s1]"),
        ("inductions", {}, "unknown table [inductions]; did you mean [induction]?"),
        ("stub", [1], "[stub] must hold sections"),
    ],
)
def test_what_is_wrong_with_a_floor_is_said(path: str, value: Any, complaint: str) -> None:
    document = copy.deepcopy(DOCUMENT)
    *above, key = path.split(".")
    section = document
    for name in above:
        section = section[name]
    if value is None:
        del section[key]
    else:
        section[key] = value
    with pytest.raises(FloorError) as told:
        floor_file.read(document)
    assert complaint in str(told.value)


def test_no_password_of_a_link_is_printed() -> None:
    async def opens() -> None:
        await open_wire("mqtt://floor:secret@broker:1883", None, real=False)  # type: ignore[arg-type]

    with pytest.raises(PortError) as error:
        asyncio.run(opens())
    assert "secret" not in str(error.value)


def mixed(tmp_path: Path, name: str) -> Path:
    path = floor(tmp_path, name)
    text = path.read_text().replace("rate_per_s = 20.0", 'rate_per_s = 20.0\nmix = "in"') + "[mix.in]\nbox = 1\n"
    other = tmp_path / f"{name}.toml"
    other.write_text(text)
    return other


def test_mixes_of_several_floor_files_end_after_so_many_parcels_without_a_manifest(
    tmp_path: Path, start: Start
) -> None:
    child = start(mixed(tmp_path, "S1"), str(mixed(tmp_path, "S2")), "--no-wait", "--parcels", "12")
    assert child.wait(60) == 0  # nobody closed stdin
    ledger = entries(child.stdout.read() if child.stdout else "")
    assert {entry["line"] for entry in of(ledger, "announced")} == {"S1", "S2"}
    assert ledger[-1]["in_lanes"] == len(of(ledger, "announced")) == 12


def test_a_mix_without_end_is_stopped(tmp_path: Path, start: Start) -> None:
    child = start(mixed(tmp_path, "S1"), "--no-wait")
    for _ in range(5):
        read_until(child.stdout, '"lane"')
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    end = entries(out)[-1]
    assert end["in_lanes"] == end["inducted"] >= 5
    assert end["not_inducted"] > 0


def test_a_manifest_is_read_beside_a_mix_where_it_is_named(tmp_path: Path, start: Start) -> None:
    child = start(mixed(tmp_path, "S1"), "--no-wait", "--parcels", "3", "--manifest", "-")
    out, err = child.communicate(parcel(1, "S1"), timeout=60)
    assert child.returncode == 0, err
    assert len(of(entries(out), "lane")) == 4


def test_parcels_need_a_mix(tmp_path: Path, start: Start) -> None:
    _, err = (child := start(floor(tmp_path, "S1"), "--parcels", "3")).communicate(timeout=60)
    assert child.returncode == 2
    assert "--parcels: no [induction] or [desk] of the floor has a mix" in err
