"""The outage of a million events, with twenty thousand: everything arrives, and memory stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.outage import Options, Outage


def outage(folder: Path, full: bool) -> str:
    events, quiet_s = (200_000, 10.0) if full else (20_000, 0.5)
    said: list[str] = []
    outage = Outage(Options(events, folder, scanners=4, lines=1, rate=4.0, quiet_s=quiet_s), said.append)
    outage.run()
    assert outage.wrong == [], "\n".join(said)
    return "\n".join(said)


@pytest.mark.meanwhile(scenario=outage)
def test_everything_arrives_after_an_outage(meanwhile: str) -> None:
    print(meanwhile)
