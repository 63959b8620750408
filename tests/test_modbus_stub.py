"""The Modbus PLC stub against PLC interface v1 §4, line by line: registers, rings, session, epochs, power.

The controller is the script of `modbus_hub.py`. A comment names the line of §4 that a register fact comes from.
"""

from __future__ import annotations

import pytest

from firmware_stubs.plcs.modbus import Geometry
from firmware_stubs.stub import PlcStub
from tests import modbus_hub as mb
from tests.modbus_hub import LINE, Hub, Record, arrived, kinds, new, session

LIFE = 2  # §4 "2 PLC life"


def block(hub: Hub, now: float) -> list[int]:
    return hub.read(0, 16, now)


# What a PLC shows before anybody spoke to it


def test_block_0_at_the_start() -> None:
    plc: PlcStub = new(epoch=0x1A2B)
    assert block(Hub(new(epoch=0x1A2B)), 0.0) == [
        1,  # §4 "0 map version 1"
        0x1A2B,  # §4 "1 PLC epoch"
        1,  # §4 "2 PLC life … skips 0"
        0,  # §4 "3 event head"
        0,  # §4 "4 command tail"
        0,  # §4 "5 PLC clock"
        1000,  # §4 "6 belt speed mm/s"
        0,  # §4 "7 bit 0 in session"
        0,  # §4 "8 events lost"
        *[0] * 7,  # nothing is said of 9 to 15
    ]
    assert not plc.in_session


def test_every_register_that_exists_can_be_read_and_no_other() -> None:
    hub = Hub(new())
    for start, end in ((0, 544), (1024, 1296)):  # §4 first and last address of both columns
        for address in range(start, end):
            hub.read(address, 1, 0.0)
    for address, count in ((544, 1), (543, 2), (1023, 1), (1023, 2), (1296, 1), (1295, 2), (65535, 2)):
        with pytest.raises(mb.Refused, match="2"):
            hub.read(address, count, 0.0)


def test_only_the_controllers_registers_can_be_written() -> None:
    hub = Hub(new())
    for address in (0, 3, 543, 544, 1023, 1296):
        with pytest.raises(mb.Refused, match="2"):
            hub.write(address, [1], 0.0)
    with pytest.raises(mb.Refused, match="2"):
        hub.write(1295, [1, 2], 0.0)
    hub.write(1295, [7], 0.0)
    hub.write(1040, [9] * 123, 0.0)
    assert hub.read(1295, 1, 0.0) == [7]
    assert hub.read(1162, 2, 0.0) == [9, 0]
    assert hub.ask(bytes([6, 4, 0, 0, 5]), 0.0) == bytes([6, 4, 0, 0, 5])
    assert hub.read(1024, 1, 0.0) == [5]


def test_clock_and_life_go_on_with_time_and_wrap() -> None:
    hub = Hub(new())
    assert block(hub, 65_535.9)[5] == 65_535  # §4 "5 PLC clock, ms mod 65536"
    assert block(hub, 65_536.0)[5] == 0
    assert [block(hub, at)[LIFE] for at in (65_999.0, 66_000.0, 66_500.0)] == [132, 133, 134]  # §4 "+1 every 500 ms"
    last = 65_534 * 500.0
    assert [block(hub, at)[LIFE] for at in (last, last + 500)] == [65_535, 1]  # §4 "skips 0"


def test_the_speed_is_what_the_belt_has() -> None:
    plc = new()
    plc.belt_speed(0, 10.0)
    assert block(Hub(plc), 10.0)[6] == 0  # §4 "6 belt speed mm/s (this is SPED)"


# The start of a session


def test_a_session_begins_with_sybe_and_syen_through_the_ring() -> None:
    plc = new()
    hub = Hub(plc)
    assert hub.begin(0.0) == 1  # §4 "528 … 543 … 1 A"
    assert plc.in_session
    assert block(hub, 0.0)[7] == 1
    assert block(hub, 0.0)[3] == 2
    assert [(one.number, one.words[0]) for one in hub.listen(0.0)] == [(1, 2), (2, 3)]  # §4 "Types: … 2 SYBE 3 SYEN"


