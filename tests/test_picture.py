"""The demo's picture: what it shows, that it fits every terminal, and how it is drawn over itself."""

from __future__ import annotations

import io
import os
import re
import termios
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import demo_floor
from controller.demo import Options
from controller.demo_drawing import GATES, KEYS, LEGEND, POINTS, SIMULATED, State, draw, figures
from controller.demo_ledger import Ledger
from controller.demo_own import OwnFloor
from controller.demo_picture import HIDE_CURSOR, SHOW_CURSOR, Picture, Screen, find_terminal, paint

T0 = 1_000_000.0
CELLS = 74  # of a belt at 80 columns with counts under it


def inducted(ledger: Ledger, parcel: str, at: float, line: str = "S1", track: int = 1) -> None:
    ledger.belt({"what": "inducted", "t": at, "line": line, "parcel": parcel, "epoch": 1, "track": track})


def dest(ledger: Ledger, parcel: str, at: float, *lanes: str, refusal: str | None = None) -> None:
    ledger.belt({"what": "dest", "t": at, "parcel": parcel, "lanes": list(lanes), "refusal": refusal})


def in_lane(ledger: Ledger, parcel: str, at: float, lane: str) -> None:
    ledger.belt({"what": "lane", "t": at, "parcel": parcel, "lane": lane})


def state(ledger: Ledger, lines: int = 1, **changes: Any) -> State:
    values = {"rate": 5.0, "parcels": None, "began": T0, **changes}
    return State(ledger, tuple(demo_floor.line_names(lines)), **values)


def belt(ledger: Ledger, now: float, line: str = "S1", lines: int = 1) -> str:
    rows = draw(state(ledger, lines), now, 80, 23)
    return next(row for row in rows if row.startswith(f"{line} ")).split("|")[1]


def busy(lines: int) -> Ledger:
    """Parcels everywhere: on every line one every 700 ms, some in lanes, lane 3 of each line full."""
    ledger = Ledger()
    for number in range(40 * lines):
        line, parcel, at = f"S{number % lines + 1}", f"P{number:06}", T0 + number // lines * 700
        lane = ("L01", "L03", "BOND", "EX", "L06")[number % 5]
        inducted(ledger, parcel, at, line, number)
        ledger.belt({"what": "arrived", "t": at + 800, "parcel": parcel})
        dest(ledger, parcel, at + 803, f"{line}-{lane}")
        if at + 9000 < T0 + 28_000:
            in_lane(ledger, parcel, at + 9000, f"{line}-{lane}")
    for number in range(lines):
        ledger.belt({"what": "full", "t": T0, "lane": f"S{number + 1}-L03"})
    return ledger


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_a_parcel_lies_where_the_belt_has_carried_it() -> None:
    ledger = Ledger()
    inducted(ledger, "P1", T0)
    for ms in (0, 1000, 4000, 8000):
        assert belt(ledger, T0 + ms).index("?") == int(2500 * ms / 1000 * CELLS / 24_000)


def test_a_parcel_beyond_the_end_is_shown_at_the_end() -> None:
    ledger = Ledger()
    inducted(ledger, "P1", T0)
    assert belt(ledger, T0 + 20_000).index("?") == CELLS - 1


@pytest.mark.parametrize(("lane", "glyph"), [("S1-L02", "o"), ("S1-BOND", "H"), ("S1-EX", "x")])
def test_a_parcel_looks_like_where_it_is_going(lane: str, glyph: str) -> None:
    ledger = Ledger()
    inducted(ledger, "P1", T0)
    assert "?" in belt(ledger, T0 + 900)
    dest(ledger, "P1", T0 + 950, lane, "S1-L03")
    assert glyph in belt(ledger, T0 + 1000)
    assert "?" not in belt(ledger, T0 + 1000)


def test_a_refused_destination_changes_nothing() -> None:
    ledger = Ledger()
    inducted(ledger, "P1", T0)
    dest(ledger, "P1", T0 + 950, "S1-L02")
    dest(ledger, "P1", T0 + 990, "S1-BOND", refusal="LATE")
    assert "o" in belt(ledger, T0 + 1000)


def test_a_drop_is_shown_at_its_gate_for_a_moment() -> None:
    ledger = Ledger()
    inducted(ledger, "P1", T0)
    in_lane(ledger, "P1", T0 + 5000, "S1-L02")
    assert belt(ledger, T0 + 5100).index("v") == int(9000 * CELLS / 24_000)
    assert set(belt(ledger, T0 + 5500)) == {"-"}


