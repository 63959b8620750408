"""The load of many nodes: counted right, and seen when a broker does not follow."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from pathlib import Path

import pytest

from controller import broker
from tests import cluster_load


@pytest.mark.parametrize("name", ["nats", "mosquitto"])
def test_the_load_is_acknowledged_and_heard(name: str, tmp_path: Path) -> None:
    """The smallest of `python -m tests.cluster_load`: some clients, one rate."""

    async def scenario(urls: list[str]) -> cluster_load.Step:
        load = cluster_load.Load(nodes=7)
        await load.start(urls)
        step = await load.step(rate=200.0, seconds=0.5)
        await load.stop()
        return step

    with contextlib.ExitStack() as stack:
        try:
            urls = cluster_load.urls_of(name, tmp_path, "2m", stack)
        except broker.BrokerMissing as missing:
            pytest.skip(str(missing))
        step = asyncio.run(scenario(urls))
    assert (step.unanswered, step.lost) == (0, 0)
    assert 0 < step.p50_ms <= step.p99_ms


def test_a_load_that_is_not_followed_is_seen() -> None:
    good = cluster_load.Step(1000.0, 960.0, 5.0, 900.0, 0, 0, 0.5)
    assert good.followed
    for change in ({"acknowledged": 940.0}, {"p99_ms": 1001.0}, {"unanswered": 1}):
        assert not dataclasses.replace(good, **change).followed
