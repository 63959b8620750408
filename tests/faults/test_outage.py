"""The outage of a million events, with twenty thousand: everything arrives, and memory stays."""

from __future__ import annotations

from pathlib import Path

from tests.faults.outage import Options, Outage


def test_everything_arrives_after_an_outage(tmp_path: Path, full: bool) -> None:
    events, quiet_s = (200_000, 10.0) if full else (20_000, 0.5)
    outage = Outage(Options(events, tmp_path, scanners=4, lines=1, rate=4.0, quiet_s=quiet_s))
    outage.run()
    assert outage.wrong == []
