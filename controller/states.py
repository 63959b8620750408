"""Retained states: what a reader that comes later finds at the broker, `state/node|line|lane|device` (contract v1).

A state is not an event: it is built from what is true when it is sent, and the newest one replaces all before it. The
node's own state is sent on every change of freshness and at least each `EVERY_MS`, the others when an event of theirs
was reported (of a lane also when its container came, was closed or left) and after each connection.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from controller.effects import Emit
from controller.envelope import Origin
from controller.events import ContainerChanged
from controller.floor import Floor
from controller.outbox import Outbox
from controller.stamps import rfc3339
from devices.value import value

EVERY_MS = 10_000.0
FAMILIES = ("line", "lane", "device")


@value
class Publish:
    """A message for the broker. `key` > 0: the sequence of an event; < 0: of one that is published again, for
    consumers; 0: not from the journal, nobody waits for it."""

    key: int
    topic: str
    payload: bytes
    retain: bool = False


class States:
    """Builds them, and knows which are due."""

    def __init__(self, origin: Origin, boot: int, floor: Floor, outbox: Outbox, up: dict[str, bool]) -> None:
        """`up`: device -> whether its link is open, kept by the node."""
        self._origin, self._boot, self._floor, self._outbox, self._up = origin, boot, floor, outbox, up
        self._due: set[str] = set()
        self._told_fresh = False
        self.next_at = 0.0

    def connected(self, now: float) -> None:
        """The broker is there: everything is due."""
        self.next_at = now
        self._due.update(f"line/{name}" for name in self._floor.lines)
        self._due.update(f"lane/{name}" for name in self._floor.lanes)
        self._due.update(f"device/{name}" for name in self._up)

    def changed(self, subject: str) -> None:
        """Something about this subject is news."""
        self._due.add(subject)

    def reported(self, event: Emit) -> None:
        """An event may tell something about a subject that has a state. What falls into a container changes none."""
        family = event.subject.partition("/")[0]
        if family in FAMILIES:
            self.changed(event.subject)
        elif family == "container" and isinstance(event.data, ContainerChanged) and event.name != "container/added":
            self.changed(f"lane/{event.data.lane}")

    def take(self, now: float, utc_ms: float) -> list[Publish]:
        """What is due."""
        out = []
        fresh = self._floor.book.fresh(now)
        if now >= self.next_at or fresh != self._told_fresh:
            self._told_fresh, self.next_at = fresh, now + EVERY_MS
            out.append(self._state("node", self._node(utc_ms, fresh)))
        for subject in sorted(self._due):
            family, _, name = subject.partition("/")
            body = self._body(family, name)
            if body is not None:
                out.append(self._state(subject, {**body, "boot": self._boot, "time": rfc3339(utc_ms)}))
        self._due.clear()
        return out

    def will(self) -> Publish:
        """What the broker says when we vanish."""
        return self._state("node", {"state": "offline", "boot": self._boot, "journal": self._origin.journal})

    def _state(self, subject: str, body: dict[str, Any]) -> Publish:
        return Publish(0, f"{self._origin.base}/state/{subject}", to_json(body), retain=True)

    def _node(self, utc_ms: float, fresh: bool) -> dict[str, Any]:
        return {
            "state": "online",
            "boot": self._boot,
            "journal": self._origin.journal,
            "mode": self._origin.mode,
            "time": rfc3339(utc_ms),
            "sequence": self._outbox.last,
            "queued": self._outbox.queued,
            "oldest": self._outbox.oldest,
            "quarantined": self._outbox.quarantined,
            "plan": self._floor.plan.label,
            "customs_fresh": fresh,
        }

    def _body(self, family: str, name: str) -> dict[str, Any] | None:
        if family == "line" and name in self._floor.lines:
            line = self._floor.lines[name]
            return {
                "state": line.state,
                "session": line.synchronised,
                "speed_mm_s": line.odometer.speed,
                "inhibited": line.inhibited,
            }
        if family == "lane" and name in self._floor.lanes:
            lane = self._floor.lanes[name]
            return {"state": lane.state, "container": lane.container, "container_closed": lane.container_closed}
        if family == "device" and name in self._up:
            return {"state": "online" if self._up[name] else "offline"}
        return None
