"""The telegram PLC stub on a loop, against PLC interface v1 §2: laps, carriers, recirculation, who is lost."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from firmware_stubs.plcs.telegram import Geometry, Plc, Settings
from firmware_stubs.stub import GateCommand
from tests.scripted_hub import Hub, Said, pad

POINTS = {"IND": 0, "DEC": 1000, "EYE": 7000}
LANES = {"L01": 3000, "L02": 4000, "EX": 6000, "L03": 9000}
LOOP = Geometry(
    points=POINTS,
    inductions=frozenset({"IND"}),
    decisions=frozenset({"DEC"}),
    lanes=LANES,
    default_lane="EX",
    speed_mm_s=1000,
    length_mm=12_000,
    kind="loop",
    carriers=12,
)
LAP = 12_000.0
# At 1 mm a ms an item inducted at 0 is at DEC at 1000, at L01 at 3000, at EYE at 7000, at DEC again at 13,000.


class Rig:
    """A PLC in a session that does not die of silence."""

    def __init__(self, geometry: Geometry = LOOP, **settings: object) -> None:
        self.plc = Plc(Settings(plc="PLC1", controller="HUB", **settings), geometry, seed=1, now=0.0)  # type: ignore[arg-type]
        self.hub = Hub(self.plc)
        self.said: list[Said] = []
        self.fired: list[GateCommand] = []
        self.now = self.life_at = 0.0
        self.hub.start(0.0)

    def to(self, at: float) -> None:
        """Time passes; everything said is answered."""
        while self.now < at:
            self.now = min(self.now + 500, at)
            self.plc.tick(self.now)
            self.fired += self.plc.gates(self.now)
            self.hear()
            if self.now >= self.life_at:
                self.life_at = self.now + 500
                self.hub.ask("LIFE", "000000", self.now)
                self.hear()

    def hear(self) -> None:
        heard, self.hub.heard = self.hub.heard, []
        self.said += heard + self.hub.listen(self.now, heard[-1] if heard else None)

    def edge(self, point: str, at: float, carrier: int = 5, carriers: int = 1) -> int:
        self.to(at)
        track = self.plc.edge(point, 400, at, carrier, carriers)
        self.hear()
        return track

    def dest(self, track: int, decision: int, lanes: list[str], flags: str = "-", if_none: str = "L") -> str:
        answer = self.hub.dest(track, decision, lanes, self.now, flags, if_none)
        self.hear()
        return answer

    def bodies(self, kind: str) -> list[str]:
        """Bodies without their evt and age."""
        return [one.body[6:-5] for one in self.said if one.kind == kind]

    def lanes(self) -> list[str]:
        return [command.lane for command in self.fired]


def arrived(**settings: object) -> tuple[Rig, int]:
    """An item on carrier 5 at DEC for the first time."""
    rig = Rig(**settings)  # type: ignore[arg-type]
    track = rig.edge("IND", 0.0)
    assert rig.edge("DEC", 1000.0) == track
    return rig, track


def arrvs(rig: Rig) -> list[tuple[int, int, int, int]]:
    """(track, left, carrier, lap) of each ARRV."""
    found = []
    for said in rig.said:
        if said.kind == "ARRV":
            body = said.body
            found.append((int(body[18:24]), int(body[29:34]), int(body[44:50]), int(body[50:52])))
    return found


# What comes every lap


def test_an_item_is_asked_about_every_lap_with_its_carrier_and_told_at_its_induction_once() -> None:
    rig, track = arrived()
    rig.plc.lane_state("EX", "FULL", 1000.0)
    for lap in (1, 2):
        assert rig.edge("EYE", 7000.0 + (lap - 1) * LAP) == track
        assert rig.edge("DEC", 1000.0 + lap * LAP) == track
    assert [body[12:18] for body in rig.bodies("INDU")] == [f"{track:06d}"]
    assert rig.bodies("INDU")[0][18:] == "0000051" + "00400"
    # left: from DEC at 1000 to the last gate before DEC again, at 9000, less 50 ms
    assert arrvs(rig) == [(track, 7950, 5, 0), (track, 7950, 5, 1), (track, 7950, 5, 2)]
    assert len(rig.bodies("PASS")) == 2


def test_left_counts_only_the_gates_before_the_next_arrival_at_a_decision_point() -> None:
    two = Geometry(
        points=POINTS | {"DEC2": 5000},
        inductions=["IND"],
        decisions=["DEC", "DEC2"],
        lanes=LANES,
        default_lane="EX",
        speed_mm_s=1000,
        length_mm=12_000,
        kind="loop",
        carriers=12,
    )
    rig = Rig(two)
    track = rig.edge("IND", 0.0)
    rig.edge("DEC", 1000.0)
    assert rig.dest(track, 1, ["L03"], if_none="D") == "LATE"  # it lies behind DEC2
    assert rig.dest(track, 1, ["L03"], if_none="L") == "A"
    rig.edge("DEC2", 5000.0)
    assert [(left, lap) for _, left, _, lap in arrvs(rig)] == [(2950, 0), (3950, 0)]
    rig.to(9000.0)
    assert rig.lanes() == ["L03"]


def test_a_line_knows_no_laps_and_no_carriers() -> None:
    with pytest.raises(ValueError, match="carriers = 3"):
        Geometry(POINTS, ["IND"], ["DEC"], LANES, "EX", 1000, 12_000, carriers=3)
    with pytest.raises(ValueError, match="L03 at 9000 mm is not on the loop"):
        Geometry(POINTS, ["IND"], ["DEC"], LANES, "EX", 1000, 9000, kind="loop")
    with pytest.raises(ValueError, match="kind 'ring'"):
        Geometry(POINTS, ["IND"], ["DEC"], LANES, "EX", 1000, 12_000, kind="ring")
    line = Rig(Geometry(POINTS, ["IND"], ["DEC"], LANES, "EX", 1000, 12_000))
    with pytest.raises(ValueError, match="carrier 5"):
        line.edge("IND", 0.0)
    with pytest.raises(ValueError, match="carrier 13"):
        Rig().edge("IND", 0.0, carrier=13)


def test_an_item_on_two_carriers_says_so() -> None:
    rig = Rig()
    rig.edge("IND", 0.0, carrier=12, carriers=2)
    assert rig.bodies("INDU")[0][18:25] == "0000122"


# Destinations


def test_the_first_open_lane_still_ahead_is_taken_and_the_lap_told() -> None:
    rig, track = arrived()
    assert rig.dest(track, 1, ["L01", "L03"]) == "A"
    rig.plc.lane_state("L01", "FULL", 1500.0)
    rig.to(9000.0)
    assert rig.lanes() == ["L03"]
    rig.plc.lane_eye("L03", 9100.0)
    rig.to(9100.0)
    assert rig.bodies("DIVC") == [f"{track:06d}0001{pad('L01')}{pad('L03')}FUE00"]
    assert rig.bodies("RCIR") == []


def test_l_keeps_the_decision_for_the_next_lap_and_tells_once_a_lap_why_it_goes_round() -> None:
    rig, track = arrived()
    rig.plc.lane_state("L01", "FULL", 1000.0)
    rig.plc.lane_state("L02", "LOCK", 1000.0)
    assert rig.dest(track, 1, ["L02", "L01"]) == "A"
    rig.to(3960.0)
    assert rig.bodies("RCIR") == [f"{track:06d}0001{pad('L02')}LK00"]
    assert rig.said[-1].body[-5:] == "00010"  # since the point of no return of the last of them
    rig.edge("DEC", 13_000.0)
    rig.to(17_000.0)
    assert [body[-4:] for body in rig.bodies("RCIR")] == ["LK00", "LK01"]
    rig.edge("DEC", 25_000.0)
    rig.plc.lane_state("L02", "FREE", 25_100.0)
    rig.to(28_000.0)
    assert rig.lanes() == ["L02"]
    rig.plc.lane_eye("L02", 28_050.0)
    rig.to(28_050.0)
    assert rig.bodies("DIVC")[0][-5:] == "OKE02"


def test_k_is_spent_at_the_next_arrival_and_then_the_default_lane_is_alone() -> None:
    rig, track = arrived()
    rig.plc.lane_state("L01", "FULL", 1000.0)
    assert rig.dest(track, 7, ["L01"], if_none="K") == "A"
    rig.to(12_000.0)
    assert rig.lanes() == []
    assert [body[6:10] for body in rig.bodies("RCIR")] == ["0007"]
    rig.edge("DEC", 13_000.0)
    assert rig.dest(track, 7, ["L02"]) == "OLDD"  # spent, yet its number counts
    (trak,) = [one for one in rig.hub.start(rig.now) if one.kind == "TRAK"]
    assert trak.body[20:39] == pad("") + "0007S01"
    rig.to(18_000.0)
    assert rig.lanes() == ["EX"]
    rig.plc.lane_eye("EX", 18_050.0)
    rig.to(18_050.0)
    assert rig.bodies("DIVC") == [f"{track:06d}0000{pad('')}{pad('EX')}NAE01"]


def test_d_goes_into_the_default_lane_at_its_gate_in_this_lap_or_the_next() -> None:
    rig, track = arrived()
    rig.plc.lane_state("L02", "FULL", 1000.0)
    rig.dest(track, 1, ["L02"], if_none="D")
    rig.to(6000.0)
    assert rig.lanes() == ["EX"]
    assert rig.bodies("RCIR") == []
    rig, track = arrived()
    rig.dest(track, 1, ["L03"], if_none="D")  # behind the default lane's gate
    rig.to(7000.0)
    rig.plc.lane_state("L03", "FULL", 7000.0)
    rig.to(9000.0)
    assert rig.bodies("RCIR") == [f"{track:06d}0001{pad('L03')}FU00"]
    rig.plc.lane_state("L03", "FREE", 9500.0)
    rig.edge("DEC", 13_000.0)
    rig.to(18_000.0)
    assert rig.lanes() == ["EX"]
    rig.plc.lane_eye("EX", 18_050.0)
    rig.to(18_050.0)
    assert rig.bodies("DIVC") == [f"{track:06d}0001{pad('L03')}{pad('EX')}FUE01"]


def test_flag_n_with_k_and_the_default_lane_alone_means_stay_on_this_lap() -> None:
    rig, track = arrived()
    assert rig.dest(track, 1, ["L03"]) == "A"
    assert rig.dest(track, 2, ["EX"], flags="N", if_none="K") == "A"
    rig.to(9500.0)
    assert rig.lanes() == []
    assert rig.bodies("RCIR") == [f"{track:06d}0002{pad('EX')}IN00"]
    assert not rig.plc.stop_wanted


def test_asked_to_stay_on_behind_the_default_lane_it_still_does_while_a_gate_is_ahead() -> None:
    rig, track = arrived()
    rig.dest(track, 1, ["L03"])
    rig.to(6500.0)
    assert rig.dest(track, 2, ["EX"], flags="N", if_none="K") == "A"
    assert [body[6:10] for body in rig.bodies("RCIR")] == ["0002"]
    rig.to(9100.0)
    assert rig.lanes() == []
    assert rig.dest(track, 3, ["EX"], flags="N", if_none="K") == "LATE"


def test_flag_n_forbids_the_default_lane_also_in_the_list() -> None:
    rig, track = arrived()
    rig.plc.lane_state("L01", "FULL", 1000.0)
    rig.dest(track, 1, ["L01", "EX"], flags="N", if_none="L")
    rig.to(9500.0)
    assert rig.lanes() == []
    assert rig.bodies("RCIR") == [f"{track:06d}0001{pad('L01')}FU00"]
    rig, track = arrived()
    rig.dest(track, 1, ["EX"], if_none="L")
    rig.to(6000.0)
    assert rig.lanes() == ["EX"]


def test_late_for_d_and_k_when_its_gates_are_behind_and_l_waits_for_the_next_lap() -> None:
    rig, track = arrived()
    rig.plc.lane_state("EX", "FULL", 1000.0)
    rig.to(3500.0)
    assert rig.dest(track, 1, ["L01"], if_none="D") == "LATE"
    assert rig.dest(track, 1, ["L01"], flags="N", if_none="K") == "LATE"
    assert rig.dest(track, 1, ["L01"], if_none="L") == "A"
    assert rig.bodies("RCIR") == [f"{track:06d}0001{pad('L01')}LA00"]
    rig.edge("DEC", 13_000.0)
    rig.to(15_000.0)
    assert rig.lanes() == ["L01"]
    assert rig.dest(track, 2, ["L02"], if_none="L") == "LATE"  # the gate was commanded
    rig.plc.lane_eye("L01", 15_050.0)
    rig.to(15_050.0)
    assert rig.bodies("DIVC") == [f"{track:06d}0001{pad('L01')}{pad('L01')}OKE01"]


def test_without_a_decision_it_goes_into_the_default_lane_or_stays_on_without_rcir() -> None:
    rig, track = arrived()
    rig.plc.lane_state("EX", "FULL", 1000.0)
    rig.edge("DEC", 13_000.0)
    assert rig.bodies("RCIR") == []
    rig.plc.lane_state("EX", "HALF", 13_500.0)
    rig.to(18_000.0)
    assert rig.lanes() == ["EX"]
    rig.plc.lane_eye("EX", 18_050.0)
    rig.to(18_050.0)
    assert rig.bodies("DIVC") == [f"{track:06d}0000{pad('')}{pad('EX')}NAE01"]


def test_nobody_is_put_into_the_default_lane_before_the_controller_was_asked() -> None:
    behind = {"IND": 5000, "DEC": 1000}
    rig = Rig(Geometry(behind, ["IND"], ["DEC"], LANES, "EX", 1000, 12_000, kind="loop", carriers=12))
    rig.edge("IND", 0.0)
    rig.to(7999.0)
    assert rig.lanes() == []
    rig.edge("DEC", 8000.0)
    rig.to(13_000.0)
    assert rig.lanes() == ["EX"]


def test_a_destination_may_come_right_after_the_induction() -> None:
    rig = Rig()
    track = rig.edge("IND", 0.0)
    assert rig.dest(track, 1, ["L03"], if_none="D") == "A"
    rig.edge("DEC", 1000.0)
    rig.to(9000.0)
    assert rig.lanes() == ["L03"]


def test_two_gates_at_one_place_are_two_lanes() -> None:
    both = Geometry(POINTS, ["IND"], ["DEC"], LANES | {"R01": 3000}, "EX", 1000, 12_000, kind="loop", carriers=12)
    rig = Rig(both)
    track = rig.edge("IND", 0.0)
    rig.edge("DEC", 1000.0)
    rig.plc.lane_state("R01", "FULL", 1000.0)
    rig.dest(track, 1, ["R01", "L01"])
    rig.to(3000.0)
    assert rig.lanes() == ["L01"]


# Who is where


def test_a_missed_gate_is_known_after_the_time_of_flight_and_the_item_goes_on() -> None:
    rig, track = arrived()
    rig.dest(track, 1, ["L01"])
    rig.to(3749.0)
    assert rig.lanes() == ["L01"]
    assert rig.bodies("RCIR") == []
    rig.to(3751.0)  # a flight of 300 ms, the same again, and the 150 mm that it may be behind
    assert rig.bodies("RCIR") == [f"{track:06d}0001{pad('L01')}MI00"]
    assert rig.said[-1].body[-5:] == "00751"  # since it passed its gate
    assert rig.edge("EYE", 7000.0) == track
    assert rig.edge("DEC", 13_000.0) == track
    rig.to(15_000.0)
    assert rig.lanes() == ["L01", "L01"]
    rig.plc.lane_eye("L01", 15_050.0)
    rig.to(15_050.0)
    assert rig.bodies("DIVC")[0][-5:] == "OKE01"
    assert rig.bodies("LOST") == []


def test_the_drop_of_the_next_one_is_not_taken_for_the_one_that_its_gate_missed() -> None:
    rig, first = arrived()
    rig.dest(first, 1, ["L01"])
    second = rig.edge("IND", 1000.0, carrier=6)
    rig.edge("DEC", 2000.0, carrier=6)
    rig.dest(second, 1, ["L01"])
    rig.to(4300.0)
    rig.plc.lane_eye("L01", 4300.0)
    rig.to(4300.0 + LAP)
    assert [body[:6] for body in rig.bodies("DIVC")] == [f"{second:06d}"]
    assert [body[:6] + body[-4:] for body in rig.bodies("RCIR")] == [f"{first:06d}MI00"]
    assert [body[:6] for body in rig.bodies("LOST")] == [f"{first:06d}"]  # no eye of this test saw it again


def test_two_in_flight_into_one_lane_are_told_by_their_times_of_flight() -> None:
    plain = Geometry(POINTS, ["IND"], ["DEC"], LANES, "EX", 1000, 12_000, kind="loop")
    rig = Rig(plain)
    tracks = [rig.edge("IND", at, carrier=0) for at in (0.0, 200.0, 400.0)]
    for track, at in zip(tracks, (1000.0, 1200.0, 1400.0), strict=True):
        assert rig.edge("DEC", at, carrier=0) == track
        rig.dest(track, 1, ["L01"])
    rig.to(3500.0)
    rig.plc.lane_eye("L01", 3500.0)  # the first one was missed
    rig.to(3710.0)
    rig.plc.lane_eye("L01", 3710.0)
    rig.to(4500.0)
    assert [int(body[:6]) for body in rig.bodies("DIVC")] == tracks[1:]
    assert [int(body[:6]) for body in rig.bodies("RCIR")] == tracks[:1]


def test_a_drop_that_nobody_is_awaited_for_is_of_nobody() -> None:
    rig, track = arrived()
    rig.dest(track, 1, ["L02"])
    rig.plc.lane_eye("L01", 3000.0)
    rig.plc.lane_eye("L01", 3300.0)
    rig.to(3500.0)
    assert rig.bodies("DIVC") == []
    assert rig.plc.counts["eye_without_item"] == 2


def test_who_was_seen_again_after_it_was_missed_is_not_taken_for_a_drop_either() -> None:
    rig, track = arrived()
    rig.plc.lane_state("EX", "FULL", 1000.0)
    rig.dest(track, 1, ["L01"])
    rig.edge("EYE", 7000.0)
    rig.to(9300.0)
    rig.plc.lane_eye("L03", 9300.0)
    assert rig.plc.counts["eye_without_item"] == 1
    assert [*rig.plc.tracking.items] == [track]


def test_who_was_missed_right_before_the_decision_point_and_not_seen_there_is_lost_and_not_told_to_go_round() -> None:
    rig = Rig(Geometry(POINTS, ["IND"], ["DEC"], {"EX": 900}, "EX", 1000, 12_000, kind="loop", carriers=12))
    track = rig.edge("IND", 0.0)
    rig.edge("DEC", 1000.0)
    rig.dest(track, 1, ["EX"])
    rig.to(13_649.0)
    assert rig.lanes() == ["EX"]
    assert rig.bodies("LOST") == []
    rig.to(13_651.0)
    assert [body[:6] for body in rig.bodies("LOST")] == [f"{track:06d}"]
    assert rig.bodies("RCIR") == []


def test_who_was_not_seen_in_its_lane_is_lost_if_another_was_put_on_its_carrier() -> None:
    rig = Rig(Geometry(POINTS, ["IND"], ["DEC"], LANES | {"L04": 11_900}, "EX", 1000, 12_000, kind="loop", carriers=12))
    track = rig.edge("IND", 0.0)
    rig.edge("DEC", 1000.0)
    rig.dest(track, 1, ["L04"])
    other = rig.edge("IND", 12_000.0)
    assert rig.bodies("LOST") == []
    rig.to(12_700.0)
    assert [body[:6] for body in rig.bodies("LOST")] == [f"{track:06d}"]
    assert rig.edge("DEC", 13_000.0) == other


def test_a_gate_does_not_fire_any_more_for_whom_another_was_put_on_its_carrier() -> None:
    lanes = {"L05": 20, "EX": 500}
    rig = Rig(Geometry(POINTS, ["IND"], ["DEC"], lanes, "EX", 1000, 12_000, kind="loop", carriers=12))
    track = rig.edge("IND", 0.0)
    rig.edge("DEC", 1000.0)
    rig.dest(track, 1, ["L05"])
    rig.edge("IND", 12_000.0)  # the gate was to fire at 12,020
    assert [body[:6] for body in rig.bodies("LOST")] == [f"{track:06d}"]
    rig.to(12_400.0)
    assert rig.lanes() == []


def test_a_missed_gate_found_only_at_the_decision_point_belongs_to_the_lap_before() -> None:
    rig = Rig(Geometry(POINTS, ["IND"], ["DEC"], LANES | {"L04": 500}, "EX", 1000, 12_000, kind="loop", carriers=12))
    track = rig.edge("IND", 0.0)
    rig.edge("DEC", 1000.0)
    rig.dest(track, 1, ["L04"], if_none="K")
    assert rig.edge("DEC", 13_000.0) == track
    assert rig.bodies("RCIR") == [f"{track:06d}0001{pad('L04')}MI00"]
    assert arrvs(rig)[-1][3] == 1
    rig.to(13_500.0)
    assert len(rig.bodies("RCIR")) == 1


@pytest.mark.parametrize(("if_none", "lanes"), [("L", ["L01", "L01"]), ("K", ["L01", "EX"]), ("D", ["L01", "EX"])])
def test_after_a_missed_gate_the_decision_is_kept_or_spent(if_none: str, lanes: list[str]) -> None:
    rig, track = arrived()
    rig.plc.lane_state("EX", "FULL", 1000.0)
    rig.dest(track, 1, ["L01"], if_none=if_none)
    rig.to(6500.0)
    rig.plc.lane_state("EX", "FREE", 6500.0)
    rig.edge("DEC", 13_000.0)
    rig.to(18_000.0)
    assert rig.lanes() == lanes


def test_a_missed_gate_leaves_the_other_lanes_of_the_lap() -> None:
    rig, track = arrived()
    rig.dest(track, 1, ["L01", "L03"])
    rig.edge("EYE", 7000.0)
    rig.to(9000.0)
    assert rig.lanes() == ["L01", "L03"]
    rig.plc.lane_eye("L03", 9050.0)
    rig.to(9050.0)
    assert rig.bodies("DIVC") == [f"{track:06d}0001{pad('L01')}{pad('L03')}MIE00"]
    assert rig.bodies("RCIR") == []


def test_a_carrier_that_comes_empty_to_a_decision_point_means_lost() -> None:
    rig, track = arrived()
    rig.plc.lane_state("EX", "FULL", 1000.0)
    other = rig.edge("IND", 10_000.0, carrier=2)
    rig.edge("DEC", 11_000.0, carrier=2)
    rig.to(13_149.0)
    assert rig.bodies("LOST") == []
    rig.to(13_151.0)
    assert rig.bodies("LOST") == [f"{track:06d}{pad('DEC')}{other:06d}{other:06d}"]
    assert [*rig.plc.tracking.items] == [other]


def test_a_commanded_item_that_neither_lane_nor_next_eye_saw_is_lost() -> None:
    rig, track = arrived()
    rig.dest(track, 1, ["L01"])
    rig.to(13_149.0)
    assert rig.bodies("LOST") == []
    rig.to(13_151.0)
    assert [body[:6] for body in rig.bodies("LOST")] == [f"{track:06d}"]


def test_the_carrier_says_whose_edge_it_is() -> None:
    rig = Rig()
    first = rig.edge("IND", 0.0, carrier=5)
    second = rig.edge("IND", 100.0, carrier=6)
    assert rig.edge("DEC", 1090.0, carrier=6) == second
    assert rig.edge("DEC", 1095.0, carrier=5) == first
    assert [one.body[52] for one in rig.said if one.kind == "ARRV"] == ["S", "S"]


def test_an_item_on_a_free_carrier_is_a_ghost_with_its_carrier_and_can_be_sorted() -> None:
    rig = Rig()
    ghost = rig.edge("EYE", 1000.0, carrier=9)
    assert rig.bodies("GHST") == [f"{pad('EYE')}{ghost:06d}{0:06d}{0:06d}000009"]
    assert rig.edge("DEC", 7000.0, carrier=9) == ghost
    assert arrvs(rig) == [(ghost, 7950, 9, 0)]
    assert rig.dest(ghost, 1, ["L01"]) == "A"
    rig.to(9000.0)
    assert rig.lanes() == ["L01"]


def test_a_carrier_inducted_onto_again_has_lost_its_item() -> None:
    rig, track = arrived()
    rig.plc.lane_state("EX", "FULL", 1000.0)
    new = rig.edge("IND", 12_000.0)
    assert [body[:6] for body in rig.bodies("LOST")] == [f"{track:06d}"]
    assert rig.edge("DEC", 13_000.0) == new


@pytest.mark.parametrize(("point", "told"), [("IND", "INDU"), ("DEC", "GHST")])
def test_an_eye_that_bounces_gives_a_second_track_that_is_lost_and_the_first_goes_on(point: str, told: str) -> None:
    rig = Rig()
    rig.plc.lane_state("EX", "FULL", 0.0)
    track = rig.edge("IND", 0.0)
    if point == "DEC":
        rig.edge("DEC", 1000.0)
    second = rig.edge(point, rig.now + 20)
    assert second != track
    assert rig.bodies(told)[-1][12:18] == f"{second:06d}"
    if point == "IND":
        assert rig.edge("DEC", 1000.0) == track
    assert rig.edge("DEC", 13_000.0) == track
    rig.to(13_400.0)
    assert [body[:6] for body in rig.bodies("LOST")] == [f"{second:06d}"]


def test_after_a_new_epoch_the_items_are_found_on_their_carriers_as_ghosts() -> None:
    rig, _ = arrived()
    rig.plc.power_cycle(2000.0, retentive=False)
    rig.hub.start(2000.0)
    ghost = rig.edge("EYE", 7000.0)
    assert rig.edge("DEC", 13_000.0) == ghost
    assert arrvs(rig)[-1][3] == 0


def test_a_loop_without_carriers_goes_by_position() -> None:
    rig = Rig(Geometry(POINTS, ["IND"], ["DEC"], LANES, "EX", 1000, 12_000, kind="loop"))
    rig.plc.lane_state("EX", "FULL", 0.0)
    track = rig.edge("IND", 0.0, carrier=0)
    assert rig.edge("DEC", 1100.0, carrier=0) == track
    assert rig.edge("DEC", 13_010.0, carrier=0) == track
    assert rig.edge("DEC", 25_200.0, carrier=0) != track
    assert arrvs(rig)[1] == (track, 7950, 0, 1)


def test_neighbours_and_gap_go_round_the_loop() -> None:
    rig = Rig()
    rig.plc.lane_state("EX", "FULL", 0.0)
    first = rig.edge("IND", 0.0, carrier=1)
    rig.edge("DEC", 1000.0, carrier=1)
    second = rig.edge("IND", 10_000.0, carrier=3)
    rig.edge("DEC", 11_000.0, carrier=3)
    rig.edge("DEC", 13_000.0, carrier=1)
    gaps = [int(one.body[39:44]) for one in rig.said if one.kind == "ARRV"]
    assert gaps == [0, 9600, 1600]  # the second has the first 10,000 mm ahead, and is 2000 mm ahead of it
    ghost = rig.edge("EYE", 13_500.0, carrier=8)
    assert rig.bodies("GHST")[0][18:30] == f"{first:06d}{second:06d}"
    assert ghost not in (first, second)


def test_a_standing_loop_decides_and_loses_nothing() -> None:
    rig, track = arrived()
    rig.dest(track, 1, ["L01"])
    rig.plc.belt_speed(0, 2000.0)
    rig.to(40_000.0)
    assert rig.lanes() == []
    rig.plc.belt_speed(500, 40_000.0)
    rig.to(43_000.0)
    assert rig.lanes() == ["L01"]
    assert rig.fired[0].at == pytest.approx(42_000.0)


def test_items_of_a_loop_are_named_with_their_lap_in_a_synchronisation() -> None:
    rig, track = arrived()
    rig.plc.lane_state("L01", "FULL", 1000.0)
    rig.dest(track, 3, ["L01"])
    rig.edge("DEC", 13_000.0)
    rig.to(13_100.0)
    (trak,) = [one for one in rig.hub.start(13_200.0) if one.kind == "TRAK"]
    # nothing that it obeys is open: as things stand it stays on
    assert trak.body == f"01{track:06d}{pad('DEC')}{pad('')}0003S0100200"


def test_numbers_wrap_in_a_session_with_items_on_the_loop() -> None:
    rig = Rig(next_sequence=9990, next_evt=999_995, next_track=999_998, epoch=0xFFFF)
    rig.plc.lane_state("EX", "FULL", 0.0)
    tracks = []
    for number in range(4):
        tracks.append(rig.edge("IND", number * 1000.0, carrier=number + 1))
        rig.edge("DEC", number * 1000.0 + 1000, carrier=number + 1)
    assert tracks == [999_998, 999_999, 1, 2]
    assert [int(one.body[18:24]) for one in rig.said if one.kind == "ARRV"] == tracks
    events = [one.evt for one in rig.said if one.kind in ("STAT", "INDU", "ARRV")]
    assert events == [999_995, 999_996, 999_997, 999_998, 999_999, 1, 2, 3, 4]
    sequences = [one.sequence for one in rig.said]
    assert sequences == [(9992 + count) % 9999 + 1 for count in range(len(sequences))]
    assert sequences[-1] < sequences[0]
    assert [rig.dest(track, 1, ["L03"]) for track in tracks] == ["A"] * 4

    said = rig.hub.start(4010.0, 0xFFFF, 999_999)
    assert [one.evt for one in said if one.kind in ("STAT", "INDU", "ARRV")] == [1, 2, 3, 4, 5]
    assert [one.body[:2] for one in said if one.kind == "TRAK"] == ["04"]
    assert rig.hub.ask("LIFE", "000003", 4020.0).flag == "A"
    said = rig.hub.start(4030.0, 0xFFFF, 999_999)  # an older durable number brings nothing back
    assert [one.evt for one in said if one.kind in ("STAT", "INDU", "ARRV")] == [4, 5]
    assert rig.hub.start(4040.0, 0xFFFF, 6)[0].epoch == 1  # ahead of the last: it cannot be ours


# A whole loop


@dataclass(eq=False)
class Thing:
    """Something that really lies on a carrier."""

    track: int
    lane: str | None = None


@dataclass
class RealLoop:
    """Carriers with things on them, seen by eyes that fail at times; gates that fail at times."""

    rig: Rig
    dice: random.Random
    things: dict[int, Thing] = field(default_factory=dict)  # by carrier
    dropped: list[tuple[float, Thing, str]] = field(default_factory=list)
    known: set[int] = field(default_factory=set)

    def run(self, until: int, inducting: bool, faults: bool) -> None:
        step = 50
        for at in range(int(self.rig.now) + step, until + 1, step):
            self.rig.to(float(at))
            self.gates(at, faults)
            for point, mm in POINTS.items():
                if (at - mm) % 1000 == 0:
                    carrier = (at - mm) // 1000 % 12 + 1
                    self.pass_eye(point, carrier, at, inducting, faults)
            if faults and self.dice.random() < 0.003:
                lane = self.dice.choice([*LANES])
                self.rig.plc.lane_state(lane, self.dice.choice(["FULL", "FREE", "LOCK"]), self.rig.now)
            if faults and self.things and self.dice.random() < 0.002:
                del self.things[self.dice.choice([*self.things])]  # taken away by hand

    def pass_eye(self, point: str, carrier: int, at: int, inducting: bool, faults: bool) -> None:
        thing = self.things.get(carrier)
        if point == "IND":
            if thing is None and inducting and self.dice.random() < 0.7:
                self.things[carrier] = Thing(self.rig.plc.edge(point, 300, float(at), carrier))
                self.known.add(self.things[carrier].track)
            return
        if thing is None or (faults and self.dice.random() < 0.01):
            return
        thing.track = self.rig.plc.edge(point, 300, float(at), carrier)
        self.known.add(thing.track)
        if point == "DEC" and self.dice.random() < 0.9:
            lanes = self.dice.sample([*LANES], self.dice.randint(1, 3))
            flags, if_none = self.dice.choice([("-", "D"), ("-", "L"), ("-", "K"), ("N", "L"), ("N", "K")])
            held = self.rig.plc.tracking.items[thing.track].held
            self.rig.hear()
            self.rig.dest(thing.track, held.decision + 1 if held else 1, lanes, flags, if_none)

    def gates(self, at: int, faults: bool) -> None:
        waiting, self.rig.fired = self.rig.fired, []
        for command in waiting:
            if command.at > at:
                self.rig.fired.append(command)
                continue
            carrier = round((command.at - LANES[command.lane]) / 1000) % 12 + 1
            if carrier in self.things and not (faults and self.dice.random() < 0.05):
                self.dropped.append((at + 300, self.things.pop(carrier), command.lane))
        for due in [one for one in self.dropped if one[0] <= at]:
            self.dropped.remove(due)
            if not (faults and self.dice.random() < 0.02):
                self.rig.plc.lane_eye(due[2], float(at))


@pytest.mark.parametrize("seed", range(5))
def test_on_a_loop_with_faults_every_track_ends_once_and_nothing_is_told_twice(seed: int) -> None:
    rig = Rig(epoch=9, next_evt=999_900, next_track=999_970, next_sequence=9900)
    real = RealLoop(rig, random.Random(seed))
    real.run(240_000, inducting=True, faults=True)
    for lane in LANES:
        rig.plc.lane_state(lane, "FREE", rig.now)
    real.run(340_000, inducting=False, faults=False)
    assert not real.things
    assert not rig.plc.tracking.items
    ended = [one.body[6:12] for one in rig.said if one.kind in ("DIVC", "LOST")]
    assert len(real.known) > 30
    assert sorted(ended) == sorted(f"{track:06d}" for track in real.known)
    events = [one.evt for one in rig.said if one.kind not in ("LIFE", "SPED", "SYBE", "SYEN")]
    assert events == [(999_899 + count) % 999_999 + 1 for count in range(len(events))]
    rounds = [(body[:10], body[-2:]) for body in rig.bodies("RCIR")]
    assert len(rounds) > 10
    assert len(set(rounds)) == len(rounds)
    judged = {(dest.track, dest.decision): dest for dest in rig.plc.taken() if dest.refusal is None}
    for body in rig.bodies("DIVC"):
        dest = judged.get((int(body[:6]), int(body[6:10])))
        actual, result = body[22:34].rstrip("."), body[34:36]
        assert dest is None or not (dest.no_default and actual == "EX")
        assert (result == "OK") == (dest is not None and actual == dest.lanes[0])
        assert dest or result in ("NA", "LA", "MI")