def test_of_two_parcels_in_one_place_the_more_serious_is_shown() -> None:
    ledger = Ledger()
    for parcel, lane in (("P1", "S1-BOND"), ("P2", "S1-L01")):
        inducted(ledger, parcel, T0)
        dest(ledger, parcel, T0 + 1, lane)
    assert set(belt(ledger, T0 + 1000)) == {"-", "H"}


def test_lines_have_their_own_parcels() -> None:
    ledger = Ledger()
    inducted(ledger, "P1", T0, "S2")
    assert "?" not in belt(ledger, T0 + 100, "S1", 2)
    assert "?" in belt(ledger, T0 + 100, "S2", 2)


def test_lanes_have_their_counts_and_a_full_one_its_mark() -> None:
    ledger = busy(1)
    rows = draw(state(ledger), T0 + 28_000, 80, 23)
    counts = rows[next(number for number, row in enumerate(rows) if row.startswith("S1 ")) + 1]
    assert counts.split() == ["6", "0", "[6]", "0", "0", "5", "6", "5"]
    assert "full: S1-L03" in "\n".join(rows)


def test_a_full_lane_is_marked_on_a_packed_picture_too() -> None:
    rows = draw(state(busy(16), 16), T0 + 28_000, 80, 23)
    assert all("[L03]" in row for row in rows if row.startswith("S"))


def test_figures_of_the_run() -> None:
    ledger = busy(2)
    ledger.late, ledger.duplicates, ledger.recalled = 3, 4, {"P1", "P2"}
    text = "\n".join(draw(state(ledger, 2, restarts=5, parcels=90), T0 + 28_000, 80, 23))
    assert "2 lines, 5 parcels/s; running" in text
    assert "0:00:28" in text
    assert "80 of 90 inducted   56 in lanes   0 reported   11 held in bond" in text
    assert "p50 3.0 ms, p99 3.0 ms   late 3" in text
    assert "recalled 2   duplicates 4   restarts of floord 5" in text


def test_it_says_what_is_simulated_and_how_to_stop() -> None:
    rows = draw(state(Ledger(), 2), T0, 80, 23)
    assert rows[-3:] == [LEGEND, SIMULATED, KEYS]


@pytest.mark.parametrize(
    ("changes", "phase"),
    [
        ({}, "running"),
        ({"parcels": 2}, "belts running empty"),
        ({"stopping": True}, "belts running empty"),
    ],
)
def test_the_phase_of_the_run(changes: dict[str, Any], phase: str) -> None:
    ledger = Ledger()
    assert "; starting" in draw(state(ledger), T0, 80, 23)[0]
    for parcel in ("P1", "P2"):
        inducted(ledger, parcel, T0)
    assert f"; {phase}" in draw(state(ledger, **changes), T0, 80, 23)[0]
    for parcel in ("P1", "P2"):
        in_lane(ledger, parcel, T0 + 9, "S1-EX")
    assert "; reports and customs settling" in draw(state(ledger, stopping=True), T0 + 9, 80, 23)[0]


def test_the_rate_is_of_the_last_half_minute() -> None:
    ledger = Ledger()
    for number in range(240):
        inducted(ledger, f"P{number}", T0 + number * 500)
        in_lane(ledger, f"P{number}", T0 + 5000 + number * 500, "S1-L01")
    assert figures(ledger, T0 + 100_000).per_hour == pytest.approx(7200, rel=0.03)
    assert figures(ledger, T0 + 6_000).per_hour is None, "a second of drops is no rate"
    assert figures(ledger, T0 + 300_000).per_hour is None


def test_what_is_older_than_a_minute_costs_nothing_and_counts_in_no_latency() -> None:
    ledger = Ledger()
    for number, ms in enumerate([500.0] * 50 + [2.0] * 10):
        at = T0 + number * 2000
        inducted(ledger, f"P{number}", at)
        ledger.belt({"what": "arrived", "t": at + 800, "parcel": f"P{number}"})
        dest(ledger, f"P{number}", at + 800 + ms, "S1-L01")
    assert figures(ledger, T0 + 159_500).p99 == 2.0
    assert figures(ledger, T0 + 120_000).p99 == 500.0


def test_the_picture_has_the_places_of_the_floor_file(tmp_path: Path) -> None:
    floor = tomllib.loads(demo_floor.write(tmp_path, 1, 5.0, "mqtt://127.0.0.1:1883", 7).read_text())
    assert {name.removeprefix("S1-"): lane["position_mm"] for name, lane in floor["lane"].items()} == GATES
    assert sorted(point["position_mm"] for point in floor["point"].values()) == sorted(POINTS.values())


