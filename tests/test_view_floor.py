"""What the view draws of a floor: text rows from the floor and its state."""

from __future__ import annotations

from typing import Any

import pytest

from controller.view import floor_page, ink, lines, loops
from controller.view.causes import ends, stands, why
from controller.view.facts import Moment, Plant, Standing
from controller.view.glyphs import LEGEND
from controller.view.palette import styles, theme_of
from tests.view_fake import loop, plant, standing, state

TWO = plant()
RING = loop()


def drawn(floor: dict[str, Any], now: dict[str, Any], width: int = 80, height: int = 20, **more: Any) -> list[str]:
    rows, _ = floor_page.draw(Plant.model_validate(floor), Moment.model_validate(now), {}, width, height, **more)
    return [ink.text(row) for row in rows]


def with_line(now: dict[str, Any], line: str, **changes: Any) -> dict[str, Any]:
    return {**now, "lines": {**now["lines"], line: {**now["lines"][line], **changes}}}


def with_parcels(*parcels: tuple[int, str | None], line: str = "S1", floor: dict[str, Any] = TWO) -> dict[str, Any]:
    return with_line(state(floor), line, parcels=[[mm, 300, f"P{mm}", lane, 1] for mm, lane in parcels])


def test_a_running_line_shows_speed_parcels_and_what_waits() -> None:
    assert drawn(TWO, with_parcels((6000, "S1-L03")))[0].split() == "S1 ► 2.50 m/s 1 on the belt 2 waiting".split()


@pytest.mark.parametrize(
    ("lane", "letter"), [("S1-L03", "o"), ("S1-BOND", "h"), ("S1-EX", "x"), (None, "?"), ("S1-GONE", "o")]
)
def test_a_parcel_is_a_letter_for_where_it_goes_at_its_place(lane: str | None, letter: str) -> None:
    rows = drawn(TWO, with_parcels((12_000, lane)))
    belt = rows[3]
    assert belt[1 + 39] == letter  # 12 of 24 m, of 78 columns
    assert belt.count(letter) == 1
    assert (lane or "?").removeprefix("S1-") in rows[2]


def test_a_lane_that_leads_to_another_line_has_its_own_letter() -> None:
    floor = plant()
    floor["lines"]["S1"]["lanes"]["S1-L03"]["leads_to"] = "S2"
    rows = drawn(floor, with_parcels((12_000, "S1-L03"), floor=floor))
    assert rows[3][40] == ">"
    assert ">S2" in rows[5]


def test_several_parcels_in_one_place_are_a_capital_of_the_most_serious() -> None:
    assert "H" in drawn(TWO, with_parcels((12_000, "S1-BOND"), (12_010, "S1-BOND"), (12_020, "S1-L03")))[3]
    assert "h" in drawn(TWO, with_parcels((12_000, "S1-BOND"), (12_010, "S1-L03")))[3]


def test_a_long_parcel_is_as_long_as_it_is() -> None:
    now = with_line(state(TWO), "S1", parcels=[[12_000, 1200, "P1", "S1-L03", 1]])
    assert "===o" in drawn(TWO, now)[3]


def test_lanes_show_what_lies_in_them_and_why_they_are_shut() -> None:
    now = state(TWO)
    now["lanes"] |= {"S1-L03": {"state": "FULL", "taken": 40}, "S1-L04": {"state": "LOCK"}, "S1-L05": {"taken": 3}}
    names, fills = drawn(TWO, now)[4:6]
    for lane, fill in (("L03", "FULL"), ("L04", "LOCK")):
        assert abs(names.index(lane) - fills.index(fill)) <= 1
    assert "BOND*" in names
    assert "14/40" in drawn(TWO, state(TWO))[5]


def test_the_star_of_customs_lanes_is_explained_where_one_is_drawn() -> None:
    assert drawn(TWO, state(TWO))[-1].endswith("L locked J jam  * customs lane")
    assert drawn(RING, state(RING))[-1].endswith("L locked J jam")


def test_a_line_that_stands_says_so_in_its_first_row_and_why() -> None:
    now = with_line(state(TWO, faults=[standing("1", "estop", "S2")]), "S2", state="estop", speed_mm_s=0)
    rows = drawn(TWO, now)
    head = next(row for row in rows if row.startswith(" S2"))
    assert head.startswith(" S2 ■ EMERGENCY STOP: estop, ends in 24 s")
    assert [row[-1] for row in rows if row.startswith("├")] == ["►", "■"]


