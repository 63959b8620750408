"""The session of a telegram channel: how it begins and is lost, and what we send in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devices.plcs.telegram import Driver, Settings
from devices.types import (
    Answered,
    Destination,
    DeviceError,
    Garbled,
    GivenUp,
    Kept,
    Lagging,
    Passed,
    Request,
    SessionBegun,
    SessionLost,
    SetTime,
    Trigger,
)
from tests.telegram_line import DEST, EPOCH, KEPT, Line, divc, has, only, own, plc, seqs


def test_syes_at_once_repeated_and_anew_every_2_s() -> None:
    line = Line()
    sent = []
    for _ in range(50):
        sent += [(round(line.now - 1000), seq) for _, _, seq in seqs(line.driver.take())]
        at = line.driver.next_at()
        assert at is not None
        line.now = at
        line.driver.tick(at)
        if line.now >= 5000:
            break
    assert sent[0] == (0, 1)
    assert [seq for _, seq in sent] == [1, 1, 1, 1, 2, 2, 2, 2]
    assert sent[4] == (2000, 2)
    assert 300 < sent[1][0] < 310


def test_without_session_nothing_is_answered_or_commanded() -> None:
    line = Line()
    line.driver.take()
    assert line.feed(plc("STAT", 7, "000412L07.........FULL00000000010"), plc("LIFE", 8)) == []
    number = line.driver.send(DEST, line.now, None)
    assert line.tick(0) == [GivenUp(number, "no session", line.now)]
    assert line.driver.take() == b""
    assert line.driver.counters.noted["request without session"] == 2


def test_begin_tells_a_new_epoch() -> None:
    assert only(Line().begin(EPOCH), SessionBegun).new_epoch is False
    assert only(Line().begin(0x1B), SessionBegun).new_epoch is True
    assert only(Line(kept=Kept()).begin(EPOCH), SessionBegun).new_epoch is True


def test_new_epoch_numbers_events_anew_and_nothing_is_durable() -> None:
    line = Line()
    line.begin(0x1B)
    assert line.request("LIFE", epoch=0x1B)[1] == own("LIFE", 6242, "000000", "A", 0x1B)
    items, out = line.request("PASS", "000001P2..........00041700010", 0x1B)
    assert [type(item) for item in items] == [Passed]
    line.driver.confirm((EPOCH, 420), line.now)
    assert seqs(out) == [("PASS", "A", 6243)]
    assert b"006000000" in line.request("LIFE", epoch=0x1B)[1], "a late commit of the old epoch says nothing here"
    line.driver.confirm((0x1B, 1), line.now)
    assert b"006000001" in line.request("LIFE", epoch=0x1B)[1]


def test_command_and_time_wait_for_syen_but_destinations_do_not() -> None:
    line = Line()
    line.begin()
    line.driver.take()
    line.driver.send(SetTime(1795412345678), line.now, None)
    line.driver.send(Request("L07", "BLCK", "C1"), line.now, None)
    line.driver.send(DEST, line.now, None)
    assert seqs(line.driver.take()) == [("DEST", "R", 2)]
    line.answer("DEST", 2)
    assert line.driver.take() == b""
    assert seqs(line.request("SYEN")[1]) == [("SYEN", "A", 6242), ("CMND", "R", 3)]
    line.answer("CMND", 3)
    assert line.driver.take() == own("TIME", 4, "1795412345678")


def test_answers_go_first_then_dest_then_commands() -> None:
    line = Line().normal()
    line.driver.send(Request("L07", "BLCK", "C1"), line.now, None)
    line.driver.send(Request("L08", "BLCK", "C2"), line.now, None)
    line.driver.send(DEST, line.now, None)
    line.driver.take()
    items = line.feed(plc("CMND", 2, "", "A", 3), plc("PASS", 6243, "000412P2..........00041700010"))
    assert only(items, Answered).refusal is None
    assert seqs(line.driver.take()) == [("PASS", "A", 6243), ("DEST", "R", 3)]


def test_request_of_another_epoch_is_refused_with_nsyn_and_drops_the_session() -> None:
    line = Line().normal()
    items, out = line.request("LIFE", epoch=0x1B)
    assert has(items, SessionLost)
    assert out.startswith(own("LIFE", 6243, "NSYN", "N", 0x1B))
    assert seqs(out) == [("LIFE", "N", 6243), ("SYES", "R", 2)]


def test_received_nsyn_drops_the_session() -> None:
    line = Line().normal()
    one = line.driver.send(DEST, line.now, None)
    other = line.driver.send(replace(DEST, track=418), line.now, None)
    line.driver.take()
    items = line.answer("DEST", 2, "NSYN")
    assert only(items, Answered) == Answered(one, "NSYN", line.now)
    assert only(items, GivenUp).id == other
    assert only(items, SessionLost).hang_up is False
    assert seqs(line.driver.take()) == [("SYES", "R", 3)]
    assert line.begin() == [SessionBegun(EPOCH, False, line.now)]


def test_old_term_stops_the_controller_until_a_newer_term() -> None:
    line = Line()
    line.driver.take()
    assert only(line.answer("SYES", 1, "OLDC"), DeviceError).code == "OLDC"
    assert line.driver.next_at() is None
    line.driver.closed(line.now)
    line.driver.opened(line.now, KEPT)
    assert line.driver.take() == b""
    line.driver.opened(line.now, replace(KEPT, term=8))
    assert line.driver.take() == own("SYES", 1, "00000008001A000411")


def test_syes_refused_otherwise_is_tried_again() -> None:
    line = Line()
    line.driver.take()
    assert only(line.answer("SYES", 1, "FORM"), DeviceError).code == "FORM"
    line.run(1999)
    assert line.driver.take() == b""
    line.run(2)
    assert seqs(line.driver.take()) == [("SYES", "R", 2)]


def test_silence_of_3_s_loses_the_session() -> None:
    line = Line().normal()
    for _ in range(2):
        line.run(990)
        line.driver.take()
        line.answer("LIFE", line.driver.next_sequence - 1)
    number = line.driver.send(Request("L07", "OPEN", "C1"), line.now, None)
    items = line.run(3001)
    assert only(items, SessionLost).hang_up is True
    assert only(items, GivenUp).id == number


def test_channel_closed_and_opened_again() -> None:
    line = Line().normal()
    number = line.driver.send(DEST, line.now, None)
    line.driver.feed(b"\x021PLC", line.now)
    items = line.driver.closed(line.now)
    assert [type(item) for item in items] == [Garbled, GivenUp, SessionLost]
    assert only(items, GivenUp).id == number
    assert line.driver.next_at() is None
    assert line.driver.take() == b""
    line.driver.opened(line.now, KEPT)
    assert seqs(line.driver.take()) == [("SYES", "R", 3)]


@pytest.mark.parametrize(
    ("settings", "repeat_ms"),
    [(Settings(), 300), (Settings(baud=9600), 1000), (Settings(baud=9600, transport="tcp"), 300)],
)
def test_repeat_counts_from_the_last_byte_and_ends_after_4_sendings(settings: Settings, repeat_ms: float) -> None:
    line = Line(settings).normal()
    line.run(500)
    number = line.driver.send(DEST, line.now, None)
    first = line.driver.take()
    wire = len(first) * 10_000 / settings.baud if settings.transport == "serial" else 0.0
    for _ in range(3):
        due = line.driver.next_at()
        assert due == pytest.approx(line.now + wire + repeat_ms)
        line.request("LIFE")
        assert line.driver.take() == b""
        assert line.driver.next_at() == due
        line.now = due or 0.0
        assert line.driver.tick(line.now) == []
        assert line.driver.take() == first
        line.feed(plc("LIFE", 6999, flag="A"))  # a valid message: the PLC is there
    line.now = line.driver.next_at() or 0
    items = line.driver.tick(line.now)
    assert only(items, GivenUp).id == number
    assert only(items, SessionLost).hang_up is True
    over_tcp = settings.transport == "tcp"  # there SYES is for the next connection
    assert seqs(line.driver.take()) == ([] if over_tcp else [("SYES", "R", 3)])


def test_who_never_answers_syes_on_tcp_is_to_be_hung_up() -> None:
    line = Line(Settings(transport="tcp"))
    assert line.run(1199) == []
    assert seqs(line.driver.take()) == [("SYES", "R", 1)] * 4
    assert only(line.run(1), SessionLost).hang_up is True
    assert line.driver.take() == b""
    line.driver.closed(line.now)
    line.driver.opened(line.now, KEPT)
    assert seqs(line.driver.take()) == [("SYES", "R", 2)]


def test_a_connection_that_nobody_closes_is_asked_again() -> None:
    line = Line(Settings(transport="tcp"))
    line.run(1200)
    line.driver.take()
    line.run(1999)
    assert line.driver.take() == b""
    line.run(1)
    assert seqs(line.driver.take()) == [("SYES", "R", 2)]


def test_who_never_answers_syes_on_a_serial_line_is_asked_for_ever() -> None:
    line = Line()
    for number in range(1, 5):
        assert line.run(1999) == []
        assert set(seqs(line.driver.take())) == {("SYES", "R", number)}
        line.run(1)


def test_busy_is_repeated_without_counting() -> None:
    line = Line().normal()
    line.run(50)
    number = line.driver.send(DEST, line.now, None)
    first = line.driver.take()
    for _ in range(10):
        assert line.answer("DEST", 2, "BUSY") == []
        assert line.run(320) == []
        assert line.driver.take() == first
    assert line.answer("DEST", 2) == [Answered(number, None, line.now)]


def test_an_answer_that_needed_longer_than_a_repeat_tells_how_late_the_plc_may_be() -> None:
    line = Line(Settings(transport="tcp")).normal()
    line.run(50)
    in_time = line.now
    number = line.driver.send(DEST, line.now, None)
    assert line.answer("DEST", 2) == [Answered(number, None, line.now)]
    line.run(100)
    number = line.driver.send(DEST, line.now, None)
    line.run(500)
    assert line.answer("DEST", 3) == [Lagging(500, in_time, line.now), Answered(number, None, line.now)]


def test_a_repeat_that_is_answered_too_makes_the_lateness_sure() -> None:
    line = Line(Settings(transport="tcp")).normal()
    line.run(50)
    since = line.now - 50
    line.driver.send(DEST, line.now, None)
    line.run(400)
    assert not only(line.answer("DEST", 2), Lagging).sure
    line.run(300)
    assert line.answer("DEST", 2) == [Lagging(400, since, line.now, sure=True)]
    line.run(300)
    assert line.answer("DEST", 2) == []


def test_a_request_without_answer_tells_it_too_when_the_session_is_lost() -> None:
    line = Line(Settings(transport="tcp")).normal()
    line.run(50)
    line.driver.send(DEST, line.now, None)
    items = line.run(1300)
    assert only(items, Lagging).ms == 1200
    assert only(items, SessionLost).why.startswith("DEST not answered")


@pytest.mark.parametrize("code", ["LATE", "UNKT", "OLDD", "LUNK", "PUNK", "MODE", "FORM"])
def test_refusals_are_told(code: str) -> None:
    line = Line().normal()
    number = line.driver.send(DEST, line.now, None)
    assert line.answer("DEST", 2, code) == [Answered(number, code, line.now)]
    assert line.driver.counters.noted[f"refused {code}"] == 1


def test_answer_that_matches_nothing_is_ignored() -> None:
    line = Line().normal()
    line.driver.send(DEST, line.now, None)
    assert line.answer("DEST", 3) == line.answer("CMND", 2) == line.answer("DEST", 2, boot=4) == []
    assert line.driver.counters.noted["answer to nothing open"] == 3
    assert has(line.answer("DEST", 2), Answered)


def test_destination_is_given_up_when_its_time_is_over() -> None:
    line = Line().normal()
    one = line.driver.send(DEST, line.now, line.now + 450)
    other = line.driver.send(replace(DEST, track=418), line.now, line.now + 450)
    sent = line.driver.take()
    items = line.run(449)
    assert items == []
    assert line.driver.take() == sent, "one repeat"
    assert line.driver.next_at() == line.now + 1
    items = line.run(1)
    assert [(item.id, item.at) for item in items if isinstance(item, GivenUp)] == [(one, line.now), (other, line.now)]
    assert line.driver.take() == b""
    late = line.driver.send(replace(DEST, track=419), line.now, line.now)
    assert only(line.tick(0), GivenUp).id == late
    third = line.driver.send(replace(DEST, track=420), line.now, None)
    assert seqs(line.driver.take()) == [("DEST", "R", 3)], "the next request follows at once"
    assert line.answer("DEST", 2) == [], "the late answer is ignored"
    assert line.answer("DEST", 3) == [Answered(third, None, line.now)]


@pytest.mark.parametrize(("kind", "body"), [("DIVC", divc(412)), ("LOST", "000412000417P2..........00000000000000010")])
def test_destination_is_given_up_when_its_track_has_ended(kind: str, body: str) -> None:
    line = Line().normal()
    numbers = [line.driver.send(DEST, line.now, None)]
    keeps = line.driver.send(replace(DEST, track=418), line.now, None)
    line.driver.take()
    items, out = line.request(kind, body)
    assert [item.id for item in items if isinstance(item, GivenUp)] == numbers
    assert seqs(out) == [(kind, "A", 6243), ("DEST", "R", 3)]
    assert only(line.answer("DEST", 3), Answered).id == keeps


def test_newer_decision_overtakes() -> None:
    line = Line().normal()
    first = line.driver.send(replace(DEST, decision=9998), line.now, None)
    assert seqs(line.driver.take()) == [("DEST", "R", 2)]
    second = line.driver.send(replace(DEST, decision=2), line.now, None)
    assert seqs(line.driver.take()) == [("DEST", "R", 3)]
    older = line.driver.send(replace(DEST, decision=9999), line.now, None)
    assert [item.id for item in line.tick(0) if isinstance(item, GivenUp)] == [first, older]
    assert only(line.answer("DEST", 3), Answered).id == second


def test_life_after_1_s_of_our_silence() -> None:
    line = Line().normal()
    line.run(900)
    line.request("LIFE")
    line.run(990)
    assert line.driver.take() == b""
    line.run(20)
    assert line.driver.take() == own("LIFE", 2, "000411")
    assert line.answer("LIFE", 2) == []


def test_sequence_wraps_and_goes_on_over_sessions() -> None:
    line = Line().normal()
    line.driver.next_sequence = 9999
    for seq in (9999, 1, 2):
        line.driver.send(DEST, line.now, None)
        assert seqs(line.driver.take()) == [("DEST", "R", seq)]
        line.answer("DEST", seq)
    line.driver.closed(line.now)
    line.driver.opened(line.now, KEPT)
    assert seqs(line.driver.take()) == [("SYES", "R", 3)]
    line.driver.opened(line.now, replace(KEPT, boot=4))
    assert seqs(line.driver.take()) == [("SYES", "R", 1)]


@pytest.mark.parametrize(
    "command",
    [
        replace(DEST, lanes=()),
        replace(DEST, lanes=("L1",) * 5),
        replace(DEST, lanes=("l07",)),
        replace(DEST, track=0),
        replace(DEST, track=1_000_000),
        replace(DEST, decision=10_000),
        replace(DEST, reason="PLANNED"),
        replace(DEST, if_none="X"),
        replace(DEST, no_default=True),
        Request("L07", "JUMP", "C1"),
        Request("L07", "STOP", "Ü"),
        SetTime(-1),
    ],
)
def test_values_that_do_not_fit_are_the_callers_mistake(command: Destination | Request | SetTime) -> None:
    line = Line().normal()
    with pytest.raises(ValueError):
        line.driver.send(command, line.now, None)
    assert line.driver.take() == b""


def test_other_commands_are_the_callers_mistake() -> None:
    with pytest.raises(TypeError, match="Trigger"):
        Driver(Settings()).send(Trigger(True), 0.0, None)
