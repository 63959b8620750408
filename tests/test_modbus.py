"""A PLC behind Modbus registers, in virtual time: the session, the events, the commands."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from devices.types import (
    Answered,
    Arrived,
    Destination,
    DeviceError,
    Garbled,
    GivenUp,
    Item,
    Kept,
    Lagging,
    Passed,
    Request,
    SessionBegun,
    SessionLost,
    SetTime,
    Speed,
    Status,
    Tracks,
    Trigger,
)
from tests import telegram_line
from tests.modbus_line import (
    ARRV,
    BUSY,
    DEST,
    DONE,
    EPOCH,
    KEPT,
    LATE,
    NSYN,
    OLDC,
    STAT,
    SYES,
    TRAK,
    Line,
    Plc,
    arrv,
    divc,
    kinds,
    only,
    passed,
    record,
)

both = pytest.mark.parametrize("transport", ["tcp", "serial"])


def send(line: Line, command: Any = DEST, expires: float | None = None) -> int:
    number = line.driver.send(command, line.now, expires)
    line._after()
    return number


# --- the items are those of the telegrams ----------------------------------------------------------------------------

BODIES = [
    ("INDU", "IND-1.......000417000000100380", record(14, 417, r3=2, r8=380, r15=1)),
    ("ARRV", "IND-1.......00041701300003800121000000501D0",
     record(ARRV, 417, r3=2, r8=380, r9=1210, r10=1300, r12=1, r13=ord("D"), r14=5)),
    ("PASS", "P2..........070000", record(15, 70000, r3=3)),
    ("DIVC", "0004170001L07.........L08.........FUG01", record(7, 417, r4=18, r5=17, r6=2, r11=1, r12=1, r13=ord("G"))),
    ("DIVC", "0004170001L07.....................MRX00", record(7, 417, r5=17, r6=13, r11=1, r13=ord("X"))),
    ("DIVC", "0004170000............L09.........NAC00", record(7, 417, r4=19, r6=12, r13=ord("C"))),
    ("RCIR", "0004170002L07.........JA03", record(13, 417, r5=17, r6=10, r11=2, r12=3)),
    ("LOST", "000417P2..........000416070001", record(8, 417, r3=3, r9=416, r10=1, r11=4465)),
    ("LOST", "000417............000000000000", record(8, 417)),
    ("GHST", "IND-1.......000500000416000418000077", record(9, 500, r3=2, r9=416, r11=418, r14=77)),
    ("HAND", "LN2.001B000033IND-1.......000417", record(17, 417, r3=2, r4=2, r5=0x1B, r9=33)),
    ("STAT", "L07.........FULL......", record(STAT, r3=17, r4=4)),
    ("STAT", "LINE........ESTP4711..", record(STAT, r3=1, r4=10, r6=4711)),
    ("STAT", "DRV-1.......SLOW......", record(STAT, r3=40, r4=13)),
    ("BUTN", "L07.........LOCK", record(18, r3=17, r6=2)),
    ("CONT", "L07.........P0044711", record(19, r4=17, r6=4711, r13=ord("P"))),
    ("CONT", "L07.........G000", record(19, r4=17, r13=ord("G"))),
    ("OVFL", "00012", record(16, r6=12)),
]  # fmt: skip


def told_by_telegram(kind: str, body: str) -> Item:
    line = telegram_line.Line(kept=Kept(EPOCH, 4, 3, 7)).normal()
    age = "00040"
    text = f"000005{body[:18]}{age}{body[18:]}" if kind == "ARRV" else f"000005{body}{age}"
    items, _ = line.request(kind, text)
    return items[0]


@pytest.mark.parametrize(("kind", "body", "values"), BODIES)
def test_an_event_is_the_same_item_as_by_telegram(kind: str, body: str, values: list[int]) -> None:
    line = Line().normal()
    values = [*values[:7], line.plc.clock(line.now), *values[8:]]
    items = line.told(values)
    expected = told_by_telegram(kind, body)
    changes: dict[str, Any] = {"at": 0.0, "token": None} | ({"edge": 0.0} if hasattr(expected, "edge") else {})
    assert replace(items[0], **changes) == replace(expected, **changes)
    assert len(items) == 1


@both
def test_a_session_begins_as_by_telegram(transport: str) -> None:
    on_belt = [record(TRAK, 415, edge=900, r3=2, r4=17, r11=2, r13=ord("S")), record(TRAK, 416, r3=2, r13=ord("D"))]
    line = Line(transport, Plc(tracks=on_belt))
    line.plc.event(arrv(416), record(STAT, r3=17, r4=4))
    items = line.run(1000)
    assert kinds(items) == ["SessionBegun", "Speed", "Tracks", "Tracks", "Arrived", "Status", "Synchronised"]
    assert only(items, SessionBegun).epoch == EPOCH
    assert only(items, Speed).mm_s == 2500
    first = next(item for item in items if isinstance(item, Tracks)).items[0]
    assert (first.track, first.point, first.lane, first.decision, first.certainty) == (415, "IND-1", "L07", 2, "S")
    assert first.edge == pytest.approx(900, abs=1.0)
    assert [item.token for item in items if isinstance(item, Arrived | Status)] == [(EPOCH, 4), (EPOCH, 5)]


@both
def test_edges_are_counted_from_register_5_where_the_answer_begins(transport: str) -> None:
    line = Line(transport).normal()
    edge = line.now - 12
    items = line.told(arrv(edge=line.plc.clock(edge)))
    assert only(items, Arrived).edge == pytest.approx(int(edge), abs=1.01)  # the PLC's clock is whole ms


def test_an_age_of_9600_baud_does_not_count_the_time_on_the_wire() -> None:
    line = Line("serial", baud=9600).normal()
    edge = line.now - 300
    items = line.told(*[arrv(track, line.plc.clock(edge)) for track in range(400, 409)], ms=2000)
    edges = [item.edge for item in items if isinstance(item, Arrived)]
    assert len(edges) == 9
    assert edges == [pytest.approx(int(edge), abs=1.01)] * 9


def test_speed_is_told_again_when_it_changed_by_more_than_2_percent() -> None:
    line = Line().normal()
    line.plc.r[6] = 2550
    assert line.run(100) == []
    line.plc.r[6] = 2551
    assert [(item.element, item.mm_s) for item in line.run(100) if isinstance(item, Speed)] == [("LINE", 2551)]
    line.plc.r[6] = 0
    assert only(line.run(100), Speed).mm_s == 0


# --- events: nothing lost, nothing twice ------------------------------------------------------------------------------


@both
def test_2000_events_over_the_wrap_come_once_and_in_order(transport: str) -> None:
    plc = Plc()
    plc.jump(65_000)
    line = Line(transport, plc, Kept(EPOCH, 65_000, 3, 7)).normal()
    line.told(*[passed(track) for track in range(1, 2001)], ms=20_000)
    passes = [item for item in line.items[1] if isinstance(item, Passed)]
    assert [item.track for item in passes] == list(range(1, 2001))
    numbers = [item.token[1] for item in passes if item.token]
    assert numbers == [(65_002 + i) % 65_536 + 1 for i in range(2000)]
    assert 0 not in numbers
    assert plc.r[1026] == plc.r[1031] == plc.r[3]
    assert plc.buffer == []


def test_durable_follows_confirm_and_taken_does_not() -> None:
    line = Line().normal()
    before = line.plc.r[1026]
    line.confirms = False
    items = line.told(arrv(), passed(418), passed(419))
    tokens = [item.token for item in items if isinstance(item, Arrived | Passed)]
    assert line.plc.r[1031] == before + 3
    assert line.plc.r[1026] == before
    line.driver.confirm((EPOCH + 1, 9999), line.now)
    line.driver.confirm(tokens[1] or (0, 0), line.now)
    line.run(50)
    assert line.plc.r[1026] == before + 2
    line.driver.confirm(tokens[0] or (0, 0), line.now)
    line.run(50)
    assert line.plc.r[1026] == before + 2
    line.driver.confirm(tokens[2] or (0, 0), line.now)
    line.run(50)
    assert line.plc.r[1026] == before + 3


def test_syes_waits_until_all_that_was_taken_is_durable() -> None:
    line = Line().normal()
    line.confirms = False
    taken = line.told(arrv(), passed(418))
    line.plc.r[7] = 0
    line.run(5000)
    assert kinds(line.items[1])[-1] == "SessionLost"
    line.driver.confirm((EPOCH, 4), line.now)
    line.plc.event(passed(500))
    items = line.run(1000)
    assert kinds(items) == ["SessionBegun", "Speed", "Passed", "Synchronised"]
    assert only(items, SessionBegun).new_epoch is False
    tokens = [item.token for item in [*taken, *items] if isinstance(item, Arrived | Passed)]
    assert tokens == [(EPOCH, 3), (EPOCH, 4), (EPOCH, 6)]


def test_events_not_taken_come_again_with_new_numbers_and_once() -> None:
    line = Line().normal()
    line.fault = lambda request, answers: []
    line.plc.event(*[passed(track) for track in range(1, 41)])
    line.plc.scan(line.now)
    line.run(4000)
    line.fault = None
    line.run(6000)
    passes = [item for item in line.items[1] if isinstance(item, Passed)]
    assert [item.track for item in passes] == list(range(1, 41))
    assert len({item.token for item in passes}) == 40


def test_a_restarted_controller_goes_on_where_its_journal_ends() -> None:
    line = Line().normal()
    line.confirms = False
    line.told(arrv(), passed(418))
    line.driver.confirm((EPOCH, 3), line.now)
    line.run(600)
    again = Line(plc=line.plc, kept=Kept(EPOCH, 3, 4, 7), opened=False)
    again.now = line.now
    again.driver.opened(again.now, Kept(EPOCH, 3, 4, 7))
    again._after()
    commands = line.plc.r[1027]
    items = again.run(1000)
    assert kinds(items) == ["SessionBegun", "Speed", "Passed", "Synchronised"]
    assert only(items, Passed).track == 418
    assert only(items, SessionBegun).new_epoch is False
    assert line.plc.r[1027] == commands + 1
    assert line.plc.r[1024] == 4


def test_a_journal_that_fell_behind_by_half_the_ring_does_not_frighten_the_plc() -> None:
    """40,000 records that were no events: 1026 says what the journal cannot know."""
    plc = Plc()
    plc.jump(40_010)
    line = Line(plc=plc, kept=Kept(EPOCH, 10, 3, 7)).normal()
    assert plc.r[1026] == 40_012
    ahead = Plc()
    ahead.jump(16)
    line = Line(plc=ahead, kept=Kept(EPOCH, 40, 3, 7))
    line.run(100)
    syes = [values for _, address, _, values in ahead.asked if address == 1024 and values]
    assert syes[0][2] == 40, "a journal ahead of the PLC is told so"


def test_another_epoch_ends_the_session_and_numbers_anew() -> None:
    line = Line().normal()
    line.told(arrv())
    fresh = Plc(epoch=EPOCH + 1)
    line.plcs[1] = line.plc = fresh
    fresh.event(passed(7))
    items = line.run(1000)
    assert kinds(items) == ["SessionLost", "SessionBegun", "Speed", "Passed", "Synchronised"]
    assert only(items, SessionBegun) == SessionBegun(EPOCH + 1, True, only(items, SessionBegun).at)
    assert only(items, Passed).token == (EPOCH + 1, 2)
    assert fresh.r[1026] == 3
    assert fresh.r[1028] == EPOCH + 1


def test_an_epoch_that_changes_between_two_reads_voids_both() -> None:
    line = Line().normal()

    def fault(request: bytes, answers: list[tuple[float, bytes]]) -> list[tuple[float, bytes]]:
        if line.plc.asked[-1][1] >= 16 and line.plc.asked[-1][1] < 528:
            line.plcs[1] = line.plc = Plc(epoch=0x2B)
        return answers

    line.fault = fault
    items = line.told(arrv())
    assert not [item for item in items if isinstance(item, Arrived | Garbled)]
    line.fault = None
    assert kinds(line.run(500))[-1] == "Synchronised"


@both
def test_another_epoch_in_which_a_session_seems_to_be(transport: str) -> None:
    line = Line(transport).normal()
    line.plc.r[1] = line.plc.epoch = EPOCH + 1
    line.plc.event(arrv())
    items = line.run(1000)
    assert kinds(items) == ["SessionLost", "SessionBegun", "Speed", "Arrived", "Synchronised"]
    assert only(items, SessionLost).why == "the PLC speaks in epoch 001B"
    assert only(items, Arrived).token == (EPOCH + 1, 2)


def test_a_plc_that_has_not_started_is_waited_for() -> None:
    line = Line(plc=Plc(epoch=0))
    assert line.run(2000) == []
    assert not [asked for asked in line.plc.asked if asked[3]]
    line.plc.r[1] = 0x44
    assert kinds(line.run(500)) == ["SessionBegun", "Speed", "Synchronised"]
    zeros = Plc(epoch=0)
    zeros.r[0] = 0
    line.plcs[1] = line.plc = zeros
    items = line.run(2500)
    assert kinds(items) == ["SessionLost"]
    zeros.r.update({0: 1, 1: 0x45})
    items = line.run(500)
    assert kinds(items) == ["SessionBegun", "Speed", "Synchronised"]
    assert only(items, SessionBegun).new_epoch


def test_a_plc_that_never_starts_is_reported() -> None:
    line = Line(plc=Plc(epoch=0))
    assert "register 1 is 0: the PLC must write its epoch" in only(line.run(10_000), DeviceError).why


def test_a_record_that_cannot_be_read_is_kept_raw_and_the_session_goes_on() -> None:
    line = Line().normal()
    line.confirms = False
    bad = record(ARRV, 417, r3=999, r13=ord("S"))
    items = line.told(bad, record(99), record(0), record(5, 0, r3=2), record(6, 1), divc(), ms=200)
    raw = [item for item in items if isinstance(item, Garbled)]
    assert [item.why for item in raw] == [
        "record 3: ARRV: point 999 stands in no table: add it to `numbers` of this PLC, or correct the PLC",
        "record 4: unknown type 99: the PLC must write one of the types of the PLC interface, version 1",
        "record 5: unknown type 0: the PLC must write one of the types of the PLC interface, version 1",
        "record 6: ARRV: track 0 in registers 1 and 2: the PLC must write 1 to 999999",
        "record 7: DEST is no message of a PLC: the PLC must write one of the types of the PLC interface, version 1",
    ]
    assert [item.token for item in raw] == [(EPOCH, number) for number in range(3, 8)]
    assert all(item.refused and len(item.raw) == 32 for item in raw)
    assert kinds(items)[-1] == "Discharged"
    assert line.plc.r[1031] == 8
    assert line.plc.r[1026] == 2, "the PLC drops it only when it is on disk"
    line.driver.confirm((EPOCH, 8), line.now)
    line.run(50)
    assert line.plc.r[1026] == 8


@pytest.mark.parametrize(
    "values",
    [
        record(7, 1, r4=17, r6=14, r13=ord("G")),
        record(7, 1, r4=17, r6=1, r13=0),
        record(7, 1, r4=17, r6=1, r11=10_000, r13=ord("G")),
        record(10, r3=17, r4=14),
        record(10, r3=0, r4=1),
        record(18, r3=17, r6=4),
        record(17, 1, r3=2, r4=9, r5=1, r9=1),
        record(17, 1, r3=2, r4=2, r5=0, r9=1),
        record(8, 1, r8=16),
        record(5, 1_000_000, r3=2, r13=ord("S")),
        record(5 + 256, 1, r3=2, r13=ord("S")),
    ],
)
def test_every_field_is_judged(values: list[int]) -> None:
    line = Line().normal()
    why = only(line.told(values), Garbled).why
    assert "must write" in why or "stands in no table" in why


# --- ages -------------------------------------------------------------------------------------------------------------


def test_a_type_plus_128_has_no_edge() -> None:
    line = Line().normal()
    assert only(line.told([ARRV + 128, *arrv()[1:]]), Arrived).edge is None


def test_register_5_wraps() -> None:
    line = Line(plc=Plc(clock0=65_536 - 1500)).normal()
    edge = line.now - 400
    items = line.told(arrv(edge=line.plc.clock(edge)))
    assert only(items, Arrived).edge == pytest.approx(int(edge), abs=1.01)


def test_records_that_wait_long_in_the_ring_keep_their_age() -> None:
    """On a slow line 20 records take longer than what is left of 65 s: each counts from the poll that saw it first."""
    line = Line("serial", Plc(clock0=40_000), baud=1200)
    line.run(15_000)
    line.run(60_000)
    line.items[1].clear()
    edge = line.now - 55_000
    line.told(*[arrv(track, line.plc.clock(edge)) for track in range(1, 21)], ms=40_000)
    arrived = [item for item in line.items[1] if isinstance(item, Arrived)]
    assert [item.edge for item in arrived] == [pytest.approx(int(edge), abs=1.01)] * 20
    assert arrived[-1].at - edge > 65_536


def test_an_edge_a_little_newer_than_register_5_is_now_and_a_far_one_unknown() -> None:
    line = Line().normal()
    near = only(line.told(arrv(edge=line.plc.clock(line.now + 45))), Arrived)
    assert near.edge is not None
    assert near.edge <= near.at
    assert only(line.told(arrv(edge=line.plc.clock(line.now + 900))), Arrived).edge is None


def test_after_60_s_without_a_poll_no_age_counts_until_synchronised() -> None:
    line = Line().normal()
    line.fault = lambda request, answers: []
    line.run(61_000)
    line.fault = None
    line.plc.event(arrv(edge=line.plc.clock(line.now)))
    items = line.run(5000)
    assert only(items, Arrived).edge is None
    assert only(line.told(arrv(500, line.plc.clock(line.now))), Arrived).edge is not None
    line.fault = lambda request, answers: []
    line.run(30_000)
    line.fault = None
    line.plc.event(arrv(501, line.plc.clock(line.now)))
    assert only(line.run(5000), Arrived).edge is not None


# --- how a session is lost --------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("frozen", [1, 65_535])
def test_a_plc_whose_life_counter_stands_still_has_lost_the_session(transport: str, frozen: int) -> None:
    line = Line(transport).normal()
    line.plc.r[2] = frozen
    line.plc.live = False
    items = line.run(2900)
    assert items == []
    items = line.run(200)
    assert only(items, SessionLost).why == "the PLC's life counter has stood still for 3 s"
    assert only(items, SessionLost).hang_up is False


def test_our_life_counter_moves_every_500_ms_and_skips_0() -> None:
    plc = Plc()
    plc.r[1025] = 65_530
    line = Line(plc=plc).normal()
    line.run(10_000)
    told = [(at, values[1]) for at, address, _, values in plc.asked if address == 1024 and values]
    moved = [(at, value) for (at, value), (_, old) in zip(told[1:], told, strict=False) if value != old]
    assert [value for _, value in moved[:8]] == [65_532, 65_533, 65_534, 65_535, 1, 2, 3, 4]
    assert all(490 < b - a < 530 for (a, _), (b, _) in pairwise(moved))


@both
def test_no_good_poll_for_3_s_loses_the_session_and_hangs_up_on_tcp(transport: str) -> None:
    line = Line(transport).normal()
    number = send(line)
    line.fault = lambda request, answers: []
    items = line.run(3500)
    lost = only(items, SessionLost)
    assert (lost.why, lost.hang_up) == ("no good poll for 3 s", True)
    assert only(items, GivenUp).id == number or only(items, Answered).id == number
    line.items[1].clear()
    line.fault = None
    line.run(5000)
    assert kinds(line.items[1])[-1] == "Synchronised"


def test_who_never_answers_on_tcp_is_to_be_hung_up_again_and_again() -> None:
    line = Line()
    line.fault = lambda request, answers: []
    lost = [item.at for item in line.run(14_000) if isinstance(item, SessionLost) and item.hang_up]
    assert len(lost) == 3


@both
def test_bit_0_of_register_7_ends_the_session(transport: str) -> None:
    line = Line(transport).normal()
    line.plc.r[7] = 0
    items = line.run(1000)
    assert kinds(items) == ["SessionLost", "SessionBegun", "Speed", "Synchronised"]
    assert only(items, SessionLost).why == "the PLC has no session"


def test_map_version() -> None:
    plc = Plc()
    plc.r[0] = 2
    line = Line(plc=plc)
    items = line.run(5000)
    assert kinds(items) == ["DeviceError"]
    assert only(items, DeviceError).why == "register 0 is 2: the PLC must write map version 1 there"
    assert not [asked for asked in line.plc.asked if asked[3]]
    line.plc.r[0] = 1
    line.run(1000)
    line.plc.r[0] = 3
    assert kinds(line.run(300))[0] == "SessionLost"


def test_modbus_exceptions_are_said_once_and_in_words() -> None:
    line = Line()
    line.plc.exception = 2
    items = line.run(6000)
    assert kinds(items) == ["DeviceError"]
    assert only(items, DeviceError).code == "MODBUS 2"
    assert "must offer the holding registers 0 to 543" in only(items, DeviceError).why
    line.plc.exception = 0
    line.run(1000)
    assert kinds(line.items[1])[-1] == "Synchronised"


def test_a_plc_that_refuses_writes_is_not_asked_without_end() -> None:
    line = Line()
    line.fault = lambda request, answers: (
        [(2.0, request[:4] + b"\x00\x03" + request[6:7] + b"\x90\x02")] if request[7] == 16 else answers
    )
    line.plc.takes = False
    line.run(20_000)
    assert "DeviceError" in kinds(line.items[1])
    tried = [at for at, address, _, _ in line.plc.asked if address >= 1024]
    assert len(tried) <= 4 * 11


@pytest.mark.parametrize("head", [500, 65_530])
def test_a_head_beyond_the_ring(head: int) -> None:
    line = Line().normal()
    line.plc.r[3] = head
    items = line.run(100)
    assert "at most 32 records ahead" in only(items, DeviceError).why
    assert "SessionLost" in kinds(items)


def test_a_tail_beyond_the_head() -> None:
    line = Line().normal()
    line.plc.takes = False
    line.plc.r[4] += 3
    errors = [item.why for item in line.run(100) if isinstance(item, DeviceError)]
    assert "must not take commands that are not there" in errors[0]


def test_a_plc_that_takes_syes_and_begins_nothing() -> None:
    line = Line()
    line.plc._begin = lambda: line.plc.r.update({7: 1})  # type: ignore[method-assign]
    assert "must set 3 back to 1026 and write SYBE" in only(line.run(4000), SessionLost).why


def test_records_before_sybe_are_not_taken() -> None:
    line = Line()

    def begin() -> None:
        line.plc.r.update({7: 1, 3: 0})
        line.plc._write(passed(1))

    line.plc._begin = begin  # type: ignore[method-assign]
    assert [kind for kind in kinds(line.run(3500)) if kind != "SessionLost"] == []
    assert line.driver.counters.noted["record before SYBE"] > 0


# --- SYES -------------------------------------------------------------------------------------------------------------


def test_what_syes_says() -> None:
    line = Line(kept=Kept(EPOCH, 0, 3, 0x10007))
    line.run(100)
    writes = [(address, values) for _, address, _, values in line.plc.asked if values]
    assert writes[0] == (1040, (SYES, *[0] * 15))
    assert writes[1] == (1024, (3, 1, 0, 1, EPOCH, 1, 7, 0))


@both
def test_syes_too_old_stops_the_controller_until_a_newer_term(transport: str) -> None:
    line = Line(transport, Plc(results=[OLDC]))
    assert only(line.run(1000), DeviceError).code == "OLDC"
    assert line.driver.next_at() is None
    line.driver.closed(line.now)
    line.driver.opened(line.now, KEPT)
    assert line.driver.take() == b""
    assert line.driver.next_at() is None
    line.driver.opened(line.now, replace(KEPT, term=8))
    line._after()
    assert kinds(line.run(1000)) == ["SessionBegun", "Speed", "Synchronised"]


def test_syes_refused_otherwise_is_tried_again_after_2_s() -> None:
    line = Line(plc=Plc(results=[26]))
    assert only(line.run(1500), DeviceError).code == "FORM"
    assert len(line.plc.commands) == 1
    line.run(700)
    assert [values[0] for values in line.plc.commands] == [SYES, SYES]
    assert kinds(line.items[1])[-1] == "Synchronised"


def test_a_syes_that_is_not_taken_stands_once_in_the_ring() -> None:
    line = Line(plc=Plc(takes=False))
    line.run(20_000)
    assert line.plc.r[1027] == 1
    line.plc.takes = True
    line.run(300)
    assert kinds(line.items[1])[-1] == "Synchronised"


def test_a_ring_full_of_foreign_commands_is_waited_for() -> None:
    plc = Plc(takes=False)
    plc.r[1027] = 16
    line = Line(plc=plc)
    assert "16 commands are not taken" in only(line.run(3000), DeviceError).why
    assert plc.r[1027] == 16
    plc.takes = True
    line.run(3000)
    assert plc.r[1027] == 17
    assert plc.r[528] == DONE
    assert [plc.r[528 + place] for place in range(1, 16)] == [NSYN] * 15


def test_the_last_of_two_controllers_wins_and_commands_go_on_from_1027() -> None:
    plc = Plc()
    plc.jump(65_535)
    line = Line(plc=plc, kept=Kept(EPOCH, 65_535, 3, 7)).normal()
    assert plc.r[1027] == plc.r[4] == 0
    send(line)
    line.run(100)
    assert plc.r[1027] == plc.r[4] == 1


# --- commands ---------------------------------------------------------------------------------------------------------


def test_what_the_commands_say() -> None:
    line = Line().normal()
    send(line, Destination("P2", 70_000, 9999, "HOLD", ("L07", "L08", "L09", "L10"), "K", True))
    send(line, Request("L08", "BLCK", "7"))
    send(line, Request("LINE", "EMPT", "8"))
    send(line, SetTime(0x0123_4567_89AB))
    line.run(200)
    assert line.plc.commands[1:] == [
        record(6, 70_000, r3=3, r4=17, r5=18, r14=19, r15=20, r11=9999, r13=ord("N") << 8 | ord("K")),
        record(11, r3=18, r6=4),
        record(11, r3=1, r6=6),
        record(12, r2=0x0123, r3=0x4567, r4=0x89AB),
    ]
    assert [item.refusal for item in line.items[1] if isinstance(item, Answered)] == [None] * 4


def test_a_name_without_a_number_is_never_sent() -> None:
    line = Line().normal()
    for command in (replace(DEST, point="P9"), replace(DEST, lanes=("L07", "L99")), Request("L99", "OPEN", "")):
        with pytest.raises(ValueError, match="has no number: add it to `numbers`"):
            line.driver.send(command, line.now, None)
    with pytest.raises(TypeError):
        line.driver.send(Trigger(True), line.now, None)
    for command in (replace(DEST, decision=0), replace(DEST, track=0), replace(DEST, lanes=())):
        with pytest.raises(ValueError):
            line.driver.send(command, line.now, None)


def test_before_syen_only_destinations_are_sent() -> None:
    line = Line()
    number = line.driver.send(DEST, line.now, None)
    assert only(line.run(0), GivenUp) == GivenUp(number, "no session", line.now)
    line.plc._begin = lambda: _begin_without_end(line.plc)  # type: ignore[method-assign]
    line.run(200)
    assert kinds(line.items[1])[-1] == "Speed"
    send(line, SetTime(1))
    send(line, Request("L07", "BLCK", ""))
    send(line, DEST)
    line.run(100)
    assert [values[0] for values in line.plc.commands] == [SYES, 6]
    line.told(record(3), ms=200)
    assert [values[0] for values in line.plc.commands] == [SYES, 6, 11, 12]


def _begin_without_end(plc: Plc) -> None:
    plc.r[7], plc.r[3] = 1, 0
    plc._write(record(2))


def test_100_commands_pass_the_ring_in_order_and_over_the_wrap() -> None:
    plc = Plc()
    plc.jump(65_500)
    line = Line(plc=plc, kept=Kept(EPOCH, 65_500, 3, 7)).normal()
    numbers = [line.driver.send(replace(DEST, track=track), line.now, None) for track in range(1, 101)]
    line._after()
    line.run(2000)
    assert [item.id for item in line.items[1] if isinstance(item, Answered)] == numbers
    assert [values[2] for values in plc.commands[1:]] == list(range(1, 101))
    assert plc.r[1027] == (65_501 + 100) & 0xFFFF


def test_destinations_go_before_other_commands() -> None:
    line = Line().normal()
    line.plc.takes = False
    send(line, Request("L07", "BLCK", ""))
    send(line, Request("L08", "BLCK", ""))
    send(line, DEST)
    line.plc.takes = True
    line.run(200)
    assert [values[0] for values in line.plc.commands[1:]] == [11, 6, 11]


def test_no_more_than_16_stand_in_the_ring() -> None:
    line = Line().normal()
    line.plc.takes = False
    for track in range(1, 41):
        line.driver.send(replace(DEST, track=track), line.now, None)
    line.run(1000)
    assert (line.plc.r[1027] - line.plc.r[4]) & 0xFFFF == 16
    line.plc.takes = True
    line.run(1000)
    assert [values[2] for values in line.plc.commands[1:]] == list(range(1, 41))


@pytest.mark.parametrize(("result", "code"), [(LATE, "LATE"), (18, "UNKT"), (26, "FORM"), (99, "99")])
def test_refusals(result: int, code: str) -> None:
    line = Line().normal()
    line.plc.results.append(result)
    number = send(line)
    items = line.run(100)
    assert only(items, Answered).id == number
    assert only(items, Answered).refusal == code
    assert ("DeviceError" in kinds(items)) == (result == 99)


def test_busy_is_written_again_as_a_new_command_after_300_ms() -> None:
    line = Line().normal()
    line.plc.results += [BUSY, BUSY]
    number, start = send(line), line.now
    items = line.run(250)
    assert items == []
    items = line.run(600)
    assert only(items, Answered).id == number
    assert 600 < only(items, Answered).at - start < 750
    assert len(line.plc.commands) == 4
    assert line.plc.r[1027] == 4


def test_busy_is_not_written_again_after_its_deadline() -> None:
    line = Line().normal()
    line.plc.results += [BUSY]
    number = send(line, expires=line.now + 200)
    assert only(line.run(1000), GivenUp) == GivenUp(number, "its time is over", line.now - 800)
    assert len(line.plc.commands) == 2


def test_nsyn_ends_the_session() -> None:
    line = Line().normal()
    line.plc.results += [NSYN]
    number = send(line)
    other = send(line, replace(DEST, track=418))
    items = line.run(60)
    assert only(items, Answered) == Answered(number, "NSYN", only(items, SessionLost).at)
    assert only(items, SessionLost).why == "the PLC has no session"
    given_up = [item.id for item in items if isinstance(item, GivenUp)]
    assert given_up in ([], [other])


def test_a_result_of_0_is_a_fault_of_the_plc_and_is_read_again() -> None:
    line = Line().normal()
    line.plc.results += [0]
    number = send(line)
    assert "result 0 of command 2" in only(line.run(200), DeviceError).why
    line.plc.r[528 + 1] = DONE
    assert only(line.run(200), Answered).id == number


def test_a_newer_decision_overtakes_an_older_one_even_in_the_ring() -> None:
    line = Line().normal()
    line.plc.takes = False
    old = send(line, DEST)
    line.run(50)
    new = send(line, replace(DEST, decision=2))
    assert only(line.run(50), GivenUp) == GivenUp(old, "overtaken by a newer decision", line.now - 50)
    late = send(line, DEST)
    assert only(line.run(0), GivenUp) == GivenUp(late, "a newer decision is queued", line.now)
    line.plc.takes = True
    assert [item.id for item in line.run(200) if isinstance(item, Answered)] == [new]


def test_divc_gives_up_the_destination_of_its_track() -> None:
    line = Line().normal()
    line.plc.takes = False
    number = send(line)
    assert kinds(line.told(divc())) == ["Discharged", "GivenUp"]
    assert only(line.items[1], GivenUp).id == number


@both
def test_a_destination_is_answered_before_its_divc(transport: str) -> None:
    line = Line(transport).normal()
    number = send(line)
    items = line.told(divc(), ms=300)
    assert kinds(items) == ["Answered", "Discharged"]
    assert only(items, Answered).id == number


# --- deadlines --------------------------------------------------------------------------------------------------------


def writes(line: Line, address: int) -> int:
    return len([one for one in line.plc.asked if one[3] and one[1] == address])


def test_a_record_whose_time_is_over_is_not_put_in_force() -> None:
    line = Line().normal()
    head = line.plc.r[1027]

    def slow(request: bytes, answers: list[tuple[float, bytes]]) -> list[tuple[float, bytes]]:
        return [(150, answers[0][1])] if line.plc.asked[-1][1] >= 1040 else answers

    line.fault = slow
    number = send(line, expires=line.now + 100)
    assert only(line.run(400), GivenUp).id == number
    assert line.plc.r[1027] == head
    assert len(line.plc.commands) == 1


def lose_announcement(line: Line, done: bool) -> None:
    """The next write of 1027 gets no answer; `done`: the PLC has it nevertheless."""
    head = line.plc.r[1027]
    answer = line.plc.answer

    def deaf(pdu: bytes, now: float) -> bytes:
        if pdu[0] == 16 and int.from_bytes(pdu[1:3]) == 1024 and int.from_bytes(pdu[12:14]) != head:
            line.plc.answer = answer  # type: ignore[method-assign]
            line.fault = lambda request, answers: setattr(line, "fault", None) or []  # type: ignore[func-returns-value]
            if not done:
                line.plc.asked.append((now, 1024, 8, (0,)))
                return b"\x10"
        return answer(pdu, now)

    line.plc.answer = deaf  # type: ignore[method-assign]


@both
@pytest.mark.parametrize("done", [True, False])
def test_a_lost_answer_in_time_is_written_again(transport: str, done: bool) -> None:
    line = Line(transport).normal()
    lose_announcement(line, done)
    number = send(line, expires=line.now + 1000)
    items = line.run(900)
    assert only(items, Answered).id == number
    assert [values[0] for values in line.plc.commands] == [SYES, 6]


@both
@pytest.mark.parametrize("done", [True, False])
def test_after_its_deadline_1027_is_read_back_before_anything_is_written(transport: str, done: bool) -> None:
    line = Line(transport).normal()
    lose_announcement(line, done)
    late = send(line, expires=line.now + 200)
    line._after()
    items = line.run(900)
    assert only(items, GivenUp).id == late
    assert "Answered" not in kinds(items)
    assert [values[0] for values in line.plc.commands] == ([SYES, 6] if done else [SYES])
    lost = next(
        i for i, one in enumerate(line.plc.asked) if one[1] == 1024 and one[3] and i > 5 and _carries(one, done)
    )
    after = [one for one in line.plc.asked[lost + 1 :] if one[1] >= 1024]
    assert after[0][1:] == (1024, 8, ()), "read back first"
    assert line.driver.counters.noted.get("answer to nothing open", 0) == (1 if done else 0)
    number = send(line, replace(DEST, track=900))
    assert only(line.run(200), Answered).id == number


def _carries(one: tuple[float, int, int, tuple[int, ...]], done: bool) -> bool:
    return one[3][3] == 2 if done else one[3] == (0,)


def test_a_batch_of_which_one_is_over_is_written_without_it() -> None:
    line = Line().normal()
    line.plc.takes = False
    first = send(line, replace(DEST, track=1))  # on its way while the others are queued: they make the batch
    late = line.driver.send(replace(DEST, track=2), line.now, line.now + 250)
    good = line.driver.send(replace(DEST, track=3), line.now, None)
    line.run(3)
    lose_announcement(line, done=False)
    line.run(500)
    line.plc.takes = True
    items = line.run(500)
    answered = [item.id for item in line.items[1] if isinstance(item, Answered)]
    assert answered[0] == first
    assert good in answered
    assert late not in answered or not [item for item in items if isinstance(item, GivenUp)]


# --- late answers on TCP ----------------------------------------------------------------------------------------------


def test_lagging_is_told_when_a_poll_was_answered_late_but_used() -> None:
    line = Line(timeout_ms=800).normal()
    line.fault = lambda request, answers: [(500.0, data) for _, data in answers]
    items = line.run(1100)
    lag = next(item for item in items if isinstance(item, Lagging))
    assert lag.sure
    assert 400 < lag.ms <= 500
    assert lag.since < lag.at - 490
