"""The Modbus PLC stub's records against PLC interface v1 §4: each event field by field, each command and refusal."""

from __future__ import annotations

import pytest

from firmware_stubs.plcs.modbus import Geometry
from firmware_stubs.stub import Measures
from tests import modbus_hub as mb
from tests.modbus_hub import LINE, arrived, kinds, new, session

# §4 "Record: 0 type · 1–2 track · 3 point or element · 4 lane, actual lane, or state · 5 second lane or wanted lane ·
# 6 result, command, code or count · 7 PLC clock at the edge · 8 length · 9 gap · 10 left · 11 decision · 12 lap ·
# 13 low byte certainty, evidence or if_none, high byte flags · 14 third lane or carrier · 15 fourth lane or carriers"
S, D, E, X, U = (ord(letter) for letter in "SDEXU")


def test_arrivals_inductions_and_passages() -> None:
    plc, hub = session(next_track=0x1_0002)
    plc.edge("IND", 380, 0.0)
    plc.edge("EYE", 381, 500.0)
    plc.edge("DEC", 382, 1000.0)
    said = hub.listen(1000.0)
    # Types: §4 "14 INDU 15 PASS … 5 ARRV"; the track has its high word first
    assert said[0].words == [14, 1, 2, 10, 0, 0, 0, 0, 380, 0, 0, 0, 0, 0, 0, 0]
    assert said[1].words == [15, 1, 2, 11, 0, 0, 0, 500, 0, 0, 0, 0, 0, 0, 0, 0]
    assert said[2].words == [5, 1, 2, 12, 0, 0, 0, 1000, 382, 0, 4950, 0, 0, S, 0, 0]


def test_gaps_and_what_no_register_can_hold() -> None:
    slow = Geometry(LINE.points, LINE.inductions, LINE.decisions, LINE.lanes, "EX", 10, 6500)
    plc, hub = session(slow)
    plc.edge("DEC", 300, 0.0)
    plc.edge("DEC", 70_000, 50_000.0)
    said = [one for one in hub.start(50_000.0, hub.taken) if one.kind == "ARRV"]
    assert [one.words[8:11] for one in said] == [[300, 0, 65_535], [65_535, 200, 65_535]]


@pytest.mark.parametrize(("evidence", "letter"), [("E", "E"), ("G", "G")])
def test_an_item_that_left_as_wanted(evidence: str, letter: str) -> None:
    plc, hub = session(evidence=evidence)
    track = arrived(plc, hub)
    assert hub.dest(track, 5, [101], 1010.0) == 1
    hub.live(3000.0)
    plc.lane_eye("L01", 3300.0)
    (said,) = hub.listen(3301.0)
    # §4 "7 DIVC", "4 … actual lane", "5 … wanted lane", "Results: 1 OK"
    assert said.words == [7, 0, track, 0, 101, 101, 1, 3300, 0, 0, 0, 5, 0, ord(letter), 0, 0]


def test_an_item_without_destination_and_one_taken_off_by_hand() -> None:
    plc, hub = session()
    none, hand = plc.edge("IND", 300, 0.0), plc.edge("IND", 300, 700.0)
    plc.edge("DEC", 300, 1000.0)
    hub.live(1000.0)
    hub.listen(1000.0)
    plc.removed(hand, 1100.0)
    (removed,) = hub.listen(1100.0)
    assert removed.words == [7, 0, hand, 0, 0, 0, 13, 1100, 0, 0, 0, 0, 0, X, 0, 0]  # §4 "13 MR"
    for at in (3000.0, 5000.0):
        hub.live(at)
    plc.lane_eye("EX", 6300.0)
    (left,) = hub.listen(6300.0)
    assert left.words == [7, 0, none, 0, 60_000, 0, 12, 6300, 0, 0, 0, 0, 0, E, 0, 0]  # §4 "12 NA"