def test_synchronisation_names_items_then_events_then_states_then_ends() -> None:
    plc, hub = session()
    first = arrived(plc, hub)
    plc.lane_state("L01", "FULL", 1010.0)
    hub.listen(1010.0)
    plc.tick(4000.0)
    assert not plc.in_session
    plc.button("L02", "CLOS", 4100.0)
    second = plc.edge("IND", 300, 4200.0)
    said = hub.start(4300.0, hub.taken)
    assert kinds(said) == ["SYBE", "TRAK", "BUTN", "INDU", "STAT", "SYEN"]
    assert [one.track for one in said] == [0, first, 0, second, 0, 0]
    assert said[4].words[3] == 101


def test_trak_says_where_an_item_is_and_what_it_obeys() -> None:
    plc, hub = session()
    track = arrived(plc, hub, 1000.0)
    second = plc.edge("IND", 300, 1005.0)
    hub.listen(1005.0)
    assert hub.dest(track, 7, [102], 1010.0) == 1
    hub.taken = 0
    said = hub.start(1500.0, hub.read(1026, 1, 1500.0)[0])
    assert kinds(said) == ["SYBE", "TRAK", "TRAK", "SYEN"]
    # §4 "0 type · 1–2 track · 3 point · 4 lane · 7 PLC clock at the edge · 11 decision · 12 lap · 13 certainty"
    assert said[1].words == [4, 0, track, 12, 102, 0, 0, 1000, 0, 0, 0, 7, 0, ord("S"), 0, 0]
    assert said[2].words == [4, 0, second, 10, 0, 0, 0, 1005, 0, 0, 0, 0, 0, ord("S"), 0, 0]


def test_an_item_of_which_nothing_was_said_is_no_trak() -> None:
    plc = new()
    plc.edge("IND", 300, 0.0)
    assert kinds(Hub(plc).start(10.0)) == ["SYBE", "INDU", "SYEN"]


def test_disturbed_elements_are_said_once() -> None:
    plc, hub = session()
    plc.lane_state("L02", "HALF", 10.0)
    plc.line_state("JAM", 20.0)
    said = hub.listen(30.0)
    # §4 "3 element · 4 state", "States: 3 JAM 5 HALF", "The line itself is element 1"
    assert [(one.words[3], one.words[4], one.words[7]) for one in said] == [(102, 5, 10), (1, 3, 20)]
    again = hub.start(40.0, hub.taken)
    assert kinds(again) == ["SYBE", "STAT", "STAT", "SYEN"]
    hub.durable = False
    before = hub.taken
    assert kinds(hub.start(50.0, before)) == ["SYBE", "STAT", "STAT", "SYEN"]
    hub.write(1031, [before], 50.0)
    assert kinds(hub.start(60.0, before)) == ["SYBE", "STAT", "STAT", "SYEN"]  # buffered: not as new ones, too


def test_more_than_the_ring_holds_comes_as_it_is_taken() -> None:
    plc, hub = session()
    for at in range(100):
        plc.button("L01", "CLOS", float(at))
    head = block(hub, 100.0)[3]
    assert head == hub.taken + 32  # §4 "up to 32 ahead of taken (1031)"
    first = hub.poll(100.0)
    assert len(first) == 32
    assert hub.poll(100.0) == []
    hub.write(1031, [hub.taken - 27], 100.0)
    assert block(hub, 100.0)[3] == head + 5
    hub.write(1031, [hub.taken], 100.0)
    rest = hub.listen(100.0)
    assert [one.words[7] for one in first + rest] == list(range(100))


# What is taken, what is durable


