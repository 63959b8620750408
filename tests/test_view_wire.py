"""The wire pane: what pieces mean, the gaps between them, filters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from controller.view import ink, wire_log, wire_rows
from controller.view.hearing import DEVICE, HOST, Ear, Meaning, ears
from controller.view.wire_log import WireLog
from devices.driver import load
from tests import transcripts

SYES, DEST = (transcripts.read("telegram")[number].raw for number in (0, 9))
READ = b"\x02RB123456785GB\x03"
BAD = bytes.fromhex("0231504c43314855422e535945534130303033303030313030304337353903")


def line_settings() -> Any:
    return load("line").Settings(prefix="\x02", suffix="\x03")


def words_of(heard: Sequence[Meaning]) -> list[str]:
    return [one.words for one in heard]


def log() -> WireLog:
    kinds = {"plc-1": "telegram", "tunnel-1": "line", "portal": "mqtt_scan", "odd": "nothing"}
    found = WireLog(ears(kinds, {"tunnel-1": ("line", line_settings())}))
    found.add(piece(1000, "plc-1", HOST, SYES))
    found.add(piece(1012, "tunnel-1", DEVICE, READ))
    found.add(piece(1037, "plc-1", DEVICE, BAD))
    return found


def piece(t: float, stub: str, side: str, data: bytes) -> dict[str, Any]:
    return {"t": t, "stub": stub, "from": side, "hex": data.hex()}


def drawn(of: WireLog, width: int = 160, height: int = 20, back: int = 0) -> list[str]:
    return [ink.text(row) for row in wire_rows.draw(of, 0.0, width, height, back)]


def test_what_a_machine_says_is_decoded_by_its_driver_with_the_settings_of_the_floor() -> None:
    said = [words_of(one.said) for one in log().shown()]
    assert said[1] == ["read RB123456785GB"]
    assert said[2][0].startswith("garbled crc")


def test_what_the_host_says_is_decoded_where_the_kind_can_and_else_text() -> None:
    assert words_of(log().shown()[0].said)[0].startswith("command SYES ")
    assert words_of(Ear("line", line_settings()).hear(HOST, b"\x1bT\r", None, 0.0)) == [".T."]


@pytest.mark.parametrize("kind", ["telegram", "sick_cola", "zebra_ssi"])
def test_every_message_of_a_transcript_is_heard_without_a_complaint_of_the_view(kind: str) -> None:
    for message in (one for one in transcripts.read(kind) if not one.settings):
        items = message.meaning.split(": ")[0]
        heard = Ear(kind).hear(HOST if message.direction == "C" else DEVICE, message.raw, None, 0.0)
        assert any(one.bad for one in heard) == bool(
            re.search("garbled|no_read|error|Garbled|NoRead|Error|Overflow", items)
        )


def test_pieces_of_a_frame_mean_something_with_the_last() -> None:
    ear = Ear("line", line_settings())
    assert ear.hear(DEVICE, READ[:6], None, 0.0) == []
    assert words_of(ear.hear(DEVICE, READ[6:], None, 1.0)) == ["read RB123456785GB"]


def test_a_kind_that_nobody_knows_or_that_lacks_settings_is_shown_as_text() -> None:
    for kind in ("nothing", "line"):
        assert words_of(Ear(kind).hear(DEVICE, READ, None, 0.0)) == [".RB123456785GB."]


def test_settings_of_another_kind_are_not_used() -> None:
    found = ears({"tunnel-1": "sick_cola"}, {"tunnel-1": ("line", line_settings())})
    heard = found["tunnel-1"].hear(DEVICE, b"\x02sRA SCdevicestate 1\x03", None, 0.0)
    assert words_of(heard) == ["reply sRA SCdevicestate 1"]


def test_a_message_of_a_broker_has_its_topic() -> None:
    of = log()
    of.add({"t": 2000, "stub": "odd", "from": DEVICE, "topic": "a/b", "payload_hex": b"hello".hex(), "retain": False})
    assert "a/b hello" in drawn(of)[-1]


def test_the_gap_is_since_the_last_piece_on_that_wire_in_either_direction() -> None:
    assert [one.gap for one in log().shown()] == [None, None, 37.0]
    assert [row.split()[1] for row in drawn(log())] == ["plc-1", "tunnel-1", "+37"]


def test_a_row_has_time_gap_direction_meaning_and_hex() -> None:
    row = drawn(log())[2]
    assert row.startswith(" 00:00:01.037    +37 plc-1    > ! garbled crc")
    assert "02 31 50 4c" in row
    assert " < command SYES" in drawn(log())[0]


def test_eighty_columns_take_two_rows_a_piece() -> None:
    rows = drawn(log(), 80)
    assert len(rows) == 6
    assert rows[3].split()[:3] == ["02", "52", "42"]
    assert rows[3].endswith(".RB123456785GB.")
    assert max(map(len, rows)) <= 80


def test_words_or_hex_alone_have_more_room() -> None:
    of = WireLog(ears({"plc-1": "telegram"}, {}))
    of.add(piece(1000, "plc-1", HOST, SYES))
    both = drawn(of, 80)
    of.next_shows()
    assert (of.shows, "only words" in of.filters()) == ("words", True)
    words = drawn(of, 80)
    assert both[0].endswith("…")
    assert (words[0] + words[1].strip()).endswith("durable_evt=411")
    of.next_shows()
    text = "".join(row[29:] for row in drawn(of, 80)).replace(" ", "")
    assert SYES.hex()[:20] in text
    assert len(drawn(of, 80)) > 2
    of.next_shows()
    assert drawn(of, 80) == both


def test_each_thing_that_a_piece_says_has_a_row() -> None:
    of = WireLog(ears({"plc-1": "telegram"}, {}))
    of.add(piece(1000, "plc-1", HOST, SYES + DEST))
    rows = drawn(of)
    assert [row[29:].split()[:2] for row in rows] == [["command", "SYES"], ["command", "DEST"]]
    assert "02 31" in rows[0]
    assert [row.strip().split()[0] for row in drawn(of, 80)[1:]] == ["command", "02"]


def test_the_newest_are_shown_and_the_older_ones_by_going_back() -> None:
    of = log()
    for at in range(50):
        of.add(piece(3000 + at, "tunnel-1", DEVICE, b"\x02%d\x03" % (100 + at)))
    assert "read 149" in drawn(of, height=5)[-1]
    assert "read 139" in drawn(of, height=5, back=10)[-1]
    assert "plc-1" in drawn(of, height=5, back=1000)[0]


def test_filters_by_machine_text_hex_and_errors() -> None:
    of = log()
    of.next_stub(["plc-1", "tunnel-1"])
    assert {one.stub for one in of.shown()} == {"plc-1"}
    of.next_stub(["plc-1", "tunnel-1"], -1)
    for text, found in (
        ("rb1234", 1),
        ("SYES", 2),
        ("02 31 50 4c", 1),
        ("0231504c", 1),
        ("nowhere", 0),
        ("-SYES", 1),
        ("-", 3),
    ):
        of.text = text
        assert len(of.shown()) == found, text
    of.text = ""
    of.only_bad = True
    assert [one.bad for one in of.shown()] == [True]
    assert of.filters() == "all machines, only errors and no-reads"
    of.clear_filters()
    assert len(of.shown()) == 3


def test_a_no_read_counts_as_trouble() -> None:
    of = WireLog({"tunnel-1": Ear("line", line_settings())})
    of.add(piece(1, "tunnel-1", DEVICE, b"\x02NoRead\x03"))
    assert of.shown()[0].bad


def test_a_pause_holds_the_picture_and_loses_nothing() -> None:
    of = log()
    of.pause()
    of.add(piece(2000, "tunnel-1", DEVICE, READ))
    assert len(of.shown()) == 3
    assert of.filters().startswith("PAUSED")
    of.pause()
    assert len(of.shown()) == 4


def test_it_is_bounded() -> None:
    of = WireLog()
    for at in range(wire_log.KEPT + 10):
        of.add(piece(at, "x", DEVICE, b"a"))
    assert len(of.shown()) == wire_log.KEPT
    of.add(piece(0, "x", DEVICE, bytes(100_000)))
    assert len(drawn(of)[-1]) <= 160


def test_what_is_missed_is_said() -> None:
    of = log()
    of.missed = 12
    assert "12 missed" in of.filters()


def test_what_is_no_piece_is_an_error() -> None:
    with pytest.raises(ValueError):
        log().add({"t": 1, "stub": "plc-1", "from": DEVICE, "hex": "0g"})
    with pytest.raises(KeyError):
        log().add({"t": 1, "stub": "plc-1", "from": DEVICE})


def test_nothing_that_a_machine_says_reaches_the_terminal_as_control() -> None:
    of = WireLog({"x": Ear("line", line_settings())})
    of.add(piece(1, "x", DEVICE, b"\x02\x9b31m\x1b[2J\x03"))
    assert all(row.isprintable() for width in (80, 160) for row in drawn(of, width))