def test_lost_and_found() -> None:
    plc, hub = session()
    tracks = [plc.edge("IND", 300, at) for at in (0.0, 1000.0, 2000.0)]
    ghost = plc.edge("EYE", 300, 1000.0)
    hub.live(2000.0)
    said = {one.kind: one.words for one in hub.listen(2000.0)}
    # §4 "LOST and GHST: before in 8–9, behind in 10–11"
    assert said["GHST"] == [9, 0, ghost, 11, 0, 0, 0, 2000, 0, tracks[1], 0, tracks[2], 0, 0, 0, 0]
    for at in range(2500, 8001, 500):
        hub.live(float(at))
    lost = [one for one in hub.listen(8000.0) if one.kind == "LOST"]
    assert (lost[0].track, lost[0].words[3], lost[0].words[8:12]) == (tracks[0], 10, [0, 0, 0, ghost])


def test_a_hand_over_names_line_epoch_and_track() -> None:
    plc, hub = session(lines={"S2": 7})
    track = plc.handed_over("DEC", 400, "S2", 0xABC, 999_999, 100.0)
    said = hub.listen(100.0)
    # §4 "HAND: from line's number 4, from epoch 5, from track 8–9"
    assert kinds(said) == ["HAND", "ARRV"]
    assert said[0].words == [17, 0, track, 12, 7, 0xABC, 0, 100, 999_999 >> 16, 999_999 & 0xFFFF, 0, 0, 0, 0, 0, 0]


def test_a_hand_over_from_a_line_without_number_is_an_error() -> None:
    with pytest.raises(ValueError, match="lines: 'S3' hands over to this line; give it a number"):
        new(lines={"S2": 7}).handed_over("DEC", 400, "S3", 1, 1, 100.0)


def test_buttons_and_containers() -> None:
    plc, hub = session()
    for at, button in enumerate(("CLOS", "LOCK", "FREE")):
        plc.button("L01", button, float(at))
    said = [one for one in hub.listen(3.0) if one.kind == "BUTN"]
    assert [one.words[:8] for one in said] == [[18, 0, 0, 101, 0, 0, code, at] for at, code in enumerate((1, 2, 3))]
    for code in (b"", b"417", b"0417", b"70000", b"CAGE", b"0"):
        plc.container("L02", code, 10.0)
    said = [one for one in hub.listen(10.0) if one.kind == "CONT"]
    assert [(one.words[0], one.words[4]) for one in said] == [(19, 102)] * 6
    assert [(chr(one.words[13]), one.words[6]) for one in said] == [
        ("G", 0),
        ("P", 417),
        *[("P", 0)] * 4,
    ]


@pytest.mark.parametrize(
    ("number", "state"),
    # §4 "States"
    list(enumerate("RUN STOP JAM FULL HALF FREE LOCK NCON FALT ESTP MANU MAIN SLOW".split(), 1)),
)
def test_states_have_numbers(number: int, state: str) -> None:
    plc, hub = session()
    plc.line_state("MAIN" if state == "RUN" else "RUN", 0.0)
    hub.listen(0.0)
    plc.line_state(state, 5.0)
    assert [one.words for one in hub.listen(5.0)] == [[10, 0, 0, 1, number, 0, 0, 5, *[0] * 8]]


def test_a_fault_has_its_code_as_a_number() -> None:
    plc, hub = session()
    plc.elements.sense("LINE", "FALT", 5.0, "417")
    assert hub.listen(5.0)[0].words[4:7] == [9, 0, 417]
    plc.elements.sense("LINE", "FALT", 6.0, "M12")
    assert hub.listen(6.0)[0].words[4:7] == [9, 0, 0]


def test_codes_and_measures_do_not_travel() -> None:
    plc, hub = session()
    track = plc.edge("DEC", 300, 0.0, codes=[b"RB123456785GB", b"X" * 200])
    plc.measured("EYE", track, Measures(1250, "A", "R00042", 400, 300, 200, "U"), 10.0)
    assert kinds(hub.listen(10.0)) == ["GHST", "ARRV"]
    assert plc.counts["measured_untold"] == 1
    with pytest.raises(ValueError, match="point 'NO' is not on this line"):
        plc.measured("NO", track, Measures(1250, "A", "R00042", 400, 300, 200, "U"), 10.0)


# Commands


def test_a_destination_with_four_lanes_is_obeyed_and_told() -> None:
    plc, hub = session(numbers=mb.NUMBERS | {"X": 9})
    track = arrived(plc, hub)
    assert hub.dest(track, 2, [101, 102, 60_000, 101], 1010.0, flags=0x2D) == 1
    (taken,) = plc.taken()
    assert (taken.track, taken.decision, taken.lanes) == (track, 2, ("L01", "L02", "EX", "L01"))
    assert (taken.if_none, taken.no_default, taken.reason, taken.refusal, taken.at) == ("D", False, "", None, 1010.0)