def test_what_is_taken_and_not_durable_comes_again_with_new_numbers() -> None:
    plc, hub = session()
    hub.durable = False
    for at in (10.0, 700.0, 1400.0):
        plc.edge("IND", 300, at)
        hub.live(at)
    assert [one.number for one in hub.listen(1400.0)] == [3, 4, 5]
    assert len(plc.buffer) == 3
    hub.write(1026, [4], 1500.0)  # §4 "1026 events durable": SYBE, SYEN and two events
    assert len(plc.buffer) == 1
    hub.write(1031, [4], 1500.0)
    said = hub.start(1600.0, 4)
    assert (said[0].number, said[0].kind) == (5, "SYBE")  # §4 "at SYES sets head back to 1026"
    assert kinds(said) == ["SYBE", "TRAK", "TRAK", "TRAK", "INDU", "SYEN"]
    assert said[4].track == 3


def test_numbers_of_another_epoch_are_none() -> None:
    plc, hub = session()
    plc.edge("IND", 300, 10.0)
    hub.listen(10.0)
    hub.write(1028, [9], 20.0)  # §4 "1028 PLC epoch that 1026 and 1031 belong to; else the PLC takes both as 0"
    plc.edge("IND", 300, 900.0)
    hub.write(1026, [4], 900.0)
    assert len(plc.buffer) == 1
    assert hub.command([mb.SYES], 910.0) == 1
    assert block(hub, 910.0)[3] == 5
    hub.taken = 0
    assert kinds(hub.listen(910.0)) == ["SYBE", "TRAK", "TRAK", "INDU", "SYEN"]


def test_counters_that_go_back_or_past_the_head_are_not_believed() -> None:
    plc, hub = session()
    hub.durable = False
    plc.edge("IND", 300, 10.0)
    hub.listen(10.0)
    for wrong in (1, 4, 40_000):
        hub.write(1026, [wrong], 20.0)
        hub.write(1031, [wrong], 20.0)
    assert len(plc.buffer) == 1
    assert plc.counts["counter_astray"] > 0
    for at in range(50):
        plc.button("L01", "CLOS", 21.0 + at)
    assert block(hub, 80.0)[3] == 3 + 32  # ahead of the last number that could be believed
    hub.write(1026, [3], 90.0)
    assert len(plc.buffer) == 50


def test_numbers_never_mean_two_records_however_long_the_disk_takes() -> None:
    plc, hub = session(buffer=64)
    hub.durable = False
    for at in range(1100):
        hub.live(float(at))
        for _ in range(32):
            plc.button("L01", "CLOS", float(at))
        hub.write(1031, [block(hub, float(at))[3]], float(at))
    head = block(hub, 1100.0)[3]
    assert head == 2 + 32_767  # a number further ahead would be taken for one that lies behind
    hub.write(1026, [head], 1100.0)
    plc.button("L01", "CLOS", 1100.0)
    assert block(hub, 1100.0)[3] > head


def test_a_session_is_refused_while_something_taken_is_not_durable() -> None:
    plc, hub = session()
    hub.durable = False
    plc.edge("IND", 300, 10.0)
    hub.listen(10.0)
    assert hub.command([mb.SYES], 20.0) == mb.FORM
    assert plc.in_session
    hub.write(1026, [3], 30.0)
    assert hub.command([mb.SYES], 30.0) == 1


def test_a_durable_number_ahead_of_the_last_record_makes_a_new_epoch() -> None:
    plc, hub = session()
    hub.durable = False
    plc.edge("IND", 300, 10.0)
    plc.edge("IND", 300, 900.0)
    hub.listen(900.0)
    assert hub.begin(1000.0, 500) == 1
    assert block(hub, 1000.0)[1] == 2  # §4 "1 PLC epoch"
    assert block(hub, 1000.0)[8] == 2  # §4 "8 events lost"
    hub.taken = 0
    said = hub.listen(1000.0)
    assert kinds(said) == ["SYBE", "OVFL", "SYEN"]
    # §4 "6 … count · 7 PLC clock at the edge" of the oldest lost
    assert (said[1].words[6], said[1].words[7]) == (2, 10)


# Counters that wrap


