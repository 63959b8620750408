"""A recording of the floor, replayed, has the same effects; where a rule or the file differs, that is told."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.__main__ import main
from controller.commands.replay_floor import said
from controller.inputs import Heard
from controller.node import Node, Start
from controller.recording import FORMAT, NotARecording, Recorder, Texts
from controller.recording_file import WAITING, RecordingFile, lines
from controller.replaying import Replay, replay
from devices.types import NoRead
from tests.floor_fixture import FLOOR, PLAN, PLC, UTC, write
from tests.hub import MemoryJournal
from tests.make_recording import FILE, record
from tests.test_node import Daemon, arrv, divc, indu, trak

CODE = "RB123456785GB"
ADVICE = {"parcel": "P1", "aliases": [CODE], "country": "FR", "customs": "none", "belongs": {"bag": "B1"}}
LIMIT_S = 60


class Recorded(Daemon):
    """A node of the small floor whose steps are recorded; `lines` is what it has given so far."""

    def __init__(self, journal: MemoryJournal | None = None, now: float = 100_000.0, same_boot: bool = True) -> None:
        super().__init__(journal=journal, now=now)
        self.journal.boot -= 1  # the node of the base has not run
        restored, start = self.journal.restored(), Start(now, UTC + now, same_boot, Random(5))
        self.node = Node(self.config, {self.plan.plan: self.plan}, restored, self.journal.look, start)
        self.node.recorder = Recorder(Texts(FLOOR, (PLAN,)), restored, start)
        self.lines: list[bytes] = []

    def gather(self) -> list[bytes]:
        assert self.node.recorder is not None
        self.lines += self.node.recorder.lines()
        return self.lines


def life(hub: Recorded) -> Recorded:
    """Two parcels: one that is known and arrives, one that was never read."""
    hub.up()
    hub.gather()
    hub.say("advice", ADVICE)
    hub.event("INDU", indu(1))
    hub.read(CODE, ms=1200)
    hub.gather()
    hub.now += 800
    hub.event("ARRV", arrv(1))
    hub.event("INDU", indu(2))
    hub.gather()
    hub.commit()
    hub.answer("DEST")
    hub.now += 2000
    hub.event("ARRV", arrv(2))
    hub.event("DIVC", divc(1, 1))
    hub.gather()
    return hub


@pytest.fixture(scope="module")
def small() -> list[bytes]:
    return life(Recorded()).lines


def changed(recording: list[bytes], change: Callable[[dict[str, Any]], object]) -> list[bytes]:
    """The recording with each line given to `change`, which may write into it."""
    values = [json.loads(line) for line in recording]
    for value in values:
        change(value)
    return [json.dumps(value).encode() + b"\n" for value in values]


def effects(line: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [effect for effect in line.get("effects", ()) if effect.get("name") == name]


def kept(line: bytes) -> list[Any]:
    found: list[Any] = json.loads(line).get("kept", [])
    return found


# --- the same ---------------------------------------------------------------------------------------------------------


def test_a_recorded_life_replays_the_same(small: list[bytes]) -> None:
    done = replay(small)
    assert done.difference is None
    values = [json.loads(line) for line in small]
    assert done.inputs == len(values) - 1 > 10
    assert done.effects == sum(len(value.get("effects", ())) for value in values) > 10
    assert (done.floors, done.torn, done.span_ms) == (1, False, 4000.0)
    routed = [effect["data"].get("parcel") for value in values for effect in effects(value, "parcel/routed")]
    assert routed == ["P1", None][: len(routed)]
    assert any(value.get("look", {}).get(CODE) for value in values)
    assert sum(len(value.get("kept", ())) for value in values) > 5


def test_when_the_lines_are_gathered_changes_nothing_but_their_kept_state() -> None:
    class Often(Recorded):
        def take(self) -> list[tuple[str, str, int]]:
            self.gather()
            return super().take()

    often, seldom = Often(), Recorded()
    for hub in (often, seldom):
        life(hub)
    bare = [
        [{k: v for k, v in json.loads(line).items() if k != "kept"} for line in hub.lines] for hub in (often, seldom)
    ]
    assert bare[0] == bare[1]
    assert sum(b'"kept"' in line for line in often.lines) > sum(b'"kept"' in line for line in seldom.lines)
    assert replay(often.lines).difference is None


@pytest.mark.parametrize("same_boot", [True, False])
def test_a_start_from_a_journal_replays_the_same(same_boot: bool) -> None:
    first = Recorded()
    first.up()
    first.event("ARRV", arrv(1))
    first.commit()
    second = Recorded(first.journal, now=first.now + 500, same_boot=same_boot)
    second.node.link_up(PLC, second.now)
    second.begin()
    second.request("TRAK", trak(1))
    second.request("SYEN")
    recording = second.gather()
    head = json.loads(recording[0])
    assert {kind for kind, _, _ in head["state"]} >= {"travel"}
    assert (head["channels"], head["sequence"] > 3, head["same_boot"]) == ({PLC: [7, 1]}, True, same_boot)
    done = replay(recording)
    assert done.difference is None
    assert done.inputs > 3
    travels = [json.loads(body) for line in recording[1:] for kind, _, body in kept(line) if kind == "travel"]
    assert [travel["decide_by"] == 0 for travel in travels[:1]] == [not same_boot]


def test_a_rule_that_fails_is_recorded_and_fails_again() -> None:
    hub = Recorded()
    recorder, floor = hub.node.recorder, hub.node.floor
    assert recorder is not None
    with pytest.raises(KeyError):
        recorder.step(floor, Heard("nobody", NoRead(b"", 1.0)), 1.0, lambda key: ())
    hub.up()
    recording = hub.gather()
    assert json.loads(recording[1])["raised"] == "KeyError: 'nobody'"
    assert replay(recording).difference is None
    done = replay(changed(recording, lambda line: line.pop("raised", None)))
    assert done.difference is not None
    assert done.difference.got == {"$": "Raised", "why": "KeyError: 'nobody'"}


def test_a_hub_that_is_killed_replays_the_same(tmp_path: Path) -> None:
    hub = record(tmp_path, parcels=12)
    done = replay(hub.lines)
    assert done.difference is None, said(done, 1.0)
    assert done.floors == 3
    assert done.inputs == len(hub.lines) - 3
    heads = [value for value in map(json.loads, hub.lines) if "recording" in value]
    assert [bool(head["state"]) for head in heads] == [False, True, True]


def test_the_stored_recording_replays_the_same() -> None:
    """The rules of the floor do what they did when tests/recordings/hub.jsonl.gz was made."""
    done = replay(lines(FILE))
    assert done.difference is None, (
        f"a rule of the floor does something else now:\n\n{said(done, 1.0)}\n\n"
        f"floord replay-floor {FILE} says this too; --json has it whole.\n"
        "If it is wanted: python -m tests.make_recording, and say in the commit what changed."
    )
    assert done.floors == 3
    assert FILE.stat().st_size < 200_000


# --- different --------------------------------------------------------------------------------------------------------


def test_another_effect_is_told_with_its_place(small: list[bytes]) -> None:
    def change(line: dict[str, Any]) -> None:
        for effect in effects(line, "parcel/sorted"):
            effect["data"]["reason"] = "MAGIC"

    done = replay(changed(small, change))
    found = done.difference
    assert found is not None
    assert (found.input, found.line) == (len(small) - 1, len(small))
    assert (found.since_ms, found.utc_ms) == (4000.0, UTC + 104_000.0)
    text = said(done, 1.0)
    assert f"different from input {found.input} on (line {found.line})" in text
    assert "4.000 s after the start" in text
    assert "input     Heard device=" in text
    assert "Discharged track=1" in text
    assert "  data.reason\n    expected  MAGIC\n    got       " in text


def test_an_effect_too_few_or_too_many_is_told(small: list[bytes]) -> None:
    def forget(line: dict[str, Any]) -> None:
        if effects(line, "parcel/sorted"):
            line["effects"] = []

    def invent(line: dict[str, Any]) -> None:
        if effects(line, "parcel/sorted"):
            line["effects"].append({"$": "Send", "line": "S9"})

    fewer, more = replay(changed(small, forget)), replay(changed(small, invent))
    assert fewer.difference is not None
    assert more.difference is not None
    assert fewer.difference.expected is None
    assert "expected  nothing\ngot       Emit" in said(fewer, 1.0)
    assert more.difference.got is None
    assert more.difference.expected == {"$": "Send", "line": "S9"}


def test_other_kept_state_is_told(small: list[bytes]) -> None:
    def change(line: dict[str, Any]) -> None:
        for entry in line.get("kept", ()):
            if entry[0] == "travel" and entry[2] is not None:
                entry[2] = json.dumps(json.loads(entry[2]) | {"lap": 77})

    done = replay(changed(small, change))
    assert done.difference is not None
    assert 'effect    Kept travel "S1-' in said(done, 1.0)
    assert "  value.lap\n    expected  77\n    got       0" in said(done, 1.0)


def test_a_new_look_up_is_told(small: list[bytes]) -> None:
    done = replay(changed(small, lambda line: line.pop("look", None)))
    assert done.difference is not None
    assert f"NotAsked: {CODE} is looked up, and was not when this was recorded" in json.dumps(done.difference.got)


def test_a_changed_floor_is_another_floor(small: list[bytes]) -> None:
    def change(line: dict[str, Any]) -> None:
        if "floor" in line:
            line["floor"] = line["floor"].replace("margin_ms = 50", "margin_ms = 51")

    assert replay(changed(small, change)).difference is not None


# --- torn, damaged, foreign -------------------------------------------------------------------------------------------


def test_a_torn_last_line_is_left_out(small: list[bytes]) -> None:
    for torn in (small[-1][:-1], small[-1][:20], b""):
        done = replay([*small[:-1], torn])
        assert (done.difference, done.torn, done.inputs) == (None, True, len(small) - 2)


def test_a_gzip_that_was_cut_off_is_torn(small: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(small))[:-40])
    done = replay(lines(path))
    assert (done.difference, done.torn) == (None, True)
    assert done.inputs > 3


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ([], "it is empty"),
        ([b'{"recording": 1'], "nothing but a torn first line"),
        ([b"hello\n"], "line 1: this is no recording of a floor; floord run --record makes one"),
        ([b"[1]\n"], "line 1: this is no recording"),
        ([b'{"now": 1}\n'], "line 1: this is no recording"),
        ([b'{"recording": 99}\n'], f"its format is 99, this hubfloor reads format {FORMAT}"),
        ([b'{"recording": 1}\n'], "line 1 is damaged: KeyError: 'state'"),
        ([b"[" * 100_000 + b"\n"], "line 1: this is no recording"),
    ],
)
def test_what_is_no_recording_is_refused(bad: list[bytes], why: str) -> None:
    with pytest.raises(NotARecording, match=why):
        replay(bad)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda line: line.pop("now"), "line 3 is damaged: 'now' is missing"),
        (lambda line: line.update(input={"$": "Nobody"}), "line 3 is damaged: no input has a part that is called"),
        (lambda line: line.update(input=5), "line 3 is damaged: a int is no input"),
        (lambda line: line.update(look=[1]), "line 3 is damaged: "),
        (lambda line: line.update(kept=[[1]]), "line 3 is damaged: "),
        (lambda line: line.update(kept=[["a", "b", "{"]]), "line 3 is damaged: "),
        (lambda line: line.update(effects=7), "line 3 is damaged: "),
        (lambda line: line.update(seq=None), "line 3 is damaged: "),
        (lambda line: line.update(now=[]), "line 3 is damaged: "),
    ],
)
def test_a_damaged_line_is_named(small: list[bytes], change: Callable[[Any], object], why: str) -> None:
    line = json.loads(small[2])
    change(line)
    with pytest.raises(NotARecording, match=why):
        replay([*small[:2], json.dumps(line).encode() + b"\n", *small[3:]])


def test_a_floor_that_is_refused_says_what_is_wrong_with_it(small: list[bytes]) -> None:
    for key, value in (("floor", FLOOR.replace("supervised = true", "")), ("plans", [PLAN.replace("S1-BOND", "NIX")])):
        head = json.loads(small[0]) | {key: value}
        with pytest.raises(NotARecording, match="this hubfloor refuses the floor or a plan in it:\n"):
            replay([json.dumps(head).encode() + b"\n"])


@settings(max_examples=150)
@given(data=st.data())
def test_no_file_crashes_a_replay(small: list[bytes], data: st.DataObject) -> None:
    text = bytearray(b"".join(small[: data.draw(st.integers(1, len(small)))]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        done = replay(bytes(text).splitlines(keepends=True))
    except NotARecording:
        return
    assert said(done, 1.0)


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def stored(small: list[bytes], tmp_path: Path) -> Path:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"".join(small))
    return path


def test_the_command_says_the_same(stored: Path, small: list[bytes]) -> None:
    done = CliRunner().invoke(main, ["replay-floor", str(stored)])
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"the same: {len(small) - 1} inputs, ")
    assert "times real time" in done.output
    value = json.loads(CliRunner().invoke(main, ["replay-floor", "--json", str(stored)]).output)
    assert (value["same"], value["inputs"], value["difference"]) == (True, len(small) - 1, None)


def test_the_command_says_torn_different_damaged_and_not_there(stored: Path, small: list[bytes]) -> None:
    def run(*recording: bytes) -> tuple[int, str]:
        stored.write_bytes(b"".join(recording))
        done = CliRunner().invoke(main, ["replay-floor", str(stored)])
        return done.exit_code, done.output

    code, text = run(*small, b'{"now"')
    assert (code, "the last line is torn" in text) == (0, True)
    code, text = run(*changed(small, lambda line: line.pop("effects", None)))
    assert (code, "different from input" in text) == (1, True)
    code, text = run(*small[:3], b"?\n", *small[3:])
    assert (code, "line 4 is damaged" in text) == (65, True)
    stored.unlink()
    done = CliRunner().invoke(main, ["replay-floor", str(stored)])
    assert (done.exit_code, "no such file" in done.output) == (2, True)


def test_a_foreign_gzip_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl.gz"
    for data in (b"hello", gzip.compress(b"x" * 1000)[:200].replace(b"x", b"\xff") + b"\xff" * 40):
        path.write_bytes(data)
        assert CliRunner().invoke(main, ["replay-floor", str(path)]).exit_code == 65


def test_control_characters_of_a_code_do_not_reach_the_terminal() -> None:
    effect = {"$": "Keep", "kind": "visit", "key": "\x1b[2J", "gone": False}
    from controller.replaying import Difference

    for got in (None, effect | {"gone": True}):
        done = Replay(difference=Difference(1, 2, 0.0, UTC, {"$": "Tick"}, effect, got))
        assert "\x1b" not in said(done, 1.0)


# --- the file ---------------------------------------------------------------------------------------------------------


def written(path: Path, most: int, *writes: list[bytes], then: Callable[[], object] = bool) -> list[str]:
    """What a RecordingFile says while this is written, up to its end; `then` is done before the end."""
    told: list[str] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        file = RecordingFile(path, most, loop, told.append)
        for data in writes:
            file.write(data)
        then()
        await loop.run_in_executor(None, file.close)
        await asyncio.sleep(0)

    asyncio.run(run())
    return told


def test_a_file_is_written_in_order_and_for_owner_and_group_only(tmp_path: Path) -> None:
    path = tmp_path / "recordings" / "r.jsonl"
    before = os.umask(0)
    try:
        told = written(path, 100, [b"a\n", b"b\n"], [], [b"c\n"])
    finally:
        os.umask(before)
    assert (told, path.read_bytes()) == ([], b"a\nb\nc\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750


def test_a_file_that_is_full_ends_whole_and_says_so_once(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    told = written(path, 9, *[[b"1234\n"]] * 5)
    assert path.read_bytes() == b"1234\n"
    assert told == [f"the recording has ended: {path} has reached its 0 MB; --record-mb allows more"]


def test_a_disk_that_is_too_slow_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    os.mkfifo(path)  # a file that takes nothing before somebody reads it
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    told = written(path, 10 * WAITING, *[[b"x" * WAITING, b"\n"]] * 3, then=reader.start)
    reader.join(LIMIT_S)
    assert told == [f"the recording has ended: {path}: the disk is too slow for it"]
    assert got == [b"x" * WAITING + b"\n"]


def test_a_file_that_cannot_be_made_ends_it(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("no folder")
    path = tmp_path / "recordings" / "r.jsonl"
    told = written(path, 100, [b"a\n"])
    assert told == [f"the recording has ended: {path}: File exists"]


def test_the_end_of_a_recording_is_an_alarm_and_the_floor_goes_on() -> None:
    hub = Recorded().up()
    hub.node.recording_stops("the recording has ended: r.jsonl: No space left on device", hub.now)
    assert hub.event("INDU", indu(1))
    hub.commit()
    (alarm,) = [event["data"] for event in hub.events("alarm/raised")]
    assert (alarm["alarm"], alarm["priority"]) == ("recording", "medium")
    assert alarm["what"] == "the recording has ended: r.jsonl: No space left on device"
    assert hub.node.recorder is None


# --- the daemon -------------------------------------------------------------------------------------------------------


@pytest.fixture
def scanner() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LIMIT_S)
        yield server


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_floord_records_what_it_hears_and_it_replays(tmp_path: Path, scanner: socket.socket, number: int) -> None:
    port = scanner.getsockname()[1]
    floor = write(tmp_path, f"tcp://127.0.0.1:2112 => tcp://127.0.0.1:{port}")
    command = [sys.executable, "-m", "controller", "run", str(floor), "--record", "--record-mb", "1"]
    with (tmp_path / "log").open("w") as log, subprocess.Popen(command, stderr=log) as daemon:
        try:
            connection, _ = scanner.accept()
            connection.sendall(b"\x02" + CODE.encode() + b"\x03")
            recordings = tmp_path / "state" / "recordings"
            pause, tries = threading.Event(), LIMIT_S * 50
            while not any(CODE.encode() in path.read_bytes() for path in recordings.glob("*.jsonl")):
                tries -= 1
                assert tries, (tmp_path / "log").read_text()
                pause.wait(0.02)
            connection.close()
        finally:
            daemon.send_signal(number)
            daemon.wait(LIMIT_S)
    (path,) = recordings.glob("*.jsonl")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert f"floord: recording to {path}" in (tmp_path / "log").read_text()
    done = CliRunner().invoke(main, ["replay-floor", "--json", str(path)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["inputs"] >= 2  # the link came up, and the code
