"""Recordings of wires: the file, what a check of them sees, and what names are taken out of them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from firmware_stubs.anonymising import anonymised
from firmware_stubs.commands.anonymise import command as anonymise
from firmware_stubs.commands.check import command as check_command
from firmware_stubs.mixes import checks
from firmware_stubs.near_inputs import moved, settled
from firmware_stubs.plcs._telegram_codec import frame
from firmware_stubs.stub import Message
from firmware_stubs.wire_recording import (
    CENTRE,
    DEVICE,
    HOST,
    Entry,
    FloorText,
    NotARecordingError,
    Recording,
    lines,
    read,
    summed,
)
from tests.wire_recorded import changed, check, flipped, recorded

DEMO = Path(__file__).with_name("recordings") / "demo-wires.jsonl.gz"
FLIPS = 45


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("floor")


@pytest.fixture(scope="module")
def talk(folder: Path) -> Recording:
    """A telegram line with twelve parcels."""
    return recorded(folder)


def texts(recording: Recording) -> list[str]:
    return list(lines(recording))


# --- the file --------------------------------------------------------------------------------------------------------


def test_a_recording_is_read_as_it_was_written(talk: Recording) -> None:
    assert read(texts(talk)) == talk
    sides = {entry.side for entry in talk.entries}
    assert sides == {"", DEVICE, HOST, CENTRE}


def test_half_a_last_line_is_left_out(talk: Recording) -> None:
    whole = texts(talk)
    torn = read([*whole[:-1], whole[-1][:-9]])
    assert torn.torn
    assert torn.entries == talk.entries[:-1]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nothing\n", "line 3: no JSON: 'nothing'"),
        ("[]\n", "line 3: no JSON object"),
        ('{"link": "plc-1"}\n', "line 3: t is missing"),
        ('{"t": 99999.0, "link": "plc-9", "from": "host", "hex": ""}\n', "line 3: the header has no link 'plc-9'"),
        ('{"t": 99999.0, "link": "plc-1", "from": "me", "hex": ""}\n', "line 3: from is 'me': device or host"),
        ('{"t": 99999.0, "link": "plc-1", "from": "host", "hex": "0"}\n', "line 3: hex: '0' is no hex text"),
        ('{"t": 99999.0, "from": "centre", "hex": "00"}\n', "line 3: topic is missing"),
    ],
)
def test_a_damaged_line_is_named(talk: Recording, line: str, why: str) -> None:
    with pytest.raises(NotARecordingError, match=re.escape(why)):
        read([*texts(talk)[:2], line, *texts(talk)[2:]])


def test_time_that_goes_back_is_damage(talk: Recording) -> None:
    with pytest.raises(NotARecordingError, match=r"line 3: t goes back from .* to -5"):
        read([*texts(talk)[:2], '{"t": -5, "link": "plc-1", "from": "host", "hex": ""}\n'])


@pytest.mark.parametrize("text", [[], ["{}\n"], ['{"wire_recording": 2}\n'], ['{"wire_recording": 1}\n']])
def test_what_is_none_is_refused(text: list[str]) -> None:
    with pytest.raises(NotARecordingError):
        read(text)


# --- the check -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("plc", "seconds"), [("telegram", 9), ("mqtt_json", 9), ("modbus-tcp", 9), ("modbus-rtu", 3)])
def test_a_recording_replays_to_the_same(tmp_path: Path, plc: str, seconds: float) -> None:
    result = check(recorded(tmp_path, plc, parcels=4, seconds=seconds), tmp_path / "floor.toml", seed=99)
    assert result.differences == []
    assert result.compared > 10
    assert any("DEST" in fact.text for fact in result.facts)


def test_another_order_to_a_modbus_plc_is_a_difference(tmp_path: Path) -> None:
    """The lane of a DEST stands in a register: nothing but its meaning tells, for TCP has no check of its own."""
    talk = recorded(tmp_path, "modbus-tcp", parcels=2, seconds=9.0)
    write = b"\x10\x04"  # of a command, at 1040 or behind
    entry = next(one for one in talk.entries if one.side == HOST and one.data[7:9] == write and one.data[14] == 6)
    result = check(changed(talk, entry, partial(flipped, bit=8 * 22)), tmp_path / "floor.toml")
    assert [one.fact.about.split()[0] for one in result.differences] == ["DEST"]
    assert "lanes=" in result.differences[0].fact.text


def test_a_recorded_demo_replays_to_the_same() -> None:
    """`floord demo` in real time, on ptys and with a broker: the file was written by its --record."""
    done = CliRunner().invoke(check_command, [str(DEMO)])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("the same: ")


def test_without_events_the_messages_to_machines_are_compared(talk: Recording, folder: Path) -> None:
    wires = replace(talk, entries=[one for one in talk.entries if (one.link and one.up is None) or one.side == CENTRE])
    result = check(wires, folder / "floor.toml")
    assert (result.differences, result.events) == ([], False)
    assert result.compared > 40


def test_a_wrong_destination_is_a_difference(talk: Recording, folder: Path) -> None:
    entry = next(one for one in talk.entries if one.side == HOST and b"DESTR" in one.data)
    found = re.search(rb"\x021(....)(....)DESTR(....)(....)...(.*?)....\x03", entry.data)
    assert found is not None
    names = [found[1].decode().rstrip("."), found[2].decode().rstrip(".")]
    body = (
        found[5].decode().replace("S1-L0", "S1-L9", 1)
        if b"S1-L0" in found[5]
        else found[5].decode()[:-12] + "S1-L99......"
    )
    other = frame(names[0], names[1], "DEST", "R", int(found[3], 16), int(found[4]), body)
    result = check(changed(talk, entry, lambda data: data.replace(found[0], other)), folder / "floor.toml")
    assert len(result.differences) == 1
    (difference,) = result.differences
    assert difference.recorded is not None
    assert difference.recorded.entry == entry.number
    assert "lanes=S1-L9" in difference.recorded.text
    came = result.nearest(difference)
    assert came is not None
    assert came.meaning


def test_what_is_said_too_late_is_a_difference(talk: Recording, folder: Path) -> None:
    place = next(at for at, one in enumerate(talk.entries) if one.side == HOST and b"DESTR" in one.data)
    early, late = talk.entries[:place], talk.entries[place]
    later = [one for one in talk.entries[place + 1 :] if one.t <= late.t + 1500]
    rest = [one for one in talk.entries[place + 1 :] if one.t > late.t + 1500]
    other = replace(talk, entries=[*early, *later, replace(late, t=late.t + 1500), *rest])
    found = check(other, folder / "floor.toml").differences
    assert late.number in [one.recorded.entry for one in found if one.recorded and one.now]


@pytest.mark.parametrize("seed", range(3))
def test_a_flipped_bit_anywhere_is_a_difference(talk: Recording, folder: Path, seed: int) -> None:
    """But where it only says when something was, or is an id: there the sum of the line tells."""
    rng = Random(seed)
    places = [entry for entry in talk.entries if entry.data and not _untold(entry)]
    for entry in rng.sample(places, FLIPS // 3):
        bit = rng.randrange(8 * len(entry.data))
        result = check(changed(talk, entry, partial(flipped, bit=bit)), folder / "floor.toml")
        if not result.differences:
            assert _only_when(entry, bit // 8), (entry.number, entry.data, bit)
            continue
        assert any(abs(one.t - entry.t) < 3000 for one in result.differences), (entry, result.differences)


def _untold(entry: Entry) -> bool:
    """Nothing that leaves depends on it: a sign of life, a state, most of what the centre says."""
    topic = entry.piece.topic if isinstance(entry.piece, Message) else ""
    alive = re.fullmatch(rb"\x02.{9}(LIFE|TIME)A[^\x02]*\x03", entry.data)
    if alive and entry.side == DEVICE:
        return True
    return entry.data == b"\x02HB\x03" or "/state/" in topic or entry.side == CENTRE


def _only_when(entry: Entry, place: int) -> bool:
    """Whether a byte of an event belongs to an id or a moment, and is a digit there."""
    spans = re.finditer(rb'"(id|time|recordedtime)":"([^"]*)"|"deadline_ms":([0-9]*)|"boot":([0-9]*)', entry.data)
    return "/event/" in getattr(entry.piece, "topic", "") and any(one.start() < place < one.end() for one in spans)


def test_any_changed_line_is_told_by_its_sum(talk: Recording, folder: Path) -> None:
    whole, rng = texts(talk), Random(1)
    for number in rng.sample(range(2, len(whole)), 40):
        line = whole[number - 1]
        first = line.find('"hex": "') + 8 if '"hex": "' in line else line.find('"sum": "') + 8
        digit = rng.randrange(first, line.index('"', first))
        other = line[:digit] + ("0" if line[digit] != "0" else "1") + line[digit + 1 :]
        found = read([*whole[: number - 1], other, *whole[number:]])
        assert [entry.number for entry in found.entries if entry.changed] == [number]


def test_the_order_of_near_inputs_is_settled_by_what_was_answered(talk: Recording, folder: Path) -> None:
    arrived = next(one for one in talk.entries if one.side == DEVICE and b"ARRVR" in one.data)
    reads = [one for one in talk.entries if one.link == "tunnel-1" and one.t < arrived.t and b"HB" not in one.data]
    close = [replace(one, t=arrived.t - 1.0) if one is reads[-1] else one for one in talk.entries]
    near = replace(talk, entries=sorted(close, key=lambda one: one.t))
    read_, then = (next(e for e in near.entries if e.number == n) for n in (reads[-1].number, arrived.number))
    other = moved(near, read_, then)
    assert check(other, folder / "floor.toml").differences
    done = settled(other, lambda recording: check(recording, folder / "floor.toml"))
    assert done.result.differences == [] or done.swapped == ()


def test_a_check_says_what_it_saw(talk: Recording, tmp_path: Path, folder: Path) -> None:
    text = (folder / "floor.toml").read_text()
    plans = {"plan.toml": (folder / "plan.toml").read_text()}
    whole = replace(talk, header=replace(talk.header, floors=(FloorText("floor.toml", text, plans),)))
    file = tmp_path / "r.jsonl"
    file.write_text("".join(lines(whole)))
    same = CliRunner().invoke(check_command, [str(file), "--json"])
    assert (same.exit_code, json.loads(same.output)["same"]) == (0, True)
    entry = next(one for one in whole.entries if one.side == DEVICE and b"ARRVR" in one.data)
    bad = changed(whole, entry, lambda data: flipped(data, 8 * 40))
    file.write_text("".join(lines(bad)))
    different = CliRunner().invoke(check_command, [str(file)])
    assert different.exit_code == 1
    assert f"line {entry.number}" in different.output
    assert "garbled" in different.output


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        ("", 65, "it is empty"),
        ("{}\n", 65, "no wire recording of format 1"),
        (
            summed({"wire_recording": 1, "floorsim": "0", "utc_ms": 0.0, "links": {}}),
            65,
            "there is no floor file in it",
        ),
    ],
)
def test_a_check_of_what_is_none_says_so(tmp_path: Path, text: str, code: int, why: str) -> None:
    (tmp_path / "r.jsonl").write_text(text)
    done = CliRunner().invoke(check_command, [str(tmp_path / "r.jsonl")])
    assert (done.exit_code, why in done.output) == (code, True), done.output


# --- without names ---------------------------------------------------------------------------------------------------


def test_names_are_replaced_and_all_else_stays(talk: Recording, folder: Path) -> None:
    other, notes = anonymised(talk, "a key")
    assert notes == []
    reads = [(one, two) for one, two in zip(talk.entries, other.entries, strict=True) if one.link == "tunnel-1"]
    codes = {(one.data, two.data) for one, two in reads if one.data.startswith(b"\x02RB")}
    assert codes
    for was, is_ in codes:
        assert was != is_
        assert len(was) == len(is_)
        right = checks.s10(was[3:11].decode()) == chr(was[11])
        assert (checks.s10(is_[3:11].decode()) == chr(is_[11])) is right
    secrets = [was[1:-1] for was, _ in codes]
    assert not [one for one in other.entries for secret in secrets if secret in one.data]
    assert check(other, folder / "floor.toml").differences == []


def test_the_same_key_replaces_the_same_by_the_same(talk: Recording) -> None:
    assert anonymised(talk, "k") == anonymised(talk, "k")
    assert anonymised(talk, "k") != anonymised(talk, "l")


def test_telegrams_with_codes_have_the_right_check_again() -> None:
    body = "000001S1-DEC......0000010000001300003000010000000000S1013RB123456785GB"
    header = {
        "wire_recording": 1,
        "floorsim": "0",
        "utc_ms": 0.0,
        "links": {"p": {"kind": "telegram", "link": "pty:///x"}},
    }
    said = frame("PLC1", "HUB", "ARRV", "R", 1, 1, body)
    entry = {"t": 1.0, "link": "p", "from": "device", "hex": said.hex()}
    (other,) = anonymised(read([summed(header), summed(entry)]), "k")[0].entries
    assert b"RB123456785GB" not in other.data
    new = other.data[:-5].partition(b"S1013")[2].decode()
    assert re.fullmatch(r"RB\d{9}GB", new)
    assert checks.s10(new[2:10]) == new[10]
    assert other.data == frame("PLC1", "HUB", "ARRV", "R", 1, 1, body.replace("RB123456785GB", new))


def test_a_recording_is_written_again_without_names(talk: Recording, tmp_path: Path) -> None:
    file, out = tmp_path / "r.jsonl", tmp_path / "a.jsonl"
    file.write_text("".join(lines(talk)))
    done = CliRunner().invoke(anonymise, [str(file), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert len(read(out.read_text().splitlines(keepends=True)).entries) == len(talk.entries)
    again = CliRunner().invoke(anonymise, [str(file), "--out", str(out)])
    assert again.exit_code == 2
    assert "file exists" in again.output