def test_event_head_wraps_at_65536() -> None:
    plc = new(head=65_530)
    hub = Hub(plc)
    assert block(hub, 0.0)[3] == 65_530
    said = hub.start(0.0, 65_530)
    assert [one.number for one in said] == [65_531, 65_532]
    for at in range(10):
        plc.edge("IND", 300, 700.0 * at)
        hub.live(700.0 * at)
        said = hub.listen(700.0 * at)
        hub.durable = at != 3
        assert said[0].number == (65_533 + at) % 65_536  # §4 "3 event head …, mod 65536"
    assert len(plc.buffer) == 0
    said = hub.start(7000.0, hub.taken)
    assert said[0].number == 7


def test_events_not_durable_across_the_wrap_come_again() -> None:
    plc = new(head=65_533)
    hub = Hub(plc)
    hub.start(0.0, 65_533)
    hub.durable = False
    for at in (10.0, 700.0, 1400.0):
        plc.edge("IND", 300, at)
        hub.live(at)
    assert [one.number for one in hub.listen(1400.0)] == [0, 1, 2]
    plc.tick(4400.0)
    assert len(plc.buffer) == 3
    said = hub.start(4400.0, 0)
    assert [one.number for one in said] == list(range(1, 8))
    assert [one.track for one in said if one.kind == "INDU"] == [2, 3]


def test_command_head_wraps_at_65536() -> None:
    plc = new(commands=65_534)
    hub = Hub(plc)
    assert block(hub, 0.0)[4] == 65_534
    assert hub.read(1027, 1, 0.0) == [65_534]
    hub.start(0.0)
    for at in range(20):
        assert hub.command([mb.TIME, 0, 0x19F, 0x1234, 0x5678], float(at)) == 1
    assert block(hub, 20.0)[4] == 19  # §4 "4 command tail … mod 65536"


# Life


def test_a_life_counter_that_stands_still_for_3_s_ends_the_session() -> None:
    plc, hub = session()
    hub.live(2000.0)
    assert plc.next_at() == 5000.0
    hub.write(1025, [hub.life], 4000.0)  # §4 "Life standing still for 3 s": written, and the same
    plc.tick(4999.0)
    assert block(hub, 4999.0)[7] == 1
    plc.tick(5000.0)
    assert not plc.in_session
    assert block(hub, 5000.0)[7] == 0
    plc.edge("IND", 300, 5000.0)
    assert block(hub, 5000.0)[3] == 2  # nothing is written without a session
    hub.live(5100.0)
    assert not plc.in_session
    assert hub.cmnd(1, 2, 5200.0) == mb.NSYN
    assert kinds(hub.start(5300.0, 2)) == ["SYBE", "INDU", "SYEN"]


def test_without_a_session_items_go_into_the_default_lane() -> None:
    plc, hub = session()
    arrived(plc, hub)
    fired = []
    for at in range(1000, 7000, 100):
        plc.tick(float(at))
        fired += plc.gates(float(at))
    assert not plc.in_session
    assert [command.lane for command in fired] == ["EX"]


def test_the_life_counter_may_wrap_or_jump() -> None:
    plc, hub = session()
    for step, life in enumerate((65_535, 1, 900, 2)):
        hub.write(1025, [life], 2000.0 * (step + 1))
        assert plc.in_session


def test_3_s_of_silence_are_counted_from_syes() -> None:
    plc, hub = session()
    assert hub.command([mb.SYES], 2990.0) == 1
    assert plc.next_at() == 5990.0


# Another controller


def test_a_changed_epoch_of_the_controller_voids_its_commands_until_syes() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    hub.write(1024, [4], 1010.0)  # §4 "a changed 1024 voids every command before the next SYES"
    assert hub.dest(track, 1, [101], 1020.0) == mb.NSYN
    assert block(hub, 1020.0)[7] == 0
    assert plc.taken() == []
    hub.write(1024, [3], 1030.0)
    assert hub.dest(track, 1, [101], 1030.0) == mb.NSYN
    assert hub.begin(1040.0, hub.taken) == 1
    assert hub.dest(track, 1, [101], 1050.0) == 1