def test_flag_n_forbids_the_default_lane() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    assert hub.dest(track, 1, [101], 1010.0, flags=ord("N"), if_none="L") == 1
    assert plc.taken()[0].no_default
    assert hub.dest(track, 2, [101], 1010.0, flags=ord("N"), if_none="D") == mb.FORM


def test_refusals_have_numbers() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    dest = [mb.DEST, 0, track, 12, 101, 0, 0, 0, 0, 0, 0, 4, 0, D, 0, 0]
    assert hub.command(dest, 1010.0) == 1
    assert hub.command(dest, 1010.0) == 1  # the same number with the same content

    def but(place: int, word: int) -> int:
        return hub.command([*dest[:place], word, *dest[place + 1 :]], 1020.0)

    # §4 "16 + refusal", "Refusals: 1 NSYN 2 UNKT 3 LATE 4 OLDD 5 LUNK 6 PUNK 7 BUSY 8 MODE 9 OLDC 10 FORM"
    assert but(2, 77) == mb.UNKT
    assert but(1, 1) == mb.UNKT
    assert but(11, 3) == mb.OLDD
    assert but(4, 102) == mb.OLDD
    for number in (10, 103, 1, 65_535):
        assert but(4, number) == mb.LUNK
    for number in (0, 101, 999):
        assert but(3, number) == mb.PUNK
    for place, word in ((4, 0), (14, 101), (11, 0), (11, 10_000), (13, 0), (13, ord("N")), (13, 0x2E44), (13, 0x8044)):
        assert but(place, word) == mb.FORM
    for kind in (0, 2, 5, 20, 128 + mb.DEST, 65_535):
        assert but(0, kind) == mb.FORM
    assert plc.counts["form"] == 14
    assert plc.in_session
    plc.line_state("MANU", 1030.0)
    assert but(11, 5) == mb.MODE
    plc.line_state("RUN", 1040.0)
    hub.live(3000.0)
    assert hub.dest(track, 6, [101], 3000.0) == mb.LATE


def test_commands_to_elements() -> None:
    plc, hub = session()
    # §4 "Commands: 1 STOP 2 INHB 3 ENAB 4 BLCK 5 OPEN 6 EMPT 7 ACKN", "element 3, command 6"
    assert hub.cmnd(10, 2, 0.0) == 1
    assert plc.inhibited == {"IND"}
    assert hub.cmnd(1, 3, 0.0) == 1
    assert plc.inhibited == frozenset()
    assert hub.cmnd(101, 4, 5.0) == 1
    assert hub.listen(5.0)[-1].words[3:5] == [101, 7]
    assert hub.cmnd(101, 5, 6.0) == 1
    assert hub.listen(6.0)[-1].words[3:5] == [101, 6]
    assert hub.cmnd(1, 6, 7.0) == 1
    assert plc.inhibited == {"IND"}
    assert hub.cmnd(1, 7, 8.0) == 1
    assert hub.cmnd(1, 1, 9.0) == 1
    assert plc.stop_wanted
    assert hub.cmnd(10, 4, 10.0) == mb.LUNK
    assert hub.cmnd(101, 2, 10.0) == mb.PUNK
    assert hub.cmnd(77, 7, 10.0) == mb.PUNK
    assert [hub.cmnd(1, number, 10.0) for number in (0, 8, 65_535)] == [mb.FORM] * 3


def test_a_command_before_syen_is_refused_and_ends_the_session_but_time_and_dest_are_not() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    for at in range(40):
        plc.button("L01", "CLOS", 1010.0 + at)
    plc.tick(4100.0)
    assert hub.begin(4100.0, hub.taken) == 1
    assert hub.read(3, 1, 4100.0) == [hub.taken + 32]
    assert hub.command([mb.TIME, 0, 0x19F, 1, 1], 4110.0) == 1
    assert hub.dest(track, 1, [60_000], 4110.0) == 1
    assert hub.cmnd(1, 2, 4120.0) == mb.NSYN
    assert not plc.in_session
