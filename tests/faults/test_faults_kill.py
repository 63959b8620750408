"""P1: what was told durable is there after `kill -9`, wherever it falls."""

from __future__ import annotations

import pytest

from tests.faults import kill_points
from tests.faults.preload import MISSING, Kind, compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason=MISSING)


def test_killed_before_and_after_everything_it_does_to_its_disk(full: bool) -> None:
    for scenario in ("one", "from-1", "from-2", "small", "many") if full else ("one",):
        found = kill_points.everywhere(scenario)
        assert found.bad == {}, scenario
        assert found.lost == 0
        assert found.kills >= 2 * found.places > 100, scenario


@pytest.mark.parametrize(("planted", "said"), [("hasty", "told durable"), ("halves", "half a batch")])
def test_a_writer_that_lies_is_found(planted: str, said: str) -> None:
    found = kill_points.everywhere(planted, Kind.WRITE, "-wal", step=9)
    assert any(said in text for bad in found.bad.values() for text in bad), found
    assert found.lost or planted != "hasty"