def test_commands_before_and_behind_a_syes_that_come_in_one_write() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    head = hub.read(1027, 1, 1010.0)[0]
    dest = [mb.DEST, 0, track, 12, 101, 0, 0, 0, 0, 0, 0, 1, 0, ord("D"), 0, 0]
    for place, words in enumerate((dest, [mb.SYES, *[0] * 15], dest)):
        hub.write(1040 + 16 * (head + place), words, 1010.0)
    hub.write(1024, [8, hub.life, hub.taken, head + 3], 1010.0)
    assert hub.read(528 + head, 3, 1010.0) == [mb.NSYN, mb.A, mb.A]
    assert block(hub, 1010.0)[4] == head + 3


def test_a_term_that_is_too_old_is_refused_and_the_session_stays() -> None:
    plc = new()
    hub, old = Hub(plc, epoch=3, term=0x10002), Hub(plc, epoch=9, term=0x10001)
    hub.start(0.0)  # §4 "1029, 1030 term", high word first
    track = arrived(plc, hub)
    assert old.begin(1010.0, hub.taken) == mb.OLDC
    assert plc.in_session
    assert old.dest(track, 1, [101], 1010.0) == mb.OLDC
    assert plc.taken() == []
    assert plc.in_session
    hub.write(1024, [3, 77, hub.taken], 1020.0)
    hub.write(1029, [1, 2], 1020.0)
    assert hub.dest(track, 1, [101], 1020.0) == 1
    plc.power_cycle(1030.0, retentive=False)
    assert old.begin(1040.0) == mb.OLDC  # the highest is remembered over power loss
    assert hub.begin(1050.0) == 1


def test_a_command_head_out_of_reach_voids_what_is_there() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    hub.write(1040 + 16 * 5, [mb.DEST, 0, track, 12, 101, 0, 0, 0, 0, 0, 0, 1, 0, ord("D")], 1010.0)
    hub.write(1027, [18], 1010.0)  # 17 commands in a ring of 16
    assert hub.read(4, 1, 1010.0) == [18]
    assert hub.read(528, 16, 1010.0) == [mb.NSYN] * 16
    assert not plc.in_session
    assert plc.taken() == []
    assert hub.begin(1020.0, hub.taken) == 1


# Power


def test_a_retentive_plc_keeps_registers_epoch_and_events() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    assert hub.dest(track, 1, [102], 1005.0) == 1
    plc.lane_state("L01", "FULL", 1010.0)
    before = block(hub, 1010.0)
    plc.power_cycle(1020.0)
    assert block(hub, 1020.0)[:5] == before[:5]
    assert block(hub, 1020.0)[7] == 0
    assert hub.read(1024, 1, 1020.0) == [3]
    said = hub.start(1030.0, hub.taken)
    assert [(one.kind, one.track) for one in said] == [("SYBE", 0), ("TRAK", track), ("STAT", 0), ("SYEN", 0)]


def test_a_plc_without_memory_begins_with_zeroes_and_a_new_epoch() -> None:
    plc, hub = session(retentive=False, epoch=0xFFFF, buffer=64)
    arrived(plc, hub)
    hub.durable = False
    for _ in range(80):
        plc.button("L01", "CLOS", 1001.0)
        hub.listen(1001.0)
    hub.settle(1002.0)
    hub.durable = True
    hub.settle(1002.0)
    assert kinds(hub.listen(1003.0)) == ["OVFL"]
    assert block(hub, 1003.0)[8] == 16
    hub.command([mb.TIME], 1005.0)
    plc.power_cycle(1010.0)
    assert block(hub, 1010.0)[:5] == [1, 1, 1, 0, 0]  # §4 "1 PLC epoch, written last at a start, after head = 0"
    assert hub.read(16, 120, 1010.0) == [0] * 120
    assert hub.read(528, 16, 1010.0) == [0] * 16
    assert hub.read(1024, 8, 1010.0) == [0] * 8
    assert block(hub, 1010.0)[8] == 0
    assert hub.dest(1, 1, [101], 1020.0) == mb.NSYN
    found = plc.edge("EYE", 300, 1500.0)
    said = hub.start(1500.0)
    assert kinds(said) == ["SYBE", "GHST", "SYEN"]
    assert said[1].track == found == 1


