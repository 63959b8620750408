"""The transcript of a PLC that speaks JSON: a line means what it states; what we say is equal member for member."""

from __future__ import annotations

import json
from typing import Any

import pytest

from devices.plcs.mqtt_json import Driver, Settings
from devices.types import Message
from tests import transcripts
from tests.mqtt_json_line import KEPT, readable

TALK = transcripts.conversation("mqtt_json")
UP = "SYBE TRAK SYEN LIFE SPED INDU ARRV CODE MEAS PASS DIVC RCIR LOST GHST HAND STAT BUTN CONT OVFL".split()
DOWN = "SYES LIFE TIME DEST CMND LAMP".split()
REFUSED_BY_PLC = "UNKT LATE OLDD LUNK PUNK BUSY MODE OLDC FORM".split()


def test_the_transcript_is_complete() -> None:
    """Every type both ways with its answers."""
    said = {
        (line.direction, *(json.loads(line.payload)[key] for key in ("type", "flag"))) for line in TALK if is_json(line)
    }
    assert {("P", kind, "R") for kind in UP} | {("C", kind, "R") for kind in DOWN} <= said
    assert {("C", kind, "A") for kind in UP} | {("P", kind, "A") for kind in DOWN if kind != "CMND"} <= said
    codes = {(line.direction, json.loads(line.payload).get("code")) for line in TALK if b'"flag":"N"' in line.payload}
    assert codes == {("P", code) for code in REFUSED_BY_PLC} | {("C", "FORM"), ("C", "NSYN")}
    assert all(line.source.startswith("PLC interface v1 §") for line in TALK)


def is_json(line: transcripts.Said) -> bool:
    return not line.topic.endswith("/status")


def test_a_line_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "x.txt").write_text("# fine\nC | plc/S1/down | {}\n")
    monkeypatch.setattr(transcripts, "WIRE", tmp_path)
    with pytest.raises(ValueError, match=r"x\.txt:2: want C or P"):
        transcripts.conversation("x")


def test_the_conversation() -> None:
    driver, now = Driver(Settings("plc/S1")), 1000.0
    driver.opened(now, KEPT)
    written: list[Message] = list(driver.take())
    for line in TALK:
        if line.durable:
            driver.confirm((26, line.durable), now)
        written += driver.take()
        if line.direction == "P":
            assert not written, (line, written)
            items = driver.feed(Message(line.topic, line.payload, 1, False), now)
            assert "; ".join(readable(item, now) for item in items) == line.meaning.replace(
                "-", "", line.meaning == "-"
            ), line
            continue
        if (wanted := transcripts.command(line.meaning)) is not None:
            driver.send(wanted, now, None)
            written += driver.take()
        while not written:
            due = driver.next_at()
            assert due is not None, line
            now = max(now, due)
            assert driver.tick(now) == [], line
            written += driver.take()
        message = written.pop(0)
        assert (message.topic, message.qos, message.retain) == (line.topic, 1, False), line
        assert list(json.loads(message.payload).items()) == list(json.loads(line.payload).items()), line
    assert not written
    assert driver.next_at() is None, "a fenced controller is silent"
