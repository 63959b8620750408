"""How the daemon does, for the service manager and for `floord status`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller import logs
from controller.node import Node
from controller.notify import Notify
from controller.parts import Parts
from controller.stalls import Stalls
from controller.stamps import rfc3339
from controller.status import status
from controller.wording import counted
from devices.links import Link

HUNG_MS = 60_000.0
"""A commit that takes longer is an alarm. Nothing is ended: the floor goes on, and nothing is told durable."""

LATE_MS = 3000.0
"""The daemon does its work at least once a second; where it has not for so long, no sign of life is given."""

NAMED = 10
"""Alarms in the service manager's line."""


class Wellbeing:
    """Looks at the daemon's parts; owns none."""

    def __init__(self, node: Node, links: Mapping[str, Link], notify: Notify, stalls: Stalls, parts: Parts) -> None:
        self._node, self._links, self._notify, self._stalls, self._parts = node, links, notify, stalls, parts
        self.held = ""
        """why the journal's writer tries the same again and again, in words; empty while it does not"""
        self._hung = ""

    def beat(self, now: float, worked_at: float, committing_since: float | None) -> None:
        """Call it every `notify.every_s`. `worked_at`: when the daemon did its work last; `committing_since`: when the
        commit began that is not over yet. All monotonic ms."""
        if now - worked_at > LATE_MS:
            return
        waits_ms = now - committing_since if committing_since is not None else 0.0
        hung = waits_ms > HUNG_MS and not self.held
        if hung or "journal-hung" in self._node.standing:
            what = "the disk does not answer to a commit: nothing is recorded or told durable until it does"
            self._node.alarm("journal-hung", what if hung else None, now, "critical")
            self._hung = f"the disk has not answered for {waits_ms / 1000:.0f} s" if hung else ""
        self._notify.alive()
        self._notify.status(self.summary())

    def files(self, broker: str, now: float) -> None:
        """New files that cannot be used are an alarm until a good set was taken up. `broker`: why those of the centre's
        broker cannot; "" = there are none such."""
        found = {"broker-files": broker, **{f"files-{port}": link.health.files for port, link in self._links.items()}}
        for alarm, why in found.items():
            what = f"new files cannot be used, the connection stays as it is: {why}" if why else None
            if what and self._node.standing.get(alarm, what) != what:
                self._node.alarm(alarm, None, now)
            self._node.alarm(alarm, what, now)

    @property
    def disk(self) -> str:
        """What is wrong with the journal's disk, in words; while it is not empty nothing is told durable."""
        return self.held or self._hung

    def waiting(self) -> str:
        """How many events wait for the broker."""
        return f"{counted(self._node.outbox.queued, 'event')} waiting"

    def summary(self) -> str:
        """One line."""
        up = sum(link.health.up for link in self._links.values())
        broker, alarms = "online" if self._node.online else "away", sorted(self._node.alarms)
        parts = [f"{up} of {counted(len(self._links), 'link')} up", f"broker {broker}", self.waiting()]
        parts += [self.disk] if self.disk else []
        return "; ".join([*parts, f"alarms: {' '.join(alarms[:NAMED])}" if alarms else "no alarms"])

    def status(self, now: float) -> dict[str, Any]:
        """status.py, and beside it: stands of the loop, failures by part, alarms that stand and that were told
        once, lost lines."""
        return status(self._node, {name: link.health for name, link in self._links.items()}, now) | {
            "stalls": self._stalls.status(),
            "faults": self._parts.counts(),
            "alarms": self._node.alarms,
            "told": [
                {"time": rfc3339(self._node.utc_ms(at)), "alarm": alarm.alarm, "what": alarm.what}
                for at, alarm in self._node.once.lately(now)
            ],
            "disk": self.disk,
            "log": {"dropped": logs.dropped()},
        }
