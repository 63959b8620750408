"""A tap on a real line, one side of its recording played again, and a floor run in virtual time by command."""

from __future__ import annotations

import asyncio
import json
import os
import select
import termios
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from firmware_stubs.commands.check import command as check
from firmware_stubs.commands.new import command as new
from firmware_stubs.commands.replay import command as replay
from firmware_stubs.commands.run import command as run
from firmware_stubs.playing import Played, Player, Playing
from firmware_stubs.plcs._telegram_codec import frame
from firmware_stubs.serve import beside
from firmware_stubs.tapping import Tap
from firmware_stubs.wire import PortError
from firmware_stubs.wire_recording import DEVICE, HOST, Entry, Header, Recorder, Recording, Wired, new_header, read
from tests.test_rehearsal import written

WITHIN_S = 5.0


def now() -> float:
    return time.monotonic() * 1000


class Port:
    """One end of a pty, as a machine or a daemon has it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        tty.setraw(fd, termios.TCSANOW)

    def say(self, data: bytes) -> None:
        os.write(self.fd, data)

    def hear(self, count: int) -> bytes:
        """So many bytes, or what came within some seconds."""
        data, end = b"", time.monotonic() + WITHIN_S
        while len(data) < count and (left := end - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                data += os.read(self.fd, 4096)
        return data


@pytest.fixture
def machine() -> Iterator[tuple[Port, str]]:
    """A machine, and the path of its port."""
    master, slave = os.openpty()
    tty.setraw(slave, termios.TCSANOW)
    yield Port(master), os.ttyname(slave)
    for fd in (master, slave):
        try:
            os.close(fd)
        except OSError:
            pass  # the machine was pulled out


def tapped(links: dict[str, str], act: Callable[[str], None]) -> Recording:
    """What was recorded while `act`, given where the daemon opens, spoke on both sides in another thread."""
    text: list[str] = []
    recorder = Recorder(text.append, new_header(0.0, {"line": Wired("", links[HOST])}), now())

    async def main() -> None:
        tap = Tap("line", links, recorder, now)
        await tap.open()

        async def speak() -> None:
            await asyncio.to_thread(act, tap.where)

        await beside([*tap.jobs(), tap.run()], speak())

    asyncio.run(main())
    return read(text)


def test_a_tap_hands_on_and_records_both_sides(tmp_path: Path, machine: tuple[Port, str]) -> None:
    port, name = machine
    delays: list[float] = []

    def speak(where: str) -> None:
        daemon = Port(os.open(where, os.O_RDWR | os.O_NOCTTY))
        for number in range(50):
            began = time.monotonic()
            daemon.say(b"ask %02d" % number)
            assert port.hear(6) == b"ask %02d" % number
            port.say(b"\x00\xff\x11\x13 %02d" % number)
            assert daemon.hear(7) == b"\x00\xff\x11\x13 %02d" % number
            delays.append((time.monotonic() - began) * 1000)
        os.close(daemon.fd)

    recording = tapped({DEVICE: f"serial://{name}", HOST: f"pty://{tmp_path}/mid"}, speak)
    pieces = [entry for entry in recording.entries if entry.up is None]
    assert b"".join(one.data for one in pieces if one.side == HOST) == b"".join(b"ask %02d" % n for n in range(50))
    assert b"".join(one.data for one in pieces if one.side == DEVICE)[-2:] == b"49"
    assert recording.entries[0].up is True
    assert not (tmp_path / "mid").is_symlink()
    print(f"there and back through the tap: {min(delays):.3f} ms at best, {sorted(delays)[25]:.3f} ms p50")


def test_a_tap_passes_a_hang_up_on(tmp_path: Path, machine: tuple[Port, str]) -> None:
    port, name = machine

    def speak(where: str) -> None:
        daemon = Port(os.open(where, os.O_RDWR | os.O_NOCTTY))
        daemon.say(b"x")
        assert port.hear(1) == b"x"
        os.close(port.fd)
        assert select.select([daemon.fd], [], [], WITHIN_S)[0]
        with pytest.raises(OSError, match="Input/output error"):
            os.read(daemon.fd, 100)
        os.close(daemon.fd)

    recording = tapped({DEVICE: f"serial://{name}", HOST: f"pty://{tmp_path}/mid"}, speak)
    assert [entry.up for entry in recording.entries if entry.up is not None] == [True, False]


def test_a_tap_connects_when_it_is_connected_to() -> None:
    heard: list[bytes] = []

    async def main() -> list[str]:
        async def device(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.readexactly(5))
            writer.write(b"world")
            heard.append(await reader.read())  # until the daemon hangs up
            writer.close()

        server = await asyncio.start_server(device, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        text: list[str] = []
        recorder = Recorder(text.append, new_header(0.0, {"line": Wired("", "")}), now())
        tap = Tap("line", {DEVICE: f"tcp://127.0.0.1:{port}", HOST: "tcp-listen://127.0.0.1:0"}, recorder, now)
        await tap.open()

        async def speak() -> None:
            host, _, number = tap.where.removeprefix("tcp://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(number))
            writer.write(b"hello")
            assert await asyncio.wait_for(reader.readexactly(5), WITHIN_S) == b"world"
            writer.close()
            async with asyncio.timeout(WITHIN_S):
                while len(heard) < 2:  # noqa: ASYNC110 - nothing of ours says so
                    await asyncio.sleep(0.005)

        await beside([*tap.jobs(), tap.run()], speak())
        server.close()
        return text

    recording = read(asyncio.run(main()))
    assert heard == [b"hello", b""]
    assert [entry.up for entry in recording.entries if entry.up is not None][:2] == [True, False]


def test_a_tap_says_what_a_link_must_be() -> None:
    with pytest.raises(PortError, match="--device mqtt://x:1: give serial:///dev/"):
        tapped({DEVICE: "mqtt://x:1", HOST: "tcp-listen://127.0.0.1:0"}, lambda _: None)


# --- replay ----------------------------------------------------------------------------------------------------------


def talk() -> Recording:
    """A PLC begins a session, and takes a destination, as it was recorded with another epoch of the controller."""
    said = [
        (HOST, frame("HUB", "PLC1", "SYES", "R", 3, 1, "000000010000000000")),
        (DEVICE, frame("PLC1", "HUB", "SYES", "A", 3, 1) + frame("PLC1", "HUB", "SYBE", "R", 26, 7)),
        (HOST, frame("HUB", "PLC1", "SYBE", "A", 26, 7, "000000")),
        (HOST, frame("HUB", "PLC1", "DEST", "R", 3, 9, "D1..........0000010001PLAN-D1L7..........")),
        (DEVICE, frame("PLC1", "HUB", "DEST", "A", 3, 9)),
    ]
    entries = [Entry(number, 100.0 * number, "plc", side, data) for number, (side, data) in enumerate(said, 2)]
    return Recording(Header("0", 0.0, {"plc": Wired("telegram", "pty:///x")}), entries)


def played(tmp_path: Path, speak: Callable[[Port], None], role: str = DEVICE) -> Played:
    """One side played, 10 times faster, while `speak` is the other."""
    found: list[Played] = []

    async def main() -> None:
        playing = Playing(Player(talk(), "plc", role, 10.0), 10.0)
        wire = await playing.open(f"pty://{tmp_path}/line", real=False, allowed=None)

        async def play() -> None:
            found.append(await playing.run())

        port = Port(os.open(wire.where, os.O_RDWR | os.O_NOCTTY))
        async with asyncio.timeout(WITHIN_S):
            speaking = asyncio.get_running_loop().run_in_executor(None, speak, port)
            await beside([], play())
            await speaking
        playing.close()
        os.close(port.fd)

    asyncio.run(main())
    return found[0]


def test_a_machine_played_answers_to_what_is_asked_now(tmp_path: Path) -> None:
    def daemon(port: Port) -> None:
        port.say(frame("HUB", "PLC1", "SYES", "R", 0x77, 1, "000000010000000000"))
        begun = frame("PLC1", "HUB", "SYES", "A", 0x77, 1) + frame("PLC1", "HUB", "SYBE", "R", 26, 7)
        assert port.hear(len(begun)) == begun
        port.say(frame("HUB", "PLC1", "SYBE", "A", 26, 7, "000003"))
        port.say(frame("HUB", "PLC1", "LIFE", "R", 0x77, 2, "000000"))
        port.say(frame("HUB", "PLC1", "DEST", "R", 0x77, 3, "D1..........0000010001PLAN-D1L7.........."))
        answers = frame("PLC1", "HUB", "LIFE", "A", 0x77, 2) + frame("PLC1", "HUB", "DEST", "A", 0x77, 3)
        assert port.hear(len(answers)) == answers

    result = played(tmp_path, daemon)
    assert result.differences == []
    assert (result.recorded, result.came) == (3, 3)


def test_what_did_not_come_is_told(tmp_path: Path) -> None:
    def daemon(port: Port) -> None:
        port.say(frame("HUB", "PLC1", "SYES", "R", 0x77, 1, "000000010000000000"))
        port.say(frame("HUB", "PLC1", "DEST", "R", 0x77, 3, "D1..........0000010001PLAN-D1L8.........."))

    found = {one.fact.about: one for one in played(tmp_path, daemon).differences}
    assert set(found) == {"answers", "track 1"}
    assert found["answers"].now is None
    wrong = found["track 1"].now
    assert wrong is not None
    assert "lanes=L8" in wrong.text


def test_a_daemon_played_hears_whether_the_machine_answers_as_it_did(tmp_path: Path) -> None:
    def plc(port: Port) -> None:
        first = frame("HUB", "PLC1", "SYES", "R", 3, 1, "000000010000000000")
        assert port.hear(len(first)) == first
        port.say(talk().entries[1].data)

    result = played(tmp_path, plc, HOST)
    assert [one.recorded.entry for one in result.differences if one.recorded] == [6]


def test_replay_asks_which_link(tmp_path: Path) -> None:
    header = {"wire_recording": 1, "floorsim": "0", "utc_ms": 0.0}
    links = {name: {"kind": "", "link": f"pty:///{name}"} for name in ("a", "b")}
    file = tmp_path / "r.jsonl"
    file.write_text(json.dumps(header | {"links": links}) + "\n")
    done = CliRunner().invoke(replay, [str(file), "--as", "device", "--link", f"pty://{tmp_path}/x"])
    assert done.exit_code == 2
    assert "the recording has the links a, b; name one" in done.output


# --- floorsim run --virtual ------------------------------------------------------------------------------------------


def test_a_floor_runs_in_virtual_time_by_command(tmp_path: Path) -> None:
    floor, out = written(tmp_path), tmp_path / "r.jsonl"
    parcels = [{"parcel": f"p-{n}", "line": "S1", "codes": [f"RB{n:09}BE"], "length_mm": 300} for n in range(5)]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(one) + "\n" for one in parcels))
    files = ["--ledger", str(tmp_path / "l.jsonl"), "--events", str(tmp_path / "e.jsonl"), "--record", str(out)]
    done = CliRunner().invoke(run, [str(floor), "--virtual", "--manifest", str(tmp_path / "m.jsonl"), *files])
    assert done.exit_code == 0, done.output
    assert re_row("parcel/inducted", done.output) == 5
    events = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert len([one for one in events if one["topic"].endswith("parcel/rejected")]) == 5
    ledger = [json.loads(line) for line in (tmp_path / "l.jsonl").read_text().splitlines()]
    assert ledger[-1]["what"] == "end"
    assert ledger[-1]["in_lanes"] == 5
    same = CliRunner().invoke(check, [str(out)])
    assert same.output.startswith("the same: "), same.output


def test_a_hub_of_three_floords_replays_to_the_same(tmp_path: Path) -> None:
    """Sorters with mixes, portals and handhelds at the broker, and the centre's stub: all in one recording."""
    CliRunner().invoke(new, ["liege", str(tmp_path / "hub")])
    floors, out = sorted(map(str, (tmp_path / "hub").glob("[cs]*.toml"))), tmp_path / "r.jsonl"
    done = CliRunner().invoke(run, [*floors, "--virtual", "--minutes", "0.08", "--record", str(out)])
    assert (len(floors), done.exit_code) == (3, 0), done.output
    same = CliRunner().invoke(check, [str(out)])
    assert same.output.startswith("the same: "), same.output
    assert len(read(out.read_text().splitlines(keepends=True)).header.floors) == 3