def test_why_a_line_stands_is_the_fault_or_what_floord_says_of_it() -> None:
    floor, now = Plant.model_validate(TWO), Moment.model_validate(with_line(state(TWO), "S2", state="jam"))
    assert stands(floor, now, "S2") == "JAM"
    assert stands(floor, now, "S1") == ""
    assert why(floor, now, "S2", {"disk": "no room"}) == "no fault told"
    assert why(floor, now, "S2", {"element-S2": "line S2: items do not move"}) == "floord: items do not move"
    stuck = Moment.model_validate(state(TWO, faults=[standing("1", "eye_stuck", "S2-DEC")]))
    assert why(floor, stuck, "S2", {}) == "eye_stuck S2-DEC, ends in 24 s"


def test_a_belt_that_does_not_move_stands_unless_time_does() -> None:
    floor, still = Plant.model_validate(TWO), with_line(state(TWO), "S1", speed_mm_s=0)
    assert stands(floor, Moment.model_validate(still), "S1") == "STANDS"
    assert stands(floor, Moment.model_validate({**still, "paused": True}), "S1") == ""
    assert stands(floor, Moment.model_validate({**still, "lines": {}}), "S1") == "NO STATE"


def test_a_slow_belt_says_so() -> None:
    assert "▼ SLOW 1.00 m/s" in drawn(TWO, with_line(state(TWO), "S1", speed_mm_s=1000))[0]


def test_a_fault_at_a_point_lane_or_machine_shows_at_its_line_and_place() -> None:
    for target, mark in (("S1-DEC", "DEC!"), ("tunnel-1", "T1!")):
        rows = drawn(TWO, state(TWO, faults=[standing("1", "eye_stuck", target, 130_000)]))
        assert rows[0].endswith(f"! eye_stuck {target.removeprefix('S1-')} 2:10 min")
        assert mark in rows[1]
    rows = drawn(TWO, state(TWO, faults=[standing("1", "jam", "S1"), standing("2", "lane_full", "S1-L03")]))
    assert rows[0].endswith("! jam S1 24 s and 1 more")


@pytest.mark.parametrize(
    ("left_ms", "left", "words"),
    [
        (24_000.0, None, "ends in 24 s"),
        (130_000.0, None, "ends in 2:10 min"),
        (7_500_000.0, None, "ends in 2:05 h"),
        (86_400_000.0, 3, "strikes 3 times more"),
        (86_400_000.0, 1, "strikes once more"),
        (None, None, "ends by itself"),
    ],
)
def test_when_a_fault_ends(left_ms: float | None, left: int | None, words: str) -> None:
    assert ends(Standing(id="1", fault="jam", left_ms=left_ms, left=left)) == words


@pytest.mark.parametrize(("width", "columns"), [(80, 78), (160, 158)])
def test_a_loop_is_a_ring_of_two_rows_with_every_chute(width: int, columns: int) -> None:
    now = state(RING)
    now["lanes"]["L1-C017"]["state"] = "FULL"
    rows = drawn(RING, now, width)
    assert rows[0].startswith(" L1 ► 2.50 m/s  222 of 666 carriers")
    above, below = rows[3], rows[4]
    assert (above[0], above[-1], below[0], below[-1]) == ("►", "┐", "◄", "┘")
    assert len(above) == len(below) == width
    assert "C017" in rows[1]  # what is shut has its name before all others
    column = 1 + int((20_000 + 3000 * 17) * columns / 200_000)
    assert rows[2][column] == "F"
    assert len(rows[2].replace(" ", "")) + len(rows[5].replace(" ", "")) >= (120 if width == 160 else 100)


def test_a_place_on_a_loop_goes_right_above_and_left_below() -> None:
    track = Plant.model_validate(RING).lines["L1"]
    places = [loops.place(track, mm, 80) for mm in (0, 199_999, 200_000, 399_999, 400_000)]
    assert places == [(0, 0), (0, 79), (1, 79), (1, 0), (0, 0)]


def test_many_lanes_are_letters_each_and_a_shut_one_wins_its_place() -> None:
    floor = plant()
    floor["lines"]["S1"]["lanes"] |= {f"S1-M{at:02}": {"mm": 6000 + 50 * at, "capacity": 10} for at in range(40)}
    now = state(floor)
    now["lanes"]["S1-M07"]["state"] = "JAM"
    assert "J" in drawn(floor, now)[5]


