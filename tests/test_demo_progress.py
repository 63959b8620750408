"""What a demo says where no terminal view shows it, and when there is one."""

from __future__ import annotations

import io
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


def test_a_line_says_how_the_run_does(tmp_path: Path) -> None:
    demo = OwnFloor(Options(None, 5.0, 1, 7, "nats", tmp_path, quiet=False))
    ledger, demo.restarts = demo.ledger, 2
    for number in range(40):
        inducted(ledger, f"P{number}", T0 + number * 500)
        dest(ledger, f"P{number}", T0 + number * 500 + 800, "S1-L01")
    for number in range(20):
        in_lane(ledger, f"P{number}", T0 + 9000 + number * 500)
    ledger.belt({"what": "full", "t": T0, "lane": "S1-L03"})
    assert Progress(demo).line(T0 + 19_000) == (
        "40 inducted, 20 in lanes, 0 reported, 7,200/h, scan to divert p50 3.00 ms, full: S1-L03, restarts 2"
    )


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
