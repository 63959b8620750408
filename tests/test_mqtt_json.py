"""JSON over MQTT in virtual time: sessions and their numbers, status, what is taken, refused, ignored; any payload."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.driver import SpeaksMqtt, kinds, load
from devices.plcs.mqtt_json import Driver, Settings
from devices.types import (
    Answered,
    Arrived,
    Code,
    ContainerSeen,
    Destination,
    DeviceError,
    Discharged,
    Garbled,
    GivenUp,
    Item,
    Kept,
    Lagging,
    Message,
    Passed,
    Request,
    SessionBegun,
    SessionLost,
    SetTime,
    Status,
    Synchronised,
    Tracks,
)
from tests.mqtt_json_line import ARRV, DEST, DIVC, DOWN, EPOCH, KEPT, PASS, STATUS, UP, UTC, Line, heads, refusals
from tests.telegram_line import has, only

LAST = 2**31 - 1


def test_shape_kind_and_topics() -> None:
    driver = Driver(Settings("plc/S1"))
    assert isinstance(driver, SpeaksMqtt)
    assert driver.take() == []
    assert kinds()["mqtt_json"] == "plcs"
    assert load("mqtt_json").Settings is Settings
    assert list(driver.subscriptions()) == [(UP, 1), (STATUS, 1)]
    spoken: SpeaksMqtt = driver
    assert spoken.will() is None
    with pytest.raises(TypeError, match="messages are wanted"):
        driver.feed(b"{}", 0.0)


@pytest.mark.parametrize("base", ["", "/plc", "plc/", "plc/+", "plc/#", "a b", "$SYS/x", "a\0b", "x" * 300])
def test_a_base_that_is_no_topic(base: str) -> None:
    with pytest.raises(ValueError, match="write a topic without"):
        Settings(base)


def test_wrong_settings_say_what_to_write() -> None:
    with pytest.raises(ValueError, match="write 'taken' or 'durable'"):
        Settings("plc/S1", ack="later")
    with pytest.raises(ValueError, match="without spaces"):
        Settings("plc/S1", names={"L07": "A 7"})
    with pytest.raises(ValueError, match="give each a name of its own"):
        Settings("plc/S1", names={"L07": "A7", "L08": "A7"})
    with pytest.raises(ValueError, match="LINE is the line itself"):
        Settings("plc/S1", names={"L07": "LINE"})


# --- session numbers --------------------------------------------------------------------------------------------------


def test_session_is_utc_at_the_syes_and_syes_comes_anew_every_2_s() -> None:
    line = Line()
    said = []
    for _ in range(4):
        said += line.written()
        line.run(1000)
    assert [(one["session"] - UTC, one["seq"]) for one in said] == [(0, 1), (2000, 2)]
    assert all(one["type"] == "SYES" for one in said)


def test_a_repeat_of_syes_keeps_its_session() -> None:
    """Only a clock that was late lets it be repeated before the next one takes its place."""
    line = Line()
    first = line.one()
    line.tick(2600)
    again, anew = line.written()
    assert again == first
    assert (anew["seq"], anew["session"]) == (2, UTC + 2600)


def test_sessions_rise_also_when_utc_stands_still_or_goes_back() -> None:
    line = Line()
    sessions = [line.one()["session"]]
    for utc in (UTC, UTC - 3_600_000, 0, -5):
        line.driver.closed(line.now)
        line.driver.opened(line.now, replace(KEPT, utc_ms=utc))
        sessions.append(line.one()["session"])
    for _ in range(3):
        line.say(STATUS, b"online")
        sessions.append(line.one()["session"])
    assert sessions == list(range(UTC, UTC + 8))


def test_another_term_or_boot_numbers_requests_anew_but_is_another_session() -> None:
    line = Line()
    first = line.one()
    for term, boot in ((8, 3), (8, 4)):
        line.driver.closed(line.now)
        line.driver.opened(line.now, replace(KEPT, term=term, boot=boot))
        said = line.one()
        assert (said["term"], said["epoch"], said["seq"]) == (term, boot, 1)
        assert said["session"] > first["session"]
        first = said


def test_a_message_of_another_session_is_counted_and_never_acted_on() -> None:
    line = Line().normal()
    old = line.session
    one = line.driver.send(DEST, line.now, None)
    sent = line.one()
    assert line.answer(sent, session=old - 1) == []
    assert line.event("ARRV", ARRV, session=old + 1) == []
    assert line.written() == []
    assert line.driver.counters.noted["message of another session"] == 2
    assert line.answer(sent) == [Answered(one, None, line.now)]


def test_answers_carry_the_session_of_their_request_also_as_it_ends() -> None:
    line = Line().normal()
    line.event("PASS", PASS)
    assert line.one()["session"] == line.session
    before = line.session
    line.plc("LIFE", epoch=27)
    refusal, anew = line.written()
    assert (refusal["session"], refusal["code"], refusal["epoch"]) == (before, "NSYN", 27)
    assert anew["session"] > before


def test_messages_of_another_session_are_no_sign_of_life() -> None:
    line = Line().normal()
    for _ in range(4):
        line.now += 700
        items = line.plc("LIFE", session=line.session - 1)
        assert not has(items, SessionLost)
    line.now += 200
    assert only(line.plc("LIFE", session=line.session - 1), SessionLost).why == "no valid message for 3 s"


def test_what_was_said_before_a_new_session_does_nothing_in_it() -> None:
    line = Line().normal()
    old = line.session
    line.say(STATUS, b"offline")
    assert line.plc("SYES", "A", 2, session=old, epoch=3) == []
    assert line.plc("SYBE", session=old) == []
    assert heads(line.written()) == [("SYES", "R", 2)]
    assert line.driver.next_at() == line.now + 2000, "still asking"


# --- the PLC's status -------------------------------------------------------------------------------------------------

STATES = ["asking", "beginning", "synchronising", "normal"]


def brought_to(state: str) -> Line:
    line = Line()
    if state == "beginning":
        line.answer(line.one())
    if state == "synchronising":
        line.begin()
    if state == "normal":
        line.normal()
    line.written()
    return line


@pytest.mark.parametrize("retain", [False, True], ids=["live", "retained"])
@pytest.mark.parametrize("state", STATES)
def test_every_online_makes_us_ask_for_a_session(state: str, retain: bool) -> None:
    """Brokers of MQTT 5 mark what is published retained also while it is said, so the mark tells nothing."""
    line = brought_to(state)
    before = line.session
    items = line.say(STATUS, b"online", retain)
    assert [item.why for item in items if isinstance(item, SessionLost)] == ["the PLC came online"] * (
        state != "asking"
    )
    said = line.one()
    assert (said["type"], said["flag"]) == ("SYES", "R")
    assert said["session"] > before
    assert has(line.normal().event("PASS", PASS), Passed)


@pytest.mark.parametrize("retain", [False, True], ids=["live", "retained"])
@pytest.mark.parametrize("state", STATES)
def test_offline_ends_the_session(state: str, retain: bool) -> None:
    line = brought_to(state)
    items = line.say(STATUS, b"offline", retain)
    said = heads(line.written())
    if state == "asking":
        assert (items, said) == ([], []), "no session to end; the next SYES comes in its time"
    else:
        assert only(items, SessionLost).hang_up is False
        assert [(kind, flag) for kind, flag, _ in said] == [("SYES", "R")]
    assert not has(line.run(1900), SessionLost), "a PLC that is away ends no second session"


def test_offline_gives_up_every_command() -> None:
    line = Line().normal()
    numbers = [line.driver.send(replace(DEST, track=track), line.now, None) for track in (417, 418)]
    line.written()
    items = line.say(STATUS, b"offline")
    assert [item.id for item in items if isinstance(item, GivenUp)] == numbers


def test_status_of_a_fenced_or_closed_channel_does_nothing() -> None:
    line = Line()
    line.answer(line.one(), "OLDC")
    for said in (b"online", b"offline"):
        assert line.say(STATUS, said) == []
    line.run(10_000)
    assert line.written() == []
    line = Line()
    line.driver.closed(line.now)
    assert line.say(STATUS, b"online") == []
    assert line.driver.take() == []


def test_any_other_status_is_counted() -> None:
    line = Line().normal()
    assert line.say(STATUS, b"") == [], "a retained status was taken away"
    assert only(line.say(STATUS, b"\xff{"), Garbled).why == f"{STATUS} says neither online nor offline"
    assert line.driver.counters.garbled == {"status": 1}
    assert line.written() == []


def test_other_topics_and_retained_messages_are_counted_and_ignored() -> None:
    line = Line().normal()
    assert line.event("ARRV", ARRV, retain=True) == []
    assert line.say(DOWN, b"{}") == []
    assert line.say("plc/S2/up", b"{}") == []
    assert line.written() == []
    assert line.driver.counters.noted == {"retained message": 1, "other topic": 2}
    assert only(line.plc("ARRV", seq=line.seq, evt=412, **ARRV), Arrived).token == (EPOCH, 412)


# --- the session ------------------------------------------------------------------------------------------------------


def test_without_session_nothing_is_answered_or_commanded() -> None:
    line = Line()
    line.written()
    assert line.plc("LIFE") == []
    assert line.event("PASS", PASS) == []
    number = line.driver.send(DEST, line.now, None)
    assert line.tick(0) == [GivenUp(number, "no session", line.now)]
    assert line.written() == []
    assert line.driver.counters.noted["request without session"] == 2


def test_begin_tells_a_new_epoch_and_what_is_durable_of_it() -> None:
    assert only(Line().begin(), SessionBegun).new_epoch is False
    line = Line()
    assert only(line.begin(epoch=27), SessionBegun).new_epoch is True
    assert line.one()["durable_evt"] == 0
    line.plc("PASS", epoch=27, evt=1, **PASS)
    line.driver.confirm((26, 420), line.now)
    assert line.one()["durable_evt"] == 0
    line.driver.confirm((27, 1), line.now)
    line.plc("LIFE", epoch=27)
    assert line.one()["durable_evt"] == 1


def test_destinations_may_leave_from_sybe_on_commands_and_time_from_syen_on() -> None:
    line = Line()
    line.begin()
    line.written()
    line.driver.send(SetTime(UTC), line.now, None)
    line.driver.send(Request("L07", "BLCK", "C1"), line.now, None)
    line.driver.send(DEST, line.now, None)
    dest = line.one()
    assert dest["type"] == "DEST"
    line.answer(dest)
    assert line.written() == []
    assert has(line.plc("SYEN"), Synchronised)
    assert [kind for kind, _, _ in heads(line.written())] == ["SYEN", "CMND"]


def test_oldc_fences_until_a_higher_term() -> None:
    line = Line()
    items = line.answer(line.one(), "OLDC")
    assert only(items, DeviceError).code == "OLDC"
    assert line.driver.next_at() is None
    line.driver.closed(line.now)
    line.driver.opened(line.now, KEPT)
    assert line.written() == []
    line.driver.opened(line.now, replace(KEPT, term=8))
    assert line.one()["term"] == 8


def test_syes_refused_otherwise_is_asked_again() -> None:
    line = Line()
    assert only(line.answer(line.one(), "FORM"), DeviceError).code == "FORM"
    line.run(2000)
    assert line.one()["type"] == "SYES"


def test_nsyn_received_ends_the_session() -> None:
    line = Line().normal()
    number = line.driver.send(DEST, line.now, None)
    items = line.answer(line.one(), "NSYN")
    assert only(items, Answered) == Answered(number, "NSYN", line.now)
    assert has(items, SessionLost)
    assert line.one()["type"] == "SYES"


def test_repeats_every_2_5_s_at_most_4_sendings() -> None:
    line = Line().normal()
    number = line.driver.send(DEST, line.now, None)
    start, sent, items = line.now, [], []
    for _ in range(110):
        for one in line.written():
            if one["type"] == "DEST":
                sent.append((round(line.now - start), one["seq"]))
        items += line.run(100) + line.plc("LIFE")
    assert [at for at, _ in sent] == [0, 2500, 5000, 7500]
    assert len({seq for _, seq in sent}) == 1
    assert only(items, SessionLost).why == "DEST not answered after 4 sendings"
    assert only(items, GivenUp).id == number


def test_a_destination_is_not_repeated_after_its_time() -> None:
    line = Line().normal()
    number = line.driver.send(DEST, line.now, line.now + 1000)
    dest = line.one()
    assert line.run(1000) == [GivenUp(number, "its time is over", line.now)]
    assert heads(line.written()) == [("LIFE", "R", dest["seq"] + 1)], "the next request follows at once"
    assert line.answer(dest) == [], "late, and ignored"
    assert not has(line.run(100), SessionLost)


def test_divc_gives_up_the_destination_of_its_track() -> None:
    line = Line().normal()
    number = line.driver.send(DEST, line.now, None)
    items = line.event("DIVC", DIVC)
    assert has(items, Discharged)
    assert only(items, GivenUp).id == number


def test_silence_of_3_s_ends_the_session() -> None:
    line = Line().normal()
    assert not has(line.run(2999), SessionLost)
    assert only(line.run(2), SessionLost).why == "no valid message for 3 s"


def test_life_every_second() -> None:
    line = Line().normal()
    line.run(1000)
    life = line.one()
    assert (life["type"], life["durable_evt"]) == ("LIFE", 411)
    assert line.answer(life) == []


# --- requests, events, and what is durable ----------------------------------------------------------------------------


def test_a_repeat_gets_the_same_answer_and_has_no_effect() -> None:
    line = Line().normal()
    assert has(line.event("ARRV", ARRV), Arrived)
    first = line.one()
    assert line.plc("ARRV", seq=line.seq, evt=412, **{**ARRV, "age_ms": 312}) == []
    assert line.one() == first
    assert line.driver.counters.noted["repeat request"] == 1


def test_any_lower_sequence_is_old_and_numbers_do_not_wrap() -> None:
    line = Line()
    line.seq = LAST - 5
    line.normal()
    for seq in (1, 2, 4999, 9999, 10_000, LAST - 4998):
        assert line.plc("PASS", seq=seq, evt=412, **PASS) == []
    assert line.written() == []
    assert line.driver.counters.noted["old request"] == 6
    assert has(line.plc("PASS", seq=LAST, evt=412, **PASS), Passed)
    assert heads(line.written()) == [("PASS", "A", LAST)]


def test_a_gap_in_the_sequence_is_legal() -> None:
    line = Line().normal()
    line.seq += 1_000_000_000
    assert has(line.event("PASS", PASS), Passed)


def test_sybe_is_taken_whatever_its_number() -> None:
    line = Line().normal()
    line.say(STATUS, b"online")
    line.seq = 5
    assert has(line.begin(), SessionBegun)
    assert has(line.plc("SYEN"), Synchronised)


@pytest.mark.parametrize("evt", [411, 410, 1])
def test_known_events_have_no_effect(evt: int) -> None:
    line = Line().normal()
    assert line.plc("PASS", evt=evt, **PASS) == []
    assert heads(line.written()) == [("PASS", "A", line.seq)]
    assert line.driver.counters.noted["known event"] == 1


@pytest.mark.parametrize("evt", [414, 10_000_000, 2**30 + 412, LAST - 1, LAST])
def test_a_jump_ahead_is_taken_with_an_alarm_and_is_durable_only_on_disk(evt: int) -> None:
    line = Line(ack="durable").normal()
    items = line.plc("PASS", evt=evt, **PASS)
    assert only(items, DeviceError).code == "JUMP"
    assert only(items, Passed).token == (EPOCH, evt)
    assert line.written() == []
    line.driver.confirm((EPOCH, evt), line.now)
    assert line.one()["durable_evt"] == evt


def test_events_far_below_the_last_are_a_jump_and_nothing_is_durable() -> None:
    line = Line(replace(KEPT, evt=LAST)).normal()
    items = line.plc("PASS", evt=1, **PASS)
    assert only(items, DeviceError).code == "JUMP"
    assert line.one()["durable_evt"] == 0


def test_a_bad_event_is_stored_before_it_is_refused() -> None:
    line = Line().normal()
    items = line.event("PASS", {**PASS, "track": "417"})
    bad = only(items, Garbled)
    assert (bad.token, bad.refused) == ((EPOCH, 412), True)
    assert json.loads(bad.raw)["track"] == "417"
    assert "track: a whole number from 1 to 999999 is wanted" in bad.why
    assert line.written() == []
    line.plc("PASS", seq=line.seq, evt=412, **PASS)
    assert line.written() == [], "a repeat waits as well"
    line.driver.confirm((EPOCH, 412), line.now)
    assert (refusals([said := line.one()]), said["seq"]) == (["FORM"], line.seq)
    assert has(line.event("PASS", PASS), Passed)


def test_an_event_whose_number_cannot_be_read_is_refused_at_once() -> None:
    line = Line().normal()
    for evt in ("412", None, 0, -1, LAST + 1, 412.0, True):
        assert only(line.plc("PASS", evt=evt, **PASS), Garbled).refused
        assert refusals(line.written()) == ["FORM"]
    assert has(line.event("PASS", PASS), Passed)


def test_ack_durable_waits_for_the_disk() -> None:
    line = Line(ack="durable").normal()
    assert has(line.event("ARRV", ARRV), Arrived)
    assert line.written() == []
    line.driver.confirm((EPOCH, 412), line.now)
    assert (line.one()["durable_evt"], line.driver.take()) == (412, [])


def test_taken_is_said_at_once_and_durable_later() -> None:
    line = Line().normal()
    line.event("ARRV", ARRV)
    assert line.one()["durable_evt"] == 411
    line.driver.confirm((EPOCH, 412), line.now)
    assert line.written() == []
    line.run(1000)
    assert line.one()["durable_evt"] == 412


@pytest.mark.parametrize(("more", "why"), [({"type": "WHAT"}, "unknown type 'WHAT'"), ({"v": 2}, "unknown version 2")])
def test_unknown_types_and_versions_are_refused_with_form(more: dict[str, Any], why: str) -> None:
    line = Line().normal()
    assert only(line.plc(**{"kind": "LIFE", **renamed(more)}), Garbled).why == why
    assert refusals(line.written()) == ["FORM"]
    items = line.plc(**{"kind": "PASS", "evt": 412, **PASS, **renamed(more)})
    assert only(items, Garbled).token == (EPOCH, 412), "it has the number of the next event: it is one"
    assert line.written() == []
    line.driver.confirm((EPOCH, 412), line.now)
    assert refusals(line.written()) == ["FORM"]


def renamed(more: dict[str, Any]) -> dict[str, Any]:
    return {"kind" if key == "type" else key: value for key, value in more.items()}


def test_answers_and_flags_of_unknown_kinds_are_ignored_and_counted() -> None:
    line = Line().normal()
    line.driver.send(DEST, line.now, None)
    dest = line.one()
    assert only(line.answer(dest, v=2), Garbled).refused is False
    assert only(line.plc("DEST", "X", dest["seq"], epoch=3), Garbled).refused is False
    assert line.plc("WHAT", "A", dest["seq"], epoch=3) == []
    assert line.written() == []
    assert line.driver.counters.garbled == {"unknown flag or version": 2}
    assert line.driver.counters.noted["answer to nothing open"] == 1


def test_an_unknown_refusal_is_given_as_it_is() -> None:
    line = Line().normal()
    number = line.driver.send(DEST, line.now, None)
    assert line.answer(line.one(), "OOPS") == [Answered(number, "OOPS", line.now)]
    assert line.driver.counters.noted["refused otherwise"] == 1


def test_appended_members_are_ignored_everywhere() -> None:
    line = Line()
    line.answer(line.one(), extra=[1])
    line.plc("SYBE", extra={"a": {}})
    item = {"track": 415, "point": "P1", "lane": None, "decision": 0, "certainty": "S", "lap": 0, "age_ms": 0}
    assert has(line.plc("TRAK", items=[{**item, "more": None}]), Tracks)
    assert has(line.event("ARRV", ARRV, weight_g=3), Arrived)


@pytest.mark.parametrize("kind", ["ARRV", "DIVC", "PASS"])
def test_each_member_is_needed(kind: str) -> None:
    body = {"ARRV": ARRV, "DIVC": DIVC, "PASS": PASS}[kind]
    for name in body:
        line = Line().normal()
        rest = {key: value for key, value in body.items() if key != name}
        assert f"{name} is missing" in only(line.event(kind, rest), Garbled).why


def test_none_is_null_for_texts_and_carriers_and_0_for_numbers() -> None:
    line = Line().normal()
    divc = only(line.event("DIVC", {**DIVC, "decision": 0, "wanted": None, "actual": None}), Discharged)
    assert (divc.decision, divc.wanted, divc.actual) == (0, None, None)
    assert only(line.event("ARRV", ARRV), Arrived).carrier is None
    assert only(line.event("ARRV", {**ARRV, "carrier": 12}), Arrived).carrier == "12"
    stat = {"element": "L07", "state": "FREE", "code": None, "age_ms": 0}
    assert only(line.event("STAT", stat), Status).code == ""
    for body in ({**ARRV, "carrier": 0}, {**ARRV, "carrier": "12"}, {**ARRV, "point": None}, {**ARRV, "track": None}):
        assert has(line.event("ARRV", body), Garbled)
    assert has(line.event("DIVC", {**DIVC, "decision": None}), Garbled)


def test_each_character_of_a_code_is_one_byte() -> None:
    line = Line().normal()
    every = bytes(range(256))
    items = line.event("ARRV", {**ARRV, "codes": [every.decode("latin-1"), "é"]})
    assert only(items, Arrived).codes == (Code(every), Code(b"\xe9"))
    seen = line.event("CONT", {"lane": "L07", "presence": "P", "code": "\x1d\xff", "age_ms": 1})
    assert only(seen, ContainerSeen).code == Code(b"\x1d\xff")
    for bad in ("\u0100", "", 7, None, "x" * 5000):
        assert has(line.event("ARRV", {**ARRV, "codes": [bad]}), Garbled)


def test_age_99999_or_more_opens_no_window() -> None:
    line = Line().normal()
    assert only(line.event("PASS", {**PASS, "age_ms": 99_998}), Passed).edge == line.now - 99_998
    assert only(line.event("PASS", {**PASS, "age_ms": 99_999}), Passed).edge is None
    assert only(line.event("PASS", {**PASS, "age_ms": LAST}), Passed).edge is None
    assert has(line.event("PASS", {**PASS, "age_ms": -1}), Garbled)


# --- names ------------------------------------------------------------------------------------------------------------


def test_names_are_exchanged_both_ways() -> None:
    line = Line(names={"IND-1": "E1", "L07": "L08", "L08": "L07"}).normal()
    line.driver.send(DEST, line.now, None)
    dest = line.one()
    assert (dest["point"], dest["lanes"]) == ("E1", ["L08", "L07"])
    line.answer(dest)
    assert only(line.event("ARRV", {**ARRV, "point": "E1"}), Arrived).point == "IND-1"
    divc = only(line.event("DIVC", {**DIVC, "wanted": "L07", "actual": "L08"}), Discharged)
    assert (divc.wanted, divc.actual) == ("L08", "L07")
    stat = {"element": "L08", "state": "FULL", "code": "L08", "age_ms": 0}
    status = only(line.event("STAT", stat), Status)
    assert (status.element, status.code) == ("L07", "L08"), "a code is no name"
    item = {"track": 415, "point": "E1", "lane": "L08", "decision": 1, "certainty": "S", "lap": 0, "age_ms": 0}
    tracks = only(line.plc("TRAK", items=[item]), Tracks)
    assert (tracks.items[0].point, tracks.items[0].lane) == ("IND-1", "L07")
    line.written()
    line.driver.send(Request("L07", "BLCK", "C1"), line.now, None)
    assert line.one()["element"] == "L08"


def test_a_contradiction_in_a_destination_is_refused_here() -> None:
    line = Line().normal()
    with pytest.raises(ValueError, match="use L or K"):
        line.driver.send(replace(DEST, no_default=True), line.now, None)


# --- lateness ---------------------------------------------------------------------------------------------------------


def test_an_answer_within_300_ms_tells_nothing_a_later_one_that_the_plc_is_late() -> None:
    line = Line().normal()
    line.driver.send(DEST, line.now, None)
    line.run(299)
    assert not has(line.answer(line.one()), Lagging)
    in_time = line.now - 299
    line.driver.send(replace(DEST, track=418), line.now, None)
    line.run(301)
    assert only(line.answer(line.one()), Lagging) == Lagging(301, in_time, line.now, sure=True)


def test_an_answer_after_a_repeat_is_sure_only_with_its_second() -> None:
    line = Line().normal()
    line.driver.send(DEST, line.now, None)
    dest = line.one()
    line.run(1000)
    line.plc("LIFE")
    line.run(1600)
    assert heads(line.written()) == [("LIFE", "A", line.seq), ("DEST", "R", dest["seq"])]
    assert only(line.answer(dest), Lagging).sure is False
    assert only(line.answer(dest), Lagging).sure is True


@pytest.mark.parametrize(("after", "lags"), [(299, []), (300, [(300, False)]), (2000, [(2000, False)])])
def test_an_answer_that_had_not_come_when_the_session_ended(after: float, lags: list[tuple[float, bool]]) -> None:
    line = Line().normal()
    line.driver.send(DEST, line.now, None)
    line.run(after)
    items = line.say(STATUS, b"offline")
    assert [(item.ms, item.sure) for item in items if isinstance(item, Lagging)] == lags


# --- any payload at all -----------------------------------------------------------------------------------------------

NO_MESSAGES: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("no JSON", b"{"),
    ("no UTF-8", b'{"v":1,"\xff":1}'),
    ("a mark before it", b"\xef\xbb\xbf{}"),
    ("UTF-16", '{"v":1}'.encode("utf-16")),
    ("a number", b"1"),
    ("an array", b"[]"),
    ("null", b"null"),
    ("deep nesting", b"[" * 200_000),
    ("deep objects", b'{"a":' * 200_000),
    ("deep in an object", b'{"v":1,"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    ("too many digits", b'{"v":' + b"9" * 100_000 + b"}"),
    ("not a number", b'{"v":1,"x":NaN}'),
    ("infinity", b'{"v":1,"x":-Infinity}'),
    ("two objects", b"{}{}"),
]


@pytest.mark.parametrize(("name", "payload"), NO_MESSAGES, ids=[name for name, _ in NO_MESSAGES])
def test_what_is_no_json_object_is_counted_and_not_answered(name: str, payload: bytes) -> None:
    line = Line().normal()
    bad = only(line.say(UP, payload), Garbled)
    assert (bad.refused, bad.token, len(bad.raw) <= 64) == (False, None, True)
    assert line.driver.counters.garbled == {"json": 1}
    assert line.written() == []


HEADER: dict[str, list[Any]] = {
    "v": [None, "1", 1.0, True, []],
    "session": [None, "1", 0, -1, 1.5, True, 2**60],
    "type": [None, 1, [], {}],
    "flag": [None, 1, ["R"]],
    "epoch": [None, "001A", 0, 65536, 26.0, False],
    "seq": [None, "6243", 0, -1, LAST + 1, 6243.0, True],
}


@pytest.mark.parametrize("name", HEADER)
def test_a_header_that_cannot_be_read_is_counted_and_not_answered(name: str) -> None:
    line = Line().normal()
    for wrong in HEADER[name]:
        body = {"v": 1, "session": line.session, "type": "LIFE", "flag": "R", "epoch": EPOCH, "seq": 6243, name: wrong}
        assert only(line.say(UP, json.dumps(body).encode()), Garbled).refused is False
    del body[name]
    assert has(line.say(UP, json.dumps(body).encode()), Garbled)
    assert line.written() == []
    assert line.driver.counters.garbled == {"header": len(HEADER[name]) + 1}
    assert line.plc("LIFE") == []
    assert heads(line.written()) == [("LIFE", "A", 6243)]


def test_a_refusal_without_a_code_is_counted() -> None:
    line = Line().normal()
    line.driver.send(DEST, line.now, None)
    dest = line.one()
    assert has(line.plc("DEST", "N", dest["seq"], epoch=3), Garbled)
    assert has(line.answer(dest, "LATE"), Answered)


def test_a_member_that_stands_twice_is_not_believed() -> None:
    line = Line().normal()
    whole = json.dumps({"v": 1, "session": line.session, "type": "PASS", "flag": "R", "epoch": EPOCH, "seq": 6243})
    event = whole[:-1] + ',"evt":412,"point":"P2","track":417,"age_ms":10'
    assert only(line.say(UP, (event + ',"seq":6244}').encode()), Garbled).refused is False
    assert line.written() == []
    bad = only(line.say(UP, (event + ',"track":418}').encode()), Garbled)
    assert (bad.token, bad.refused, bad.why) == ((EPOCH, 412), True, "PASS: track stands twice")
    line.driver.confirm((EPOCH, 412), line.now)
    assert refusals(line.written()) == ["FORM"]


def test_many_members_that_stand_twice_cost_no_time_to_speak_of() -> None:
    line = Line().normal()
    names = ",".join(f'"{n}":0,"{n}":0' for n in range(40_000))
    assert has(line.say(UP, f"{{{names}}}".encode()), Garbled)


@pytest.mark.parametrize("text", ["\ud800", "\udc80x", "a\nb", "\x00", "", "x" * 65, "\u202e"])
def test_texts_that_cannot_be_shown_are_refused(text: str) -> None:
    line = Line().normal()
    assert has(line.event("PASS", {**PASS, "point": text}), Garbled)
    line.driver.confirm((EPOCH, 412), line.now)
    assert refusals(line.written()) == ["FORM"]


def test_an_unknown_type_that_cannot_be_shown_is_refused_as_it_came() -> None:
    line = Line().normal()
    assert "\\ud800" in only(line.plc("\ud800"), Garbled).why
    assert line.one()["type"] == "\ud800"


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(), max_size=8)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = [*ARRV, *DIVC, "evt", "items", "code", "element", "state", "v", "session", "type", "flag", "epoch", "seq"]
UP_TYPES = "SYBE TRAK SYEN LIFE SPED INDU ARRV CODE MEAS PASS DIVC RCIR LOST GHST HAND STAT BUTN CONT OVFL WHAT".split()


@given(payload=st.binary(max_size=60))
def test_no_bytes_raise_or_do_anything(payload: bytes) -> None:
    line = Line().normal()
    for topic in (UP, STATUS, DOWN, ""):
        if payload not in (b"online", b"offline"):
            assert all(isinstance(item, Garbled) and not item.refused for item in line.say(topic, payload))
    assert line.written() == []
    assert has(line.event("PASS", PASS), Passed)


@given(kind=st.sampled_from(UP_TYPES), members=st.dictionaries(st.sampled_from(MEMBERS), anything, max_size=6))
def test_no_members_raise_and_nothing_durable_is_said_too_soon(kind: str, members: dict[str, Any]) -> None:
    """Values may be anything: the message is understood, refused or ignored; the session lives or is begun anew."""
    line = Line(ack="durable").normal()
    body = {"evt": 412, **ARRV, **DIVC}
    head = {"v": 1, "session": line.session, "type": kind, "flag": "R", "epoch": EPOCH, "seq": 6243}
    items: list[Item] = line.say(UP, json.dumps({**body, **head, **members}).encode())
    said = line.written()
    told = [one["durable_evt"] for one in said if one["type"] != "SYES" and one["flag"] == "A"]
    assert told in ([], [411])
    events = [item for item in items if getattr(item, "token", None)]
    answers = [one for one in said if one["flag"] in "AN"]
    assert not (events and answers), "an event is answered from the disk"
    line.say(STATUS, b"online")
    line.seq = 100_000
    line.normal()
    line.driver.confirm((EPOCH, 10_000), line.now)
    assert has(line.plc("PASS", evt=10_001, **PASS), Passed)


@given(
    bad=st.dictionaries(st.sampled_from(["code", "session", "epoch", "seq", "type", "v", "flag"]), anything, max_size=3)
)
def test_no_answer_raises(bad: dict[str, Any]) -> None:
    line = Line().normal()
    number = line.driver.send(DEST, line.now, None)
    dest = line.one()
    head = {
        "v": 1,
        "session": line.session,
        "type": "DEST",
        "flag": "N",
        "epoch": 3,
        "seq": dest["seq"],
        "code": "LATE",
    }
    items = line.say(UP, json.dumps({**head, **bad}).encode())
    assert all(item.id == number for item in items if isinstance(item, Answered))


def test_kept_of_no_journal() -> None:
    line = Line(Kept())
    said = line.one()
    assert (said["term"], said["durable_epoch"], said["durable_evt"], said["session"]) == (1, 0, 0, 1)


def test_destination_of_everything() -> None:
    line = Line().normal()
    line.driver.send(Destination("IND-1", 999_999, 9999, "HOLD", ("B",), "L", True), line.now, None)
    dest = line.one()
    assert (dest["flags"], dest["if_none"], dest["lanes"]) == (["N"], "L", ["B"])
    assert Message(DOWN, b"").qos == 1
