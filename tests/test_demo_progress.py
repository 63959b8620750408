"""What a demo says where no terminal view shows it, and when there is one."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

import pytest

from controller.demo import Options
from controller.demo_ledger import Ledger
from controller.demo_own import OwnFloor
from controller.demo_progress import Progress, can_view, figures

T0 = 1_000_000.0


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def inducted(ledger: Ledger, parcel: str, at: float) -> None:
    ledger.belt({"what": "inducted", "t": at, "line": "S1", "parcel": parcel, "epoch": 1, "track": 1})


def dest(ledger: Ledger, parcel: str, at: float, lane: str) -> None:
    ledger.belt({"what": "arrived", "t": at - 3, "parcel": parcel})
    ledger.belt({"what": "dest", "t": at, "parcel": parcel, "lanes": [lane], "refusal": None})


def in_lane(ledger: Ledger, parcel: str, at: float) -> None:
    ledger.belt({"what": "lane", "t": at, "parcel": parcel, "lane": "S1-L01"})


def demo_of(folder: Path, parcels: int | None = None) -> OwnFloor:
    """Forty parcels, of which twenty lie in a lane."""
    demo = OwnFloor(Options(parcels, 5.0, 1, 7, "nats", folder, quiet=False))
    for number in range(40):
        inducted(demo.ledger, f"P{number}", T0 + number * 500)
        dest(demo.ledger, f"P{number}", T0 + number * 500 + 800, "S1-L01")
    for number in range(20):
        in_lane(demo.ledger, f"P{number}", T0 + 9000 + number * 500)
    return demo


def test_a_line_says_how_the_run_does(tmp_path: Path) -> None:
    demo = demo_of(tmp_path)
    told = "40 inducted, 20 in lanes, 7,200/h, scan to divert p50 3.00 ms, 0 reported"
    assert Progress(demo).line(T0 + 19_000) == told
    demo.restarts = 2
    demo.ledger.belt({"what": "full", "t": T0, "lane": "S1-L03"})
    told = "40 inducted, 20 in lanes, 7,200/h, 2 restarts of floord, full: S1-L03"
    assert Progress(demo).line(T0 + 19_000) == told, "what is less important gives way"


def test_a_line_has_at_most_79_characters(tmp_path: Path) -> None:
    demo = demo_of(tmp_path)
    for number in range(12):
        demo.ledger.belt({"what": "full", "t": T0, "lane": f"S1-WITH-A-LONG-NAME-{number}"})
        assert len(Progress(demo).line(T0 + 19_000)) <= 79
    assert "12 lanes full" in Progress(demo).line(T0 + 19_000)


def test_a_line_comes_again_only_when_it_is_new_or_after_a_while(tmp_path: Path) -> None:
    demo = demo_of(tmp_path)
    demo.stop()
    progress = Progress(demo)
    first = progress.news(T0)
    assert first == "running empty: 20 ride on; Ctrl-C again ends without a verdict"
    assert [progress.news(T0 + second * 1000) for second in range(2, 20, 2)] == [""] * 9
    assert progress.news(T0 + 20_000) == first
    in_lane(demo.ledger, "P30", T0 + 21_000)
    demo.ledger.belt({"what": "mishap", "mishap": "remove", "t": T0, "parcel": "P31", "line": "S1", "track": 1})
    assert progress.news(T0 + 22_000).startswith("running empty: 18 ride on;")


def test_when_all_parcels_have_come_nobody_has_to_be_told_of_a_second_ctrl_c(tmp_path: Path) -> None:
    assert Progress(demo_of(tmp_path, 41)).line(T0 + 19_000).startswith("40 inducted")
    assert Progress(demo_of(tmp_path, 40)).line(T0 + 19_000) == "running empty: 20 ride on"


def test_behind_the_belts_it_says_who_is_waited_for(tmp_path: Path) -> None:
    async def ended() -> str:
        demo = demo_of(tmp_path)
        demo.stop()
        demo._simulator = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
        await demo._simulator.wait()
        return Progress(demo).line(T0)

    assert asyncio.run(ended()) == "the belts are empty; waiting for the last words of customs and floord"


def test_the_rate_is_of_the_last_half_minute() -> None:
    ledger = Ledger()
    for number in range(240):
        inducted(ledger, f"P{number}", T0 + number * 500)
        in_lane(ledger, f"P{number}", T0 + 5000 + number * 500)
    assert figures(ledger, T0 + 100_000).per_hour == pytest.approx(7200, rel=0.03)
    assert figures(ledger, T0 + 6_000).per_hour is None, "a second of drops is no rate"
    assert figures(ledger, T0 + 300_000).per_hour is None


def test_what_is_older_than_a_minute_costs_nothing_and_counts_in_no_latency() -> None:
    ledger = Ledger()
    for number, ms in enumerate([500.0] * 50 + [2.0] * 10):
        at = T0 + number * 2000
        inducted(ledger, f"P{number}", at)
        ledger.belt({"what": "arrived", "t": at + 800, "parcel": f"P{number}"})
        ledger.belt({"what": "dest", "t": at + 800 + ms, "parcel": f"P{number}", "lanes": ["S1-L01"], "refusal": None})
    assert figures(ledger, T0 + 159_500).p99 == 2.0
    assert figures(ledger, T0 + 120_000).p99 == 500.0


def test_the_view_needs_a_terminal_that_moves_its_cursor() -> None:
    assert can_view((Tty(), Tty()), {"TERM": "xterm"})
    assert not can_view((Tty(), io.StringIO()), {"TERM": "xterm"})
    assert not can_view((Tty(), Tty()), {"TERM": "dumb"})
    assert not can_view((Tty(), Tty()), {})