def test_a_close_lane_is_a_letter_for_what_lies_in_it() -> None:
    floor = plant()
    floor["lines"]["S1"]["lanes"] |= {
        f"S1-M{at}": {"mm": 9000 + 400 * at, "capacity": 10 * at or None} for at in range(3)
    }
    now = state(floor)
    places = {"S1-M0": 30, "S1-M1": 31, "S1-M2": 32}
    for lanes, letters in (
        ({}, "···"),
        ({"S1-M0": {"drops": 4}, "S1-M1": {"taken": 3}, "S1-M2": {"taken": 20}}, ":39"),
        ({"S1-M0": {"state": "NCON"}, "S1-M1": {"state": "LOCK"}, "S1-M2": {"state": "ODD"}}, "NL!"),
    ):
        now["lanes"] = lanes
        row = drawn(floor, now)[5]
        assert "".join(row[places[lane]] for lane in places) == letters


def test_lines_become_smaller_and_then_pages() -> None:
    heights = []
    for count in (1, 2, 4, 8, 20):
        floor = plant(count)
        rows, pages = floor_page.draw(Plant.model_validate(floor), Moment.model_validate(state(floor)), {}, 80, 20)
        heights.append((sum(ink.text(row).startswith(" S") for row in rows), pages))
        assert len(rows) == 20
    assert heights == [(1, 1), (2, 1), (4, 1), (8, 1), (9, 3)]
    floor = plant(20)
    assert [row.split()[0] for row in drawn(floor, state(floor), page=2) if row.startswith(" S")] == ["S19", "S20"]


def test_a_size_can_be_chosen() -> None:
    floor = plant(4)
    assert sum(row.startswith(" S") for row in drawn(floor, state(floor), level=lines.FULL)) == 3


@pytest.mark.parametrize("width", [20, 79, 80, 120, 160, 300])
@pytest.mark.parametrize("height", [1, 5, 20, 60])
@pytest.mark.parametrize("floor", [TWO, RING, plant(12)], ids=["two", "loop", "twelve"])
def test_no_row_is_wider_and_no_page_higher_than_the_room(floor: dict[str, Any], width: int, height: int) -> None:
    now = state(floor, faults=[standing("1", "eye_stuck", next(iter(floor["stubs"])))])
    for level in (None, *lines.LEVELS):
        rows = drawn(floor, now, width, height, level=level)
        assert len(rows) <= height
        assert max(map(len, rows)) <= width


def test_points_on_no_line_have_the_worst_light_of_their_machines() -> None:
    floor = plant()
    floor["points"] = {f"DOCK-{at}": {"line": None} for at in range(40)}
    floor["stubs"] = {f"hand-{at}": {"place": f"DOCK-{at}"} for at in range(40)} | {"portal": {"place": "DOCK-7"}}
    now = state(floor)
    now["stubs"]["portal"]["light"] = "off"
    rows = drawn(floor, now, height=30)
    assert rows[-5].startswith(" DOCK-7 x  DOCK-0 +  DOCK-1 +")
    assert rows[-3] == " 40 points in all: pane 3"
    floor["lines"] = {}
    assert "DOCK-39 +" in "\n".join(drawn(floor, now))
    assert drawn({"title": "empty"}, {})[0] == "This floor has neither a line nor a point."


def test_every_ink_has_a_style_with_and_without_colour() -> None:
    for theme in ("dark", "light"):
        assert set(styles(theme)) == set(styles(theme, colour=False)) == set(ink.INKS)
        assert not any("#" in style for style in styles(theme, colour=False).values())


def test_whatever_has_a_colour_of_its_own_differs_without_it() -> None:
    """The letters of parcels differ, and so do the signs of lights: colour only repeats them."""
    assert {"o", "h", "x", ">", "?"} <= set(LEGEND)
    rows = drawn(TWO, with_parcels(*((2000 * at, lane) for at, lane in enumerate(("S1-L06", "S1-BOND", "S1-EX"), 1))))
    assert {"o", "h", "x"} <= set(rows[3])


@pytest.mark.parametrize(
    ("said", "theme"),
    [(None, "dark"), ("15;0", "dark"), ("0;15", "light"), ("0;default;15", "light"), ("0;7", "light")],
)
def test_the_terminal_says_whether_it_is_light(said: str | None, theme: str) -> None:
    assert theme_of(said) == theme


def test_names_of_near_points_stand_beside_their_places() -> None:
    assert drawn(TWO, state(TWO))[1].split() == ["IND", "T1", "DEC"]


def test_text_of_machines_is_shown_as_text() -> None:
    assert ink.safe("a\x1b[31mb\n") == "a\\x1b[31mb\\n"
    assert ink.text(ink.cropped([("abc", ""), ("def", "")], 4)) == "abc…"