def test_a_full_belt_is_named_in_trak_after_a_power_cycle_with_memory() -> None:
    plc, hub = session()
    for at in range(0, 4000, 80):
        plc.edge("IND", 60, float(at))
        hub.live(float(at))
        hub.listen(float(at))
    plc.power_cycle(4000.0, retentive=True)
    said = hub.start(4010.0, hub.taken)
    assert [one.track for one in said if one.kind == "TRAK"] == list(range(1, 51))
    assert kinds(said) == ["SYBE", *["TRAK"] * 50, "SYEN"]


# Age


def test_a_record_older_than_60_s_says_that_its_age_is_unknown() -> None:
    plc = new()
    plc.lane_state("L01", "FULL", 1000.0)
    plc.lane_state("L02", "FULL", 1001.0)
    said = Hub(plc).start(61_000.0)  # §4 "may be older than 60 s carries its type + 128"
    assert [(one.kind, one.old, one.words[0]) for one in said[1:3]] == [("STAT", True, 138), ("STAT", False, 10)]


def test_a_record_that_grows_old_in_the_ring_says_so_and_one_that_was_taken_stays() -> None:
    plc, hub = session()
    plc.lane_state("L01", "FULL", 1000.0)
    hub.live(1000.0)
    hub.listen(1000.0)
    plc.lane_state("L02", "FULL", 2000.0)
    for at in range(2000, 61_999, 2000):
        hub.live(float(at))
    assert hub.read(16 + 32, 1, 61_999.0) == [10]
    assert hub.read(16 + 48, 1, 61_999.0) == [10]
    (record,) = hub.poll(62_000.0)
    assert record.old
    assert hub.read(16 + 32, 1, 62_000.0) == [10]


# Overflow


def test_what_does_not_fit_is_dropped_in_order_and_said() -> None:
    plc, hub = session(buffer=64)
    hub.durable = False
    for at in range(80):
        plc.button("L01", "CLOS", float(at))
    assert block(hub, 80.0)[8] == 16  # §4 "8 events lost"
    for at in range(80, 150):
        plc.lane_state("L01", ("FULL", "FREE")[at % 2], float(at))
    assert plc.inhibited == {"IND"}
    assert block(hub, 150.0)[8] == 86
    said: list[Record] = []
    for at in range(20):
        hub.durable = True
        came = hub.poll(200.0 + at)
        hub.settle(200.0 + at)
        said += came
    (lost,) = [one for one in said if one.kind == "OVFL"]
    assert lost.words[6] == 86  # §4 "6 … count"
    assert lost.words[7] == 0
    assert block(hub, 300.0)[8] == 86
    assert not plc.inhibited


def test_loops_with_carriers_say_carrier_and_lap() -> None:
    loop = Geometry(LINE.points, LINE.inductions, LINE.decisions, LINE.lanes, "EX", 1000, 8000, "loop", carriers=8)
    plc, hub = session(loop)
    track = plc.edge("IND", 400, 0.0, carrier=3, carriers=2)
    plc.edge("DEC", 400, 1000.0, carrier=3, carriers=2)
    said = hub.listen(1000.0)
    # §4 "14 … carrier · 15 … carriers"
    assert said[0].words == [14, 0, track, 10, 0, 0, 0, 0, 400, 0, 0, 0, 0, 0, 3, 2]
    assert said[1].words[14] == 3
    hub.live(1000.0)
    assert hub.dest(track, 1, [101], 1010.0, flags=ord("N"), if_none="L") == 1
    plc.lane_state("L01", "FULL", 1020.0)
    for at in range(1500, 9001, 500):
        hub.live(float(at))
    assert plc.edge("DEC", 400, 9000.0, carrier=3, carriers=2) == track
    said = hub.listen(9000.0)
    assert kinds(said) == ["STAT", "RCIR", "ARRV"]
    # §4 "5 … wanted lane · 6 result · 11 decision", "Results: 2 FU"
    assert said[1].words[:7] == [13, 0, track, 0, 0, 101, 2]
    assert said[1].words[11] == 1
    assert (said[2].words[12], said[2].words[14]) == (1, 3)  # §4 "12 lap"
