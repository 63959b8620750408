"""The requests of a PLC: repeated, known, missing, durable, refused, or not for us."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devices.plcs.telegram import Settings
from devices.types import (
    Arrived,
    Codes,
    DeviceError,
    Garbled,
)
from tests.telegram_line import EPOCH, KEPT, Line, arrv, frame, has, only, own, plc, seqs


def test_repeat_gets_the_same_answer_and_has_no_effect() -> None:
    line = Line().normal()
    items, first = line.request("ARRV", arrv(412))
    assert has(items, Arrived)
    assert line.feed(plc("ARRV", line.seq, arrv(412).replace("00012", "00312"))) == []
    assert line.driver.take() == first == own("ARRV", 6243, "000411", "A", EPOCH)


def test_older_request_is_discarded_and_a_gap_is_legal() -> None:
    line = Line().normal()
    assert line.feed(plc("ARRV", (6243 - 4999), arrv(412))) == []
    assert line.driver.take() == b""
    assert has(line.feed(plc("ARRV", 6300, arrv(412))), Arrived)
    assert line.driver.counters.noted["old request"] == 1


def test_sequence_of_the_plc_wraps() -> None:
    line = Line()
    line.seq = 9997
    line.normal()
    assert line.seq == 9999
    items, out = line.request("ARRV", arrv(412))
    assert has(items, Arrived)
    assert seqs(out) == [("ARRV", "A", 1)]
    assert line.feed(plc("ARRV", 9999, arrv(413))) == []


def test_known_events_have_no_effect_also_after_a_restart() -> None:
    line = Line().normal()
    for evt in (411, 410, 1, 999_999, 411 - 5000 + 999_999):
        items, out = line.request("ARRV", arrv(evt))
        assert items == []
        assert seqs(out) == [("ARRV", "A", line.seq)]
    assert line.driver.counters.noted["known event"] == 5


def test_events_wrap() -> None:
    line = Line(kept=replace(KEPT, evt=999_998)).normal()
    for evt in (999_999, 1, 2):
        items, _ = line.request("ARRV", arrv(evt))
        assert [type(item) for item in items] == [Arrived]
        line.driver.confirm((EPOCH, evt), line.now)
    assert line.request("LIFE")[1] == own("LIFE", line.seq, "000002", "A", EPOCH)
    assert line.request("ARRV", arrv(999_999))[0] == []


@pytest.mark.parametrize("evt", [413, 411 + 499_999, 411 - 5001 + 999_999])
def test_jump_is_taken_with_an_alarm(evt: int) -> None:
    line = Line().normal()
    items, out = line.request("ARRV", arrv(evt))
    assert [type(item) for item in items] == [DeviceError, Arrived]
    assert only(items, DeviceError).code == "JUMP"
    assert seqs(out) == [("ARRV", "A", 6243)]
    line.driver.confirm((EPOCH, evt), line.now)
    assert f"006{evt:06}".encode() in line.request("LIFE")[1]


def test_known_over_sessions_of_one_process_even_before_the_commit() -> None:
    line = Line().normal()
    line.request("ARRV", arrv(412))
    line.driver.closed(line.now)
    line.driver.opened(line.now, KEPT)
    line.normal()
    assert line.request("ARRV", arrv(412))[0] == []
    assert [type(item) for item in line.request("ARRV", arrv(413))[0]] == [Arrived]


def test_durable_moves_with_confirm_only_and_never_back() -> None:
    line = Line().normal()
    assert line.request("ARRV", arrv(412))[1] == own("ARRV", 6243, "000411", "A", EPOCH)
    assert line.request("ARRV", arrv(413))[1] == own("ARRV", 6244, "000411", "A", EPOCH)
    line.driver.confirm((EPOCH, 413), line.now)
    assert line.driver.take() == b""
    line.driver.confirm((EPOCH, 412), line.now)
    assert line.request("LIFE")[1] == own("LIFE", 6245, "000413", "A", EPOCH)
    line.driver.closed(line.now)
    line.driver.opened(line.now, KEPT)
    assert line.driver.take() == own("SYES", 2, "00000007001A000413")


def test_ack_durable_waits_for_the_disk() -> None:
    line = Line(Settings(ack="durable")).normal()
    items, out = line.request("ARRV", arrv(412))
    assert has(items, Arrived)
    assert out == b""
    assert line.feed(plc("ARRV", line.seq, arrv(412))) == []
    assert line.driver.take() == b""
    line.driver.confirm((EPOCH, 412), line.now)
    assert line.driver.take() == own("ARRV", 6243, "000412", "A", EPOCH)
    assert line.request("LIFE")[1] == own("LIFE", 6244, "000412", "A", EPOCH)


def test_unreadable_event_is_kept_raw_before_it_is_refused() -> None:
    line = Line().normal()
    items, out = line.request("STAT", "000412L07.........GONE00000000010")
    garbled = only(items, Garbled)
    assert garbled.token == (EPOCH, 412)
    assert garbled.raw[4:] in plc("STAT", 6243, "000412L07.........GONE00000000010")
    assert out == b"", "the PLC drops what is refused: it must be on disk first"
    line.driver.confirm((EPOCH, 412), line.now)
    assert line.driver.take() == own("STAT", 6243, "FORM", "N", EPOCH)
    assert line.feed(plc("STAT", 6243, "000412L07.........GONE00000000010")) == []
    assert line.driver.take() == own("STAT", 6243, "FORM", "N", EPOCH)
    assert [type(item) for item in line.request("ARRV", arrv(413))[0]] == [Arrived]


@pytest.mark.parametrize(
    ("kind", "body", "version"),
    [
        ("WHAT", "", "1"),
        ("SYES", "00000007001A000411", "1"),
        ("LIFE", "", "2"),
        ("SPED", "LINE", "1"),
        ("PASS", "", "1"),
    ],
)
def test_unknown_or_bad_requests_are_refused_at_once(kind: str, body: str, version: str) -> None:
    line = Line().normal()
    items = line.feed(plc(kind, 6243, body, version=version))
    assert only(items, Garbled).token is None
    assert line.driver.take() == own(kind, 6243, "FORM", "N", EPOCH)


@pytest.mark.parametrize(("kind", "version"), [("WHAT", "1"), ("ARRV", "2")])
def test_an_unknown_message_with_the_next_number_is_an_event_that_cannot_be_read(kind: str, version: str) -> None:
    line = Line().normal()
    items = line.feed(plc(kind, 6243, "000412NEWS", version=version))
    assert only(items, Garbled).token == (EPOCH, 412)
    assert line.driver.take() == b"", "the PLC drops what is refused: it must be on disk first"
    line.driver.confirm((EPOCH, 412), line.now)
    assert line.driver.take() == own(kind, 6243, "FORM", "N", EPOCH)
    line.feed(plc(kind, 6244, "000412NEWS", version=version))
    assert line.driver.take() == own(kind, 6244, "FORM", "N", EPOCH), "sent again in another session"
    items = line.feed(plc("ARRV", 6245, arrv(413)))
    assert [type(item) for item in items] == [Arrived], "no number is missing"


@pytest.mark.parametrize("number", ["000413", "000000", "00041X"])
def test_an_unknown_message_with_any_other_number_is_no_event(number: str) -> None:
    line = Line().normal()
    items = line.feed(plc("WHAT", 6243, number + "NEWS"))
    assert [(type(item), getattr(item, "token", None)) for item in items] == [(Garbled, None)]
    assert line.driver.take() == own("WHAT", 6243, "FORM", "N", EPOCH)
    assert [type(item) for item in line.feed(plc("ARRV", 6244, arrv(412)))] == [Arrived]


def test_what_is_not_for_us_is_counted_and_not_answered() -> None:
    line = Line().normal()
    wrong_crc = plc("LIFE", 6243)[:-2] + b"!\x03"
    wrong_length = frame("1PLC1HUB.LIFER001A6243007")
    no_number = frame("1PLC1HUB.LIFER001A624X000")
    items = line.feed(wrong_crc, wrong_length, no_number, b"noise", plc("LIFE", 6243, flag="X"))
    items += line.feed(frame("1PLC1HUB2LIFER001A6243000"), frame("1PLC2HUB.LIFER001A6243000"))
    assert [type(item) for item in items] == [Garbled] * 4
    assert line.driver.take() == b""
    counters = line.driver.counters
    assert {key: counters.garbled[key] for key in ("crc", "length", "header")} == {"crc": 1, "length": 1, "header": 1}
    assert counters.noted["wrong receiver"] == counters.noted["wrong sender"] == 1
    assert counters.noted["unknown flag or version"] == 1
    assert line.request("LIFE")[1], "the number was not used up"


def test_gap_discards_a_partial_frame_and_a_new_start_restarts_it() -> None:
    line = Line().normal()
    whole = plc("LIFE", 6243)
    assert line.feed(whole[:10]) == []
    assert has(line.run(210), Garbled)
    assert has([*line.feed(whole[10:]), *line.run(210)], Garbled)
    line.feed(whole[:10], whole)
    assert seqs(line.driver.take()) == [("LIFE", "A", 6243)]


def test_frames_have_at_most_600_characters() -> None:
    line = Line().normal()
    codes = "5" + ("100" + "A" * 100) * 5
    assert len(plc("CODE", 6243, f"000412IND-1.......000417R{codes}")) < 602
    assert len(only(line.feed(plc("CODE", 6243, f"000412IND-1.......000417R{codes}")), Codes).codes) == 5
    assert has([*line.feed(b"\x02" + b"A" * 601), *line.run(210)], Garbled)
