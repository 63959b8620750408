"""Retained states of lanes: whoever comes later finds at the broker what stands at each lane now."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.test_node import HUB, Daemon, divc, indu

LANES = ("S1-L01", "S1-L02")
STATE = f"{HUB}/n1/state/"


class Broker:
    """What the broker retains of the states of a node."""

    def __init__(self, hub: Daemon) -> None:
        self.hub = hub
        self.retained: dict[str, dict[str, Any]] = {}
        self.hear()

    def hear(self) -> list[str]:
        """Take what is published now; the subjects whose state was among it."""
        states = [one for one in self.hub.node.publishes(self.hub.now) if one.topic.startswith(STATE)]
        assert all(one.retain for one in states)
        news = {one.topic.removeprefix(STATE): json.loads(one.payload) for one in states}
        self.retained.update(news)
        return sorted(news)

    def lane(self, name: str) -> tuple[str | None, bool]:
        """(container, whether it is closed) as retained."""
        body = self.retained[f"lane/{name}"]
        return body["container"], body["container_closed"]


def container(hub: Daemon, name: str, status: str, lane: str = "S1-L01") -> None:
    hub.say("container", {"container": name, "lane": lane, "status": status})


def test_each_change_of_a_container_is_told_at_once() -> None:
    broker = Broker(Daemon().up())
    assert broker.lane("S1-L01") == (None, False)
    for name, status, expected in (
        ("CAGE-1", "open", ("CAGE-1", False)),
        ("CAGE-1", "closed", ("CAGE-1", True)),
        ("CAGE-1", "open", ("CAGE-1", False)),
        ("CAGE-2", "open", ("CAGE-2", False)),
        ("CAGE-2", "removed", (None, False)),
    ):
        container(broker.hub, name, status)
        assert broker.hear() == ["lane/S1-L01"], (name, status)
        assert broker.lane("S1-L01") == expected


def test_a_container_that_is_moved_changes_two_lanes() -> None:
    broker = Broker(Daemon().up())
    container(broker.hub, "CAGE-1", "open")
    broker.hear()
    container(broker.hub, "CAGE-1", "open", "S1-L02")
    assert broker.hear() == ["lane/S1-L01", "lane/S1-L02"]
    assert [broker.lane(name) for name in LANES] == [(None, False), ("CAGE-1", False)]


def test_what_falls_into_a_container_is_told_by_its_event_only() -> None:
    broker = Broker(Daemon().up())
    container(broker.hub, "CAGE-1", "open")
    broker.hear()
    broker.hub.event("INDU", indu(1))
    broker.hub.event("DIVC", divc(1, 0))
    assert broker.hear() == []
    broker.hub.commit()
    assert broker.hub.events("container/added")[0]["data"]["count"] == 1


CHANGES = st.tuples(
    st.sampled_from(("A", "B", "C")),
    st.sampled_from(("open", "closed", "removed")),
    st.sampled_from(LANES),
    st.booleans(),
)


@given(st.lists(CHANGES, max_size=12))
def test_what_is_retained_is_always_what_stands_there(changes: list[tuple[str, str, str, bool]]) -> None:
    broker = Broker(Daemon().up())
    for name, status, lane, away in changes:
        if away:
            broker.hub.node.disconnected(broker.hub.now)
        container(broker.hub, name, status, lane)
        if away:
            broker.hub.node.connected(broker.hub.now)
        broker.hear()
        lanes = broker.hub.node.floor.lanes
        assert {each: broker.lane(each) for each in LANES} == {
            each: (lanes[each].container, lanes[each].container_closed) for each in LANES
        }