# --- sizes -----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 16), st.integers(1, 200), st.integers(0, 60), st.integers(0, 40_000))
def test_it_fits_every_terminal_and_is_always_the_same(lines: int, width: int, height: int, ms: int) -> None:
    ledger = busy(lines)
    rows = draw(state(ledger, lines), T0 + ms, width, height)
    assert len(rows) <= min(height, 24)
    assert all(len(row) <= min(width, 80) for row in rows)
    assert all(character.isprintable() for row in rows for character in row)
    assert rows == draw(state(ledger, lines), T0 + ms, width, height)
    assert height == 0 or rows


@pytest.mark.parametrize("lines", range(1, 17))
def test_all_lines_and_the_key_hint_are_there_at_80_by_24(lines: int) -> None:
    rows = draw(state(busy(lines), lines), T0 + 28_000, 80, 23)
    assert [row.split()[0] for row in rows if re.match(r"S\d+ +\|", row)] == demo_floor.line_names(lines)
    assert KEYS in rows
    assert SIMULATED in rows


def test_a_small_terminal_goes_without_the_least_needed() -> None:
    ledger = busy(2)
    tall, small, tiny = (draw(state(ledger, 2), T0 + 28_000, 80, height) for height in (23, 6, 3))
    assert LEGEND in tall
    assert LEGEND not in small
    assert KEYS in small
    assert [row[:2] for row in tiny] == ["fl", "S1", "S2"]
    assert draw(state(ledger, 2), T0 + 28_000, 80, 2)[-1] == "... 2 more"


# --- on a terminal ---------------------------------------------------------------------------------------------------


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_frame_is_drawn_over_the_last_one_and_the_cursor_comes_back() -> None:
    terminal = Tty()
    screen = Screen(terminal, coloured=False)
    screen.show(state(busy(2), 2), T0)
    first = terminal.getvalue()
    screen.show(state(busy(2), 2), T0 + 100)
    second = terminal.getvalue().removeprefix(first)
    rows = first.count("\r\n")
    assert 10 < rows < 24
    assert "\x1b[" + f"{rows}A" not in first
    assert second.startswith(f"{HIDE_CURSOR}\r\x1b[{rows}A")
    assert second.count("\x1b[K\r\n") == rows
    screen.leave()
    assert terminal.getvalue().endswith(SHOW_CURSOR)


def test_after_a_change_of_size_the_picture_begins_anew() -> None:
    ours, theirs = os.openpty()
    try:
        termios.tcsetwinsize(theirs, (12, 50))
        with os.fdopen(os.dup(theirs), "w") as terminal:
            screen = Screen(terminal, coloured=False)
            screen.show(state(Ledger(), 2), T0)
            small = os.read(ours, 65536).decode()
            termios.tcsetwinsize(theirs, (24, 80))
            screen.show(state(Ledger(), 2), T0)
            large = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert small.count("\n") <= 11
    assert max(len(re.sub(r"\x1b\[[?\d]*\w", "", row).strip("\r")) for row in small.split("\n")) <= 50
    assert large.count("\n") > 11
    assert not re.search(r"\x1b\[\d+A", large)


def test_only_a_terminal_that_can_move_its_cursor_gets_a_picture() -> None:
    terminal, pipe = Tty(), io.StringIO()
    assert find_terminal((pipe, terminal), {"TERM": "xterm"}) is terminal
    assert find_terminal((pipe, pipe), {"TERM": "xterm"}) is None
    assert find_terminal((terminal,), {"TERM": "dumb"}) is None
    assert find_terminal((terminal,), {}) is None


def test_colours_only_repeat_what_is_there() -> None:
    rows = draw(state(busy(2), 2), T0 + 25_000, 80, 23) + draw(state(busy(16), 16), T0 + 25_000, 80, 23)
    painted = [paint(row) for row in rows]
    assert [re.sub(r"\x1b\[[\d;]*m", "", row) for row in painted] == rows
    assert any("\x1b[1;31m[6]\x1b[0m" in row for row in painted)
    assert any("\x1b[1;33mH\x1b[0m" in row for row in painted)
    assert paint(LEGEND) == LEGEND


def test_a_plain_line_says_the_same(tmp_path: Path) -> None:
    demo = OwnFloor(Options(None, 5.0, 1, 7, "nats", tmp_path, quiet=False))
    demo.ledger, demo.restarts = busy(1), 2
    assert (
        Picture(demo).line(T0 + 120_000)
        == "40 inducted, 28 in lanes, 0 reported, scan to divert p50 -, full: S1-L03, restarts 2"
    )
