"""What a check tells of a damaged file and of differences, for people and for scripts."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from firmware_stubs.check_words import ROWS, described, members, told
from firmware_stubs.checking import Came
from firmware_stubs.checking import Result as Checked
from firmware_stubs.commands.check import command
from firmware_stubs.near_inputs import Settled
from firmware_stubs.stub import Message
from firmware_stubs.talks import Difference, Fact
from firmware_stubs.wire_print import printable
from firmware_stubs.wire_recording import CENTRE, DEVICE, HOST, Entry, Recording, read
from tests.wire_recorded import check, flipped, recorded

DEMO = Path(__file__).with_name("recordings") / "demo-wires.jsonl.gz"
WIDTH = 80


@pytest.fixture(scope="module")
def demo() -> list[str]:
    with gzip.open(DEMO, "rt") as lines:
        return list(lines)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))


def damaged(demo: list[str], side: str, words: bytes, bit: int) -> tuple[Entry, list[str]]:
    """The first entry of a side with these words, and the file with one bit flipped so far behind their beginning."""
    entry = next(one for one in read(demo).entries if one.side == side and words in one.data)
    other = flipped(entry.data, 8 * entry.data.index(words) + bit)
    at = entry.number - 1
    return entry, [*demo[:at], demo[at].replace(entry.data.hex(), other.hex()), *demo[at + 1 :]]


def run(lines: list[str], folder: Path, *options: str) -> Result:
    (folder / "r.jsonl").write_text("".join(lines))
    return CliRunner().invoke(command, [str(folder / "r.jsonl"), *options])


def result(*differences: Difference, came: tuple[Came, ...] = ()) -> Settled:
    return Settled(Checked(list(differences), [], 20_000.0, came=list(came)))


def event(text: str, t: float = 1000.0, about: str = "demo travel/S1#1") -> Fact:
    return Fact("events", about, text, t, 7)


def test_a_damaged_telegram_is_told_first_then_what_came_of_it(demo: list[str], tmp_path: Path) -> None:
    entry, lines = damaged(demo, DEVICE, b"ARRVR", 120)
    done = run(lines, tmp_path)
    assert done.exit_code == 65, done.output
    rows = done.output.splitlines()
    first = (
        f"damaged: line {entry.number}, {entry.t / 1000:.3f} s, {entry.link} device: its sum is wrong; it was changed"
    )
    assert " ".join(" ".join(rows[:2]).split()) == f"{first} after it was recorded"
    heard = next(at for at, row in enumerate(rows) if row.startswith(f"  heard     {entry.link}: garbled"))
    consequences = next(at for at, row in enumerate(rows) if "answers differ after that" in row)
    assert 2 < heard < consequences
    assert rows[2].startswith("  02 31 ")
    assert f"  came in   line {entry.number}, which is damaged" in rows
    assert max(map(len, rows)) <= WIDTH
    assert "b'" not in done.output
    assert "\\x" not in done.output


def test_scripts_are_told_all_of_the_damage(demo: list[str], tmp_path: Path) -> None:
    entry, lines = damaged(demo, DEVICE, b"ARRVR", 120)
    done = run(lines, tmp_path, "--json")
    found = json.loads(done.output)
    (one,) = found["damaged"]
    assert (done.exit_code, found["same"]) == (65, False)
    assert (one["line"], one["t"], one["link"], one["from"]) == (entry.number, entry.t, entry.link, DEVICE)
    assert one["hex"] == json.loads(lines[entry.number - 1])["hex"]
    assert "garbled" in one["heard"][0]
    assert found["differences"]


def test_a_bit_of_a_members_name_is_told_by_the_member(demo: list[str], tmp_path: Path) -> None:
    _, lines = damaged(demo, HOST, b"deadline_ms", 2)
    done = run(lines, tmp_path)
    assert done.exit_code == 65
    assert "floord said it then" in done.output
    (row,) = [row for row in done.output.splitlines() if "eadline_ms: recorded " in row]
    assert row.endswith(", now missing")
    assert "eadline_ms" in run(lines, tmp_path, "--whole").output
    assert "recorded  line" in run(lines, tmp_path, "--whole").output


def test_a_changed_sign_of_life_is_damage_from_which_nothing_follows(tmp_path: Path) -> None:
    talk: Recording = recorded(tmp_path, parcels=2, seconds=5.0)
    beat = next(one for one in talk.entries if one.data == b"\x02HB\x03")
    entries = [replace(one, changed=one is beat) for one in talk.entries]
    done = Settled(check(replace(talk, entries=entries), tmp_path / "floor.toml"))
    text = " ".join(told(done, 1.0, WIDTH))
    assert text.startswith(f"damaged: line {beat.number}, {beat.t / 1000:.3f} s, {beat.link} device: its sum is wrong;")
    assert "02 48 42 03" in text
    assert "nothing differs after that" in text
    assert [one["line"] for one in described(done, 1.0)["damaged"]] == [beat.number]


def test_without_damage_a_difference_is_exit_code_1(demo: list[str], tmp_path: Path) -> None:
    entry, lines = damaged(demo, DEVICE, b"ARRVR", 120)
    bare = lines[entry.number - 1].partition(', "sum"')[0] + "}\n"
    done = run([*lines[: entry.number - 1], bare, *lines[entry.number :]], tmp_path)
    assert (done.exit_code, done.output.startswith("different: 5 ")) == (1, True), done.output
    assert f"  came in   line {entry.number}, " in done.output
    assert "garbled" in done.output


@pytest.mark.parametrize(
    ("was", "is_", "rows"),
    [
        ('a: {"x": 1, "y": [2]} {"s": "t"}', 'a: {"x": 1} {"s": "t"}', ["y: recorded [2], now missing"]),
        ('a: {"x": 1} {"s": "t"}', 'a: {"x": 1} {"s": "u"}', ['s: recorded "t", now "u"']),
        ("DEST: track=1 lanes=A,B", "DEST: track=1 lanes=C", ["lanes: recorded A,B, now C"]),
        ('a: {"x": 1}; id is not as it must be: "é"', 'a: {"x": 1}', ['recorded; id is not as it must be: "é"']),
        ("A to ARRV 0001 6", "A to INDU 0001 7", []),
        ('a: {"x": 1}', 'b: {"x": 2}', []),
        ('a: {"x": 1', 'a: {"x": 2', []),
    ],
)
def test_members_that_differ(was: str, is_: str, rows: list[str]) -> None:
    assert members(was, is_) == rows


def test_two_differences_fit_into_half_a_screen_and_many_are_counted() -> None:
    one = event("parcel/read: " + json.dumps({f"member{n}": "x" * 90 for n in range(9)}))
    other = event("parcel/read: " + json.dumps({f"member{n}": "y" * 90 for n in range(9)}))
    two = told(result(Difference(one, other), Difference(one, None)), 1.0, WIDTH)
    assert len(two) <= 12
    assert max(map(len, two)) <= WIDTH
    assert f"  … and {9 - ROWS} more members; --whole shows them" in two
    many = result(*[Difference(one, None)] * 22)
    assert told(many, 1.0, WIDTH)[-1] == "… and 12 more; --json has all"
    assert len(described(many, 1.0)["differences"]) == 22
    assert one.text in "\n".join(told(many, 1.0, WIDTH, whole=True))


def test_what_differs_far_behind_is_shown() -> None:
    one, other = event("x" * 200 + "left"), event("x" * 200 + "right")
    rows = told(result(Difference(one, other)), 1.0, WIDTH)
    assert [row.rsplit("x", 1)[1] for row in rows[-2:]] == ["left", "right"]


def test_the_same_too_late_is_told_by_its_times() -> None:
    rows = told(result(Difference(event("a"), event("a", 2500.0))), 1.0, WIDTH)
    assert rows[-1] == "  time      recorded 1.000 s, now 2.500 s (line 7)"


@pytest.mark.parametrize(
    ("entry", "where", "text", "known"),
    [
        (Entry(5, 950.0, "plc-1", DEVICE, b"A"), "plc-1", "DEST", True),
        (Entry(5, 850.0, "plc-1", DEVICE, b"A"), "plc-1", "DEST", False),
        (Entry(5, 950.0, "plc-2", DEVICE, b"A"), "plc-1", "DEST", False),
        (Entry(5, 950.0, "plc-1", DEVICE, b"A"), "events", 'x: {"parcel": "P1"}', False),
        (Entry(5, 950.0, "", CENTRE, Message("advice", b'{"parcel": "P1"}')), "events", 'x: {"parcel": "P1"}', True),
        (Entry(5, 950.0, "", CENTRE, Message("advice", b'{"parcel": "P1"}')), "events", 'x: {"parcel": "P12"}', False),
        (Entry(5, 950.0, "", CENTRE, Message("advice", b"parcel P1")), "events", 'x: {"parcel": "P1"}', False),
    ],
)
def test_what_came_in_is_shown_where_it_is_the_cause(entry: Entry, where: str, text: str, known: bool) -> None:
    difference = Difference(Fact(where, "about", text, 1000.0, 7), None)
    rows = told(result(difference, came=(Came(entry, []),)), 1.0, WIDTH)
    assert any(row.startswith("  came in   line 5, ") for row in rows) is known


def test_what_cannot_be_printed_is_escaped() -> None:
    assert printable("ä\x02\n".encode() + b"\xff") == "ä\\x02\\x0a\\xff"