def re_row(name: str, output: str) -> int:
    """The count of a row of figures."""
    return next(int(line.split()[-2].replace(",", "")) for line in output.splitlines() if line.endswith(f"  {name}"))


def test_a_scenario_strikes_in_virtual_time(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        'title = "t"\nfloor = "f"\nminutes = 0.2\n[[step]]\nat_s = 1\nfault = "unplug"\ntarget = "plc-1"\nfor_s = 5\n'
    )
    (tmp_path / "m").write_text("")
    files = ["--ledger", str(tmp_path / "l"), "--scenario", str(tmp_path / "s.toml"), "--manifest", str(tmp_path / "m")]
    done = CliRunner().invoke(run, [str(written(tmp_path)), "--virtual", *files])
    assert done.exit_code == 0, done.output
    assert re_row("device/offline", done.output) == 1
    faults = [json.loads(line) for line in (tmp_path / "l").read_text().splitlines() if '"fault"' in line]
    assert [(one["fault"], one["state"]) for one in faults] == [("unplug", "begun"), ("unplug", "ended")]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--minutes", "1"], "--minutes: goes with --virtual"),
        (["--floord", "x"], "--floord: goes with --virtual"),
        (["--events", "mqtt://127.0.0.1:1"], "--events: goes with --record FILE, or with --virtual"),
    ],
)
def test_what_goes_with_virtual_says_so(tmp_path: Path, options: list[str], why: str) -> None:
    done = CliRunner().invoke(run, [str(written(tmp_path)), *options])
    assert done.exit_code == 2
    assert why in done.output


def test_a_floord_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("")
    arguments = [str(written(tmp_path)), "--virtual", "--floord", "/nowhere/floord", "--manifest", str(tmp_path / "m")]
    done = CliRunner().invoke(run, arguments)
    assert done.exit_code == 78
    assert "/nowhere/floord: No such file or directory; give a floord with --floord PATH" in done.output
