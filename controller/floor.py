"""The floor: the only writer of floor state. `step(input, now, look) -> effects`; no I/O, no clock, no randomness.

What comes in is an item of a device, a message of the centre or the passing of time; what goes out is a list of effects
in the order in which they must happen. The state stands in `floor_state`, the handlers in `plc_events` (what a PLC
says), `reading` (what a reader says), `deciding` (the decision) and `ending` (the end of a travel); what the centre
says is handled here.
"""

from __future__ import annotations

from controller import (
    booking,
    clearing,
    container_events,
    deciding,
    ending,
    inhibiting,
    ordering,
    planning,
    plc_events,
    reader_health,
    reading,
)
from controller.advice import Advice, CustomsHead, CustomsRecord, Look
from controller.effects import Effect
from controller.floor_state import FloorState
from controller.identity import texts
from controller.inputs import (
    Advised,
    CameBack,
    Clock,
    Connection,
    Heard,
    Input,
    Loaded,
    Ordered,
    Parted,
    Planned,
    Reached,
    Replied,
    Stood,
    Stored,
    Tick,
    Told,
)
from devices.driver import earliest

__all__ = ["Advised", "CameBack", "Connection", "Floor", "Heard", "Input", "Reached", "Tick", "Told"]


NEVER = float("inf")


class Floor(FloorState):
    """The floor and its one way in."""

    def step(self, what: Input, now: float, look: Look) -> list[Effect]:
        """Take one input and return what is to be done, in order."""
        self.effects, self.now, self.due_at = [], now, None
        if self.utc_offset:
            planning.due(self, self.times, now, look)
            booking.due(self, now, look)
        match what:
            case Heard(device, item):
                if device in self.plc_line:
                    plc_events.handle(self, self.plc_line[device], item, now, look)
                else:
                    reading.said(self, device, item, now, look)
            case CameBack(_, name, _, refusal) if name in self.commanded:
                ordering.answered(self, name, refusal, now)
            case CameBack(device, travel_id, decision, refusal) if device in self.plc_line:
                line = self.plc_line[device]
                travel = line.travels.get(travel_id)
                if travel_id == inhibiting.INDUCTION:
                    inhibiting.answered(self, line, decision, refusal, now)
                elif travel is not None:
                    deciding.came_back(self, line, travel, decision, refusal, now, look)
            case Connection(device, up):
                reader_health.connection(self, device, up, now)
            case Advised(advices):
                self._advised(advices, now, look)
            case Told(CustomsRecord() as record):
                clearing.told(self, record, now, look)
            case Told(CustomsHead() as head):
                self._beat(head, now)
            case Reached(utc_ms):
                self.online = True
                self.follow(utc_ms, now)
                self.book.connected(utc_ms, now)
            case Parted():
                self.online = False
                self.asking.parted()
                deciding.reconsider(self, now, look)
            case Replied(code):
                self._replied(code, now, look)
            case Ordered():
                ordering.handle(self, what, now, look)
            case Clock(utc_ms):
                self.follow(utc_ms, now)
            case Stored(room):
                self.room = room
                for line in self.lines.values():
                    inhibiting.inhibit(self, line, now)
            case Planned(departures):
                booking.planned(self, departures, now, look)
            case Stood(containers):
                for container in containers:
                    container_events.stood(self, container, now, look)
            case Loaded(plan, text):
                planning.loaded(self, plan, text, now, look)
            case Tick():
                self._due(now, look)
        self._freshness(now, look)
        return self.effects

    def next_at(self) -> float | None:
        """When a Tick is wanted."""
        if self.due_at is None:
            self.due_at = self._next_at()
        return self.due_at if self.due_at < NEVER else None

    def _next_at(self) -> float:
        switch = planning.next_switch_at(self, self.times, self.now) if self.utc_offset else None
        cut_off = self.cut_off - self.utc_offset if self.cut_off is not None and self.utc_offset else None
        stale = self.book.stale_at() if self.was_fresh else None
        stale = stale + 1 if stale is not None else None
        first = earliest(self._travel_due(), self.expiries.first(), switch, cut_off, stale)
        if self.rated:
            first = earliest(first, *(lane.eases_at(self.now) for line, lane in self.rated if line.inhibited))
        return NEVER if first is None else first

    def _travel_due(self) -> float | None:
        """When the first travel wants to be looked at. What a decision has made needless is put right here."""
        while (front := self.times_of.front()) is not None:
            travel_id, due = front
            _, travel = self.timed[travel_id]
            true = earliest(travel.decide_at, travel.stop_at)
            if true == due:
                return due
            self.times_of.set(travel_id, true)
            if true is None:
                del self.timed[travel_id]
                self.times_of.forget(travel_id)
        return None

    # --- the centre ---------------------------------------------------------------------------------------------------

    def _advised(self, advices: tuple[Advice, ...], now: float, look: Look) -> None:
        keys = {code for advice in advices for code in advice.keys}
        for line, travel in self.named(keys):
            if travel.parcel in keys or any(text in keys for text in texts(travel.results, self.rules)):
                deciding.consider(self, line, travel, now, look)
        for advice in advices:
            ending.advised(self, advice, now, look)

    def _replied(self, code: str, now: float, look: Look) -> None:
        self.unsolicited += not self.asking.answered(code, now)
        for line, travel in self.named((code,)):
            if any(result.code == code for result in travel.results):
                deciding.consider(self, line, travel, now, look)

    def _beat(self, head: CustomsHead, now: float) -> None:
        went_on = self.book.beat(head, now)
        if not went_on and not self.feed_went_back:
            what = (
                f"the customs feed went back to {head.sequence}, {self.book.position} was heard: statuses count as hold"
            )
            self.alarm("customs-feed", what, now, "high")
        self.feed_went_back = not went_on
        self._keep_feed()

    def _keep_feed(self) -> None:
        self.keep("feed", "position", self.book.position)
        self.keep("feed", "ahead", sorted(self.book.ahead) or None)

    def _freshness(self, now: float, look: Look) -> None:
        fresh = self.book.fresh(now)
        if fresh != self.was_fresh:
            self.was_fresh = fresh
            for line, travel in self.travels():
                deciding.consider(self, line, travel, now, look)

    # --- time ---------------------------------------------------------------------------------------------------------

    def _due(self, now: float, look: Look) -> None:
        for line, reader in self.readers.values():
            if reader.recent:
                reading.expire(self, line, reader, now)
        for line, travel in list(self.timed.values()):
            if travel.decide_at is not None and travel.decide_at <= now:
                travel.decide_at = None
                deciding.consider(self, line, travel, now, look)
            if travel.stop_at is not None and travel.stop_at <= now:
                travel.stop_at = None
                inhibiting.stop(self, line, travel, now)
        for line in self.lines.values():
            if line.inhibited:
                inhibiting.inhibit(self, line, now)
