"""One node of three is killed while events are published: everything acknowledged arrives and is kept, in order.

In order it is in the stream, always. What a session is sent in vain when a connection breaks comes again after
`ack_wait`, so a subscriber may hear it behind later events; the story counts how many.

`python -m pytest --full -s tests/faults/test_cluster_killed.py` prints how long nothing moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from controller.broker import BrokerMissing
from controller.cluster import Cluster, start_cluster
from tests.cluster_story import out_of_order, tell

ROWS, RATE = 3_000, 500.0


@pytest.fixture(scope="module")
def three(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if not request.config.getoption("--full"):
        pytest.skip("minutes; --full")  # one kill is in the ordinary run: tests/test_cluster.py
    try:
        with start_cluster(tmp_path_factory.mktemp("cluster")) as three:
            yield three
    except BrokerMissing as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("victim", ["leader", "both", "publisher", "centre"])
def test_nothing_acknowledged_is_missing(three: Cluster, victim: str) -> None:
    """`both`: the publisher is connected to the leader."""
    story = asyncio.run(tell(three, victim, ROWS, RATE))
    print(f"\n{story}")
    everything = set(range(1, ROWS + 1))
    assert everything - set(story.stream) == set()
    assert everything - set(story.heard) == set()
    assert out_of_order(story.stream) == []
