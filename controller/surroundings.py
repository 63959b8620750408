"""What the node knows of its surroundings, and the alarms about them: clock, disk, the way to the centre, drivers that
fail, inputs that are poison.

A node is one (node.py), so that an alarm is an event like any other: in its place among the rest, and durable with what
caused it. Such alarms are kept, so that a restart closes those that stood.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence

from controller import room
from controller.clock import Clock
from controller.config import Config
from controller.effects import Effect, Keep
from controller.envelope import Origin
from controller.events import Alarm, Data, Priority
from controller.inputs import Clock as ClockSaid
from controller.inputs import Input, Stored
from controller.journal_rows import Restored
from controller.machines import Machines
from controller.outbox import Outbox
from controller.plan import Plan
from controller.poison import Poison
from controller.recording import Recorder
from controller.room import Disk, Room
from controller.starting import Start, floor_of
from controller.upward import Upward
from devices.types import Condition, Item

CLOCK_MS = 50.0
"""The floor is told when its UTC has been slewed by so much."""


FORGOTTEN = "its driver was made anew; what is still wrong is said again"


class Surroundings(Machines, ABC):
    """`standing`: every alarm that stands until what it says is over, in words: about the daemon, its disk and the way
    to the centre. What happened once on the floor is told once, and is not among them."""

    def __init__(self, config: Config, plans: Mapping[str, Plan], restored: Restored, start: Start) -> None:
        super().__init__(config, restored.channels)
        self.origin = Origin(config.site, config.node, restored.journal, config.mode)
        self.boot = restored.boot
        self.floor = floor_of(config, plans, restored, start)
        self.recorder: Recorder | None = None
        """records every step, when it is set before the first one"""
        self.outbox = Outbox(oldest=restored.oldest_pending, last=restored.last_seq)
        self.upward = Upward(self.origin, self.boot, self.outbox, restored.first, new=restored.new)
        self.standing: dict[str, str] = {}
        self.poison = Poison()
        self._clock = Clock(start.utc_ms, start.now)
        self._room = Room(config.journal)
        self._durable = restored.last_seq

    @abstractmethod
    def _step(self, what: Input, now: float) -> None: ...

    @abstractmethod
    def _apply(self, effects: list[Effect], now: float) -> None: ...

    @abstractmethod
    def _emit(self, name: str, subject: str, now: float, data: Data) -> None: ...

    @abstractmethod
    def _items(self, link: str, items: Sequence[Item], now: float) -> None: ...

    # --- in -----------------------------------------------------------------------------------------------------------

    def clock(self, system_utc_ms: float, now: float) -> None:
        """What the system's clock says; call it about once a second. A step of it is an alarm and is not followed."""
        self._clock.compare(system_utc_ms, now)
        off = self._clock.stepped
        what = f"the system's clock stepped: it is {off / 1000:+.1f} s off, and not followed until a restart"
        self.alarm("clock-step", what if off else None, now)
        utc_ms = self.utc_ms(now)
        if abs(utc_ms - self.floor.utc(now)) > CLOCK_MS:
            self._step(ClockSaid(utc_ms), now)

    def disk(self, disk: Disk, now: float) -> None:
        """What the journal's disk is like; call it about once a second, and when it takes nothing or takes it again."""
        self._room.judge(disk, self.floor.sequence - self._durable)
        for name in room.PRIORITY:
            self.alarm(name, self._room.alarms.get(name), now, room.PRIORITY[name])
        if self._room.inhibit == self.floor.room:
            self._step(Stored(not self._room.inhibit), now)

    def damaged(self, sequences: Collection[int], now: float) -> None:
        """Events that the journal cannot give any more, all that are known."""
        self.upward.damaged(sequences)
        self._alarms(now)

    def subscribed(self, refused: Sequence[tuple[str, str]], now: float) -> None:
        """The broker answered to the subscriptions: all are granted but these, each a topic and the broker's reason."""
        self.upward.subscribed(refused, now)
        self._alarms(now)

    def alarm(self, alarm: str, what: str | None, now: float, priority: Priority = "high") -> None:
        """Raise an alarm of the daemon itself, once while it stands; `what` None: it stands no more."""
        if (what is None) == (alarm not in self.standing):
            return
        said = self.standing.pop(alarm, "") if what is None else self.standing.setdefault(alarm, what)
        self._apply([Keep("alarm", alarm, None if what is None else priority)], now)
        data = Alarm(alarm=alarm, what=said, priority=priority)
        self._emit("alarm/cleared" if what is None else "alarm/raised", f"alarm/{alarm}", now, data)

    def recording_stops(self, why: str, now: float) -> None:
        """Nothing is recorded any more; the floor goes on as it is."""
        self.recorder = None
        self._emit("alarm/raised", "alarm/recording", now, Alarm(alarm="recording", what=why, priority="medium"))

    def utc_ms(self, now: float) -> float:
        """UTC of a monotonic moment."""
        return self._clock.utc(now)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _dropped(self, about: str, what: object, now: float) -> bool:
        """Whether this input is poison (poison.py), which is an alarm."""
        if not self.poison.drops(about, what):
            return False
        why = f"an input of {about} that ended the daemon twice was dropped; all of it is in the log"
        self.alarm("poison", why, now, "critical")
        return True

    def _contain(self, now: float) -> None:
        """Tell the floor of drivers that failed, and of those that are well again."""
        if self._untold:
            for link, why, items in self._bereaved(now):
                if link in self._well_at:
                    self.alarm(f"driver-{link}", why, now)
                self._items(link, [*items, *self._forgotten(link, now)], now)
        for link in self._recovered(now):
            self.alarm(f"driver-{link}", None, now)

    def _forgotten(self, link: str, now: float) -> list[Condition]:
        """What its last driver said of it, and the new one, which says only what changes, will not take back."""
        alone = [""] if f"device-{link}" in self.floor.alarms else []
        return [Condition(True, FORGOTTEN, b"", now, part) for part in (*alone, *self.floor.unwell.get(link, {}))]

    def _alarms(self, now: float) -> None:
        """Report what the way to the centre has of them."""
        for name, alarm in self.upward.take(now, self.utc_ms(now)):
            if name == "alarm/raised":
                self.standing[alarm.alarm] = alarm.what
            else:
                self.standing.pop(alarm.alarm, None)
            self._apply([Keep("alarm", alarm.alarm, alarm.priority if name == "alarm/raised" else None)], now)
            self._emit(name, f"alarm/{alarm.alarm}", now, alarm)
