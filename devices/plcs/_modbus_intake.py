"""Records of the event ring as items, in a session: what `_channel` does with requests of the PLC, for registers.

The first record of a session is SYBE, or nothing is taken. A record that cannot be read is given as raw bytes, with a
token, for the PLC drops it when it is durable; it counts as taken.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from devices.plcs import _messages as messages
from devices.plcs._channel import SILENCE_MS, State
from devices.plcs._modbus_events import Clock, Events
from devices.plcs._modbus_records import SIZE, Fields, Names, Record, Unreadable, read
from devices.types import Counters, Discharged, Garbled, Item, SessionBegun, Synchronised, TrackLost


class Intake:
    """What is taken from one PLC. Items go to `items`; `left(track, at)` hears of tracks that have ended."""

    def __init__(self, names: Names, counters: Counters, items: list[Item], left: Callable[[int, float], None]) -> None:
        self._names = names
        self._counters = counters
        self._items = items
        self._left = left
        self.state = State.CLOSED
        self.events = Events()
        self.clock = Clock()
        self.speed = (0, 0.0)
        """mm/s, and when it was read"""
        self._told_speed: int | None = None
        self._life: int | None = None
        self._life_at = 0.0

    def resume(self, epoch: int, base: int, at: float) -> None:
        """The PLC took SYES and writes on from `base`."""
        self.events.resume(epoch, base)
        self.clock.begin()
        self._told_speed = None
        self._life_at = at

    def alive(self, life: int, at: float) -> bool:
        """The PLC's life counter has moved in the last 3 s."""
        if life != self._life:
            self._life, self._life_at = life, at
        return at < self._life_at + SILENCE_MS

    def tell_speed(self, at: float) -> None:
        """SPED, if it has changed by more than 2 %; nothing before SYBE has told it."""
        speed, sampled = self.speed
        told = self._told_speed
        if told is not None and abs(speed - told) * 50 > told:
            self._give_speed(speed, sampled, at)

    def _give_speed(self, speed: int, sampled: float, at: float) -> None:
        self._told_speed = speed
        fields = {"element": "LINE", "mm_s": speed, "encoder": 0, "age": at - sampled}
        self._items.append(messages.speed(fields, at))

    def take(self, records: Sequence[Record], at: float) -> None:
        """The next records of the ring, in their order."""
        for record in records:
            raw = struct.pack(f">{SIZE}H", *record)
            number = self.events.next
            try:
                kind, fields, known_age = read(record, self._names)
            except Unreadable as error:
                if self.state is State.BEGINNING:
                    self._not_begun()
                    return
                self._counters.bad("refused")
                token = self.events.take(is_event=True)
                self._items.append(Garbled(raw, f"record {number}: {error}", at, token, refused=True))
                continue
            if self.state is State.BEGINNING and kind != "SYBE":
                self._not_begun()
                return
            edge = self.clock.edge(number, record[7]) if known_age else None
            fields["age"] = messages.AGE_UNKNOWN if edge is None else at - edge
            self._effect(kind, fields, at)

    def _not_begun(self) -> None:
        """What stands there is old still; what will stand there is seen later."""
        self._counters.note("record before SYBE")
        self.clock.begin()

    def _effect(self, kind: str, fields: Fields, at: float) -> None:
        if kind in messages.EVENTS:
            token = self.events.take(is_event=True)
            item = messages.event(kind, {**fields, "evt": token[1]}, at, token)
            self._items.append(item)
            if isinstance(item, Discharged | TrackLost):
                self._left(item.track, at)
            return
        self.events.take(is_event=False)
        if kind == "SYBE":
            self.state = State.SYNCHRONISING
            self._items.append(SessionBegun(self.events.epoch, self.events.begin(), at))
            self._give_speed(*self.speed, at)
        elif kind == "TRAK":
            self._items.append(messages.tracks({"items": [fields]}, at))
        elif kind == "SYEN" and self.state is State.SYNCHRONISING:
            self.state = State.NORMAL
            self.clock.doubted = False
            self._items.append(Synchronised(at))
