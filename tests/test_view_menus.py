"""The menus of faults, the other panes, and the board that holds all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from controller.view import help, ink, notes
from controller.view.board import KEYS, Board
from controller.view.facts import Kind, Moment, Plant
from controller.view.menus import ALL, SHORTCUTS, EndMenu, StrikeMenu
from tests.view_fake import KINDS, loop, plant, standing, state

FLOOR = Plant.model_validate(plant())
KNOWN = [Kind.model_validate(one) for one in KINDS]


@dataclass
class Node:
    """A floord as the board sees it."""

    status: dict[str, Any] | None = None
    why: str = "no floord answers at state"
    events: Sequence[tuple[str, str]] = ()
    where: Path = field(default_factory=Path)


WELL: dict[str, Any] = {
    "node": "demo",
    "broker": {"online": True},
    "customs": {"expected": True, "fresh": True},
    "links": {"plc-1": {"up": True}},
    "lines": {"S1": {"synchronised": True, "state": "RUN"}},
    "late": 3,
    "alarms": {},
}


def menu(fault: str | None = None) -> StrikeMenu:
    return StrikeMenu(KNOWN, FLOOR, fault)


def press(menu: StrikeMenu, *keys: str) -> dict[str, Any] | None:
    answers = [menu.key(key) for key in keys]
    return answers[-1]


def texts(rows: list[ink.Row]) -> list[str]:
    return [ink.text(row) for row in rows]


def board(now: dict[str, Any] | None = None, *nodes: Node) -> Board:
    found = Board(daemons=list(nodes))
    found.built(plant(), {})
    found.heard({"state": now or state(plant())})
    return found


def test_a_fault_is_chosen_then_its_target_then_it_strikes() -> None:
    assert press(menu(), "enter", "enter") == {"fault": "jam", "target": "S1", "for_s": 20.0}
    assert press(menu(), "down", "right", "down", "enter") == {"fault": "estop", "target": "S2", "for_s": 20.0}


def test_a_point_without_an_eye_is_not_offered() -> None:
    found = " ".join(texts(menu("eye_stuck").rows(76, 20)))
    assert "S1-IND" in found
    assert "S2-DEC" in found
    assert "T1" not in found


def test_a_shortcut_asks_only_for_the_target() -> None:
    assert press(menu("eye_stuck"), "down", "enter") == {"fault": "eye_stuck", "target": "S1-DEC", "for_s": 60.0}
    assert {fault for fault, _ in SHORTCUTS.values()} <= {kind.name for kind in KNOWN}


@pytest.mark.parametrize(
    ("fault", "first"),
    [("jam", "S1"), ("lane_full", "S1-L01"), ("eye_stuck", "S1-IND"), ("no_read", "tunnel-1"), ("unplug", "plc-1")],
)
def test_targets_are_what_the_kind_can_strike(fault: str, first: str) -> None:
    asked = press(menu(fault), "enter")
    assert asked is not None
    assert asked["target"] == first


def test_it_lasts_as_long_as_is_chosen() -> None:
    assert press(menu("jam"), "+", "+", "enter") == {"fault": "jam", "target": "S1", "for_s": 60}
    assert press(menu("jam"), *"-" * 20, "enter") == {"fault": "jam", "target": "S1", "for_s": 1}
    assert press(menu("wrong_read"), "+", "enter") == {"fault": "wrong_read", "target": "tunnel-1", "count": 5}


def test_what_is_typed_narrows_the_targets() -> None:
    found = StrikeMenu(KNOWN, Plant.model_validate(loop()), "lane_full")
    asked = press(found, *"117", "enter")
    assert asked is not None
    assert asked["target"] == "L1-C117"
    assert press(found, *"zz", "enter") is None
    asked = press(found, "backspace", "backspace", "enter")
    assert asked is not None
    assert asked["target"] == "L1-C117"


def test_the_menu_says_what_it_does_what_floord_shows_and_that_it_ends_by_itself() -> None:
    rows = texts(press_and_draw(menu("jam"), "down"))
    told = " ".join(" ".join(rows).split())
    assert "what a line jams" in told
    assert "floord line/jammed, line/started" in told
    assert "jam S2, ends by itself after 20 s" in told
    assert "> S2" in told
    assert all(len(row) <= 76 for row in rows)


def press_and_draw(menu: StrikeMenu, *keys: str) -> list[ink.Row]:
    press(menu, *keys)
    return menu.rows(76, 20)


def test_a_menu_without_targets_strikes_nothing() -> None:
    assert press(StrikeMenu(KNOWN, Plant(), "jam"), "enter") is None
    assert "no target" in " ".join(texts(StrikeMenu(KNOWN, Plant(), "jam").rows(76, 20)))


def test_one_fault_or_all_can_be_ended() -> None:
    now = Moment.model_validate(state(plant(), faults=[standing("4", "jam", "S1"), standing("9", "loss", "plc-1")]))
    assert EndMenu(now).key("enter") == "4"
    found = EndMenu(now)
    found.key("down")
    assert found.key("enter") == "9"
    found = EndMenu(now)
    found.key("up")
    assert found.key("enter") == ALL
    assert "No fault stands" in texts(EndMenu(Moment()).rows(70, 10))[0]
    assert EndMenu(Moment()).key("enter") is None


def test_help_names_every_key_and_fits() -> None:
    rows = texts(help.rows())
    assert max(map(len, rows)) <= 76
    assert len(rows) <= 20
    assert "  q                  leave (the floor goes on)" in rows
    for key in SHORTCUTS:
        assert f"  {key}  " in f" {rows[6]} "


def test_help_says_that_who_leaves_a_demo_ends_it() -> None:
    rows = texts(help.Page(of_demo=True).rows(76, 20))
    assert "  q                  leave (no more parcels come, the verdict follows)" in rows
    assert not any("goes on)" in row for row in rows)
    assert rows[-1].endswith("Esc leaves.")


def test_the_keys_fit_into_eighty_columns() -> None:
    assert len(KEYS) <= 80


def test_machines_in_trouble_stand_first_with_sign_word_and_reason() -> None:
    now = state(plant())
    now["stubs"]["tunnel-2"] = {"light": "fault", "why": "no_read stands on it", "said": 3, "heard": 0}
    now["stubs"]["plc-2"] = {"light": "off", "why": "nobody is connected"}
    rows = texts(notes.machines(FLOOR, Moment.model_validate(now), 120))
    assert rows[0].startswith(" x off   plc-2")
    assert rows[1].startswith(" ! fault tunnel-2 S2-T1")
    assert rows[1].endswith("no_read stands on it")
    assert rows[2].startswith(" + ok ")
    assert ink.text(notes.lights(FLOOR, Moment.model_validate(now))) == "x 1 off (plc-2)  ! 1 fault (tunnel-2)  + 2 ok"


def test_the_head_shows_figures_what_stands_and_how_floord_does() -> None:
    now = state(plant(), faults=[standing("1", "estop", "S2")])
    now["lines"]["S2"] |= {"state": "estop", "speed_mm_s": 0}
    rows = texts(board(now, Node(WELL, "")).head(80))
    assert rows[0].startswith(" two lines  17:00:00 UTC")
    assert rows[1] == " 4,980 parcels/h  3 late  412 inducted  391 in lanes  17 on belts  4 waiting"
    assert rows[2] == " ■ S2 EMERGENCY STOP  + 4 ok  ! 1 simulated  + floord demo"
    assert "TIME STANDS" in texts(board(state(plant(), paused=True)).head(80))[0]


def test_the_panes_stay_on_the_screen_beside_a_long_title() -> None:
    found = board(state(plant(), paused=True))
    found.plant = found.plant.model_copy(update={"title": "sorter-1, sorter-2, sorter-3, cargo"})
    row = texts(found.head(80))[0]
    assert row.startswith(" sorter-1, …  17:00:00 UTC")
    assert row.endswith("TIME STANDS   1 floor  2 wire  3 machines  4 alarms")


def test_several_floords_are_counted() -> None:
    row = texts(board(None, Node(), Node(WELL, ""), Node()).head(80))[2]
    assert row.endswith("? 2 of 3 floords do not answer  + floord demo")


def test_floord_may_be_missing_unwell_or_alarmed() -> None:
    away = {**WELL, "broker": {"online": False}}
    alarmed = {**WELL, "alarms": {"disk-space": "the disk has less than 2000 MB free"}}
    for node, word, sentence in (
        (Node(), "? floord does not answer", "no floord answers at state"),
        (Node(away, ""), "! floord demo is not well", "floord demo: the broker is away"),
        (Node(alarmed, ""), "# floord demo: 1 alarm", "disk-space: the disk has less than 2000 MB free"),
    ):
        found = board(None, node)
        assert word in texts(found.head(80))[2]
        assert sentence in "\n".join(texts(found.floor(80, 20, True)))
        assert sentence in "\n".join(texts(found.messages(80, 20)))


def test_trouble_below_the_floor_is_short_and_says_what_it_leaves_out() -> None:
    now = state(plant(), faults=[standing(str(at), "loss", "plc-1") for at in range(9)])
    assert texts(board(now).floor(80, 20, True))[-1] == " and 6 more: pane 4"
    assert len(texts(board(now).messages(80, 5))) == 5


def test_events_of_floord_are_shown_the_newest_first() -> None:
    node = Node(WELL, "", [("line/estop", "10:00 line/estop S2"), ("alarm/raised", "10:01 alarm/raised x")])
    rows = texts(board(None, node).messages(80, 20))
    assert rows[-2:] == [" 10:01 alarm/raised x", " 10:00 line/estop S2"]


def test_a_floor_that_went_away_stays_and_says_that_it_is_old() -> None:
    found = board()
    found.why = "floorsim has ended"
    assert texts(found.head(80))[2] == " ? floorsim has ended; this picture is old"
    assert texts(found.floor(80, 20, True))[0].startswith(" S1")
    assert "looking for floorsim" in texts(Board().floor(80, 20, True))[1]


def test_the_wire_has_the_time_of_day_also_after_time_stood() -> None:
    found = board(state(plant(), stood_ms=5000))
    found.heard({"wire": {"t": 505_000, "stub": "plc-1", "from": "host", "hex": "00"}})
    assert texts(found.wire(160, 10))[1].startswith(" 17:00:00.000")


def test_what_is_missed_is_counted_and_strange_lines_are_refused() -> None:
    found = board()
    found.heard({"missed": 4})
    assert found.log.missed == 4
    with pytest.raises(ValueError):
        found.heard({"state": {"lines": 3}})


def test_panes_scroll_to_their_ends_and_back() -> None:
    found = Board()
    found.built(plant(20), {})
    found.heard({"state": state(plant(20))})
    found.front = "machines"
    first = texts(found.machines(80, 10))
    assert first[-1] == " 31 more below: PgDn"
    for _ in range(9):
        found.scroll(1, 10)
        last = texts(found.machines(80, 10))
    assert last[-1].startswith(" + ok    tunnel-20")
    found.scroll(0, 10)
    assert texts(found.machines(80, 10)) == first
    found.front = "floor"
    found.scroll(1, 20)
    assert "page 2 of" in texts(found.floor(80, 20, True))[-1]
