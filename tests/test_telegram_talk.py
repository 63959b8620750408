"""Whole conversations in telegrams: what the PLC says means what a line states, what we say is equal byte for byte."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from devices.plcs.telegram import Driver, Settings
from devices.types import Kept
from tests import transcripts
from tests.mqtt_json_line import readable
from tests.telegram_line import crc16

TALK = transcripts.talk("telegram")
UP = "SYBE TRAK SYEN LIFE SPED INDU ARRV CODE MEAS PASS DIVC RCIR LOST GHST HAND STAT BUTN CONT OVFL".split()
DOWN = "SYES LIFE TIME DEST CMND LAMP".split()
REFUSED_BY_PLC = "NSYN UNKT LATE OLDD LUNK PUNK BUSY MODE OLDC FORM".split()
STATES = "RUN STOP JAM FULL HALF FREE LOCK NCON FALT ESTP MANU MAIN SLOW".split()
RESULTS = "OK FU LK NC RL IN MI SZ DB JA LA NA MR".split()
WIDTHS = {
    "SYES": 18, "SYBE": 0, "SYEN": 0, "TIME": 13, "SPED": 32, "INDU": 41, "MEAS": 61, "PASS": 29, "DIVC": 50,
    "RCIR": 37, "LOST": 41, "GHST": 47, "HAND": 43, "STAT": 33, "BUTN": 27, "OVFL": 16, "CMND": 24, "LAMP": 22,
}  # fmt: skip
"""The characters of each body without a list and without a code: the sums of the widths of PLC interface v1 §3."""
HEADER = re.compile(r"(.)(.{4})(.{4})(.{4})(.)([0-9A-F]{4})([0-9]{4})([0-9]{3})")


def split(line: transcripts.Spoken) -> tuple[str, str, str]:
    """(type, flag, body) of a line."""
    text = line.raw[1:-1].decode("ascii")
    return text[9:13], text[13], text[25:-4]


@pytest.mark.parametrize("line", TALK, ids=str)
def test_every_line_is_a_telegram(line: transcripts.Spoken) -> None:
    assert (line.raw[:1], line.raw[-1:]) == (b"\x02", b"\x03")
    assert len(line.raw) <= 602
    assert all(0x20 <= byte <= 0x7E for byte in line.raw[1:-1])
    text = line.raw[1:-1].decode("ascii")
    header = HEADER.match(text)
    assert header is not None
    assert int(header[8]) == len(text) - 25 - 4
    assert text[-4:] == crc16(text[:-4])
    assert line.source.startswith("PLC interface v1 §")


def test_the_conversations_are_complete() -> None:
    """Every type both ways with its answers, and every refusal."""
    said = {(line.direction, *split(line)[:2]) for line in TALK}
    assert {("P", kind, "R") for kind in UP} | {("C", kind, "R") for kind in DOWN} <= said
    assert {("C", kind, "A") for kind in UP} | {("P", kind, "A") for kind in DOWN} <= said
    refused = {(line.direction, split(line)[2][:4]) for line in TALK if split(line)[1] == "N"}
    assert refused == {("P", code) for code in REFUSED_BY_PLC} | {("C", "FORM"), ("C", "NSYN")}


def test_the_conversations_go_to_the_ends_of_the_fields() -> None:
    bodies: dict[str, list[str]] = {}
    for kind, flag, body in map(split, TALK):
        if flag == "R":
            bodies.setdefault(kind, []).append(body)
    assert {body[28] for body in bodies["DEST"]} == set("1234")
    assert {body[26:28] for body in bodies["DEST"]} >= {"-D", "-L", "-K", "NL", "NK"}
    assert any(body.startswith("12") and len(body) == 2 + 12 * 42 for body in bodies["TRAK"])
    assert any(body[44:50] == "999999" and body[50:52] == "99" for body in bodies["ARRV"]), "carrier and lap"
    assert {body[52] for body in bodies["ARRV"]} == set("SDU")
    assert {"%1D", "%25", "%FF"} <= set(re.findall("%..", "".join(bodies["ARRV"])))
    assert {body[18] for body in bodies["CONT"]} == set("PG")
    assert {body[24] for body in bodies["CODE"]} == set("RNF")
    assert {body[18:22].rstrip(".") for body in bodies["STAT"]} == set(STATES)
    assert {body[40:42] for body in bodies["DIVC"]} == set(RESULTS)
    for kind in "SPED INDU PASS DIVC RCIR LOST HAND STAT BUTN OVFL".split():
        assert any(body[: WIDTHS[kind]].endswith("99999") for body in bodies[kind]), kind
    for kind, width in WIDTHS.items():
        assert any(len(body) == width for body in bodies[kind]), kind
        assert all(len(body) >= width for body in bodies[kind]), kind
    assert any(len(body) > WIDTHS["STAT"] for body in bodies["STAT"]), "appended fields"


@pytest.mark.parametrize("line", ["C | 0203\n", "S | 0203 | LIFE | PLC interface v1 §3\n", "P |  | LIFE | §3\n"])
def test_a_line_that_is_none_is_named(line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x_talk.txt").write_text("# fine\n" + line)
    monkeypatch.setattr(transcripts, "WIRE", tmp_path)
    with pytest.raises(ValueError, match=r"x_talk\.txt:2: want C or P"):
        transcripts.talk("x")


class Channel:
    """A driver in virtual time, and what it wants to write, telegram by telegram."""

    def __init__(self, opens: dict[str, str]) -> None:
        kept = {key: int(value) for key, value in opens.items() if key != "ack"}
        self.driver, self.now = Driver(Settings(ack=opens.get("ack", "taken"))), 1000.0
        self.driver.opened(self.now, Kept(**kept))
        self.written: list[bytes] = []

    def take(self) -> None:
        """Cut what the driver writes into telegrams."""
        data = self.driver.take()
        found = re.findall(rb"\x02[^\x02\x03]*\x03", data)
        assert b"".join(found) == data
        self.written += found

    def hear(self, line: transcripts.Spoken) -> None:
        """The PLC says this, and it means what the line states."""
        assert not self.written, (line, self.written)
        items = self.driver.feed(line.raw, self.now)
        meant = "" if line.meaning == "-" else line.meaning
        assert "; ".join(readable(item, self.now) for item in items) == meant, line

    def say(self, line: transcripts.Spoken) -> None:
        """The controller says this next: at once, or when its time has come."""
        if (wanted := transcripts.command(line.meaning)) is not None:
            self.driver.send(wanted, self.now, None)
        self.take()
        while not self.written:
            due = self.driver.next_at()
            assert due is not None, line
            self.now = max(self.now, due)
            assert self.driver.tick(self.now) == [], line
            self.take()
        assert self.written.pop(0) == line.raw, line


def test_the_conversations() -> None:
    channel: Channel | None = None
    for line in TALK:
        if line.opens:
            assert channel is None or not channel.written
            channel = Channel(line.opens)
        assert channel is not None, "the first line is behind an `# opens:`"
        if line.durable:
            channel.driver.confirm(line.durable, channel.now)
        channel.take()
        (channel.hear if line.direction == "P" else channel.say)(line)
        channel.take()
    assert channel is not None
    assert not channel.written
