"""A recording replayed to daemons in virtual time, and what they say now beside what was recorded.

The machines' side of the recording is what comes in, at its recorded times, and the centre's; what daemons answer is
compared. Where a machine's answer repeats a number of its request, it gets the number that the request has now
(ears.py). What is told whenever there is time is answered at once, as the machine would.

When the daemon started, and when it opened and lost its ports, is taken from the recording, too (openings.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from firmware_stubs.coupling import Daemon, Line, couple
from firmware_stubs.openings import STOP, Span, openings
from firmware_stubs.replayed_machine import machine_of
from firmware_stubs.stub import Message, Piece, as_message
from firmware_stubs.talks import WITHIN_MS, Difference, Fact, differences
from firmware_stubs.told_events import WHERE, Events, Published, in_order
from firmware_stubs.topics import matches
from firmware_stubs.virtual_broker import VirtualBroker
from firmware_stubs.wire_recording import CENTRE, DEVICE, HOST, Entry, Recording

PORTS = "ports"
NOT_UNDERSTOOD = ": garbled "
"""stands in what a daemon says that it heard"""
CAUSE_MS = 100.0
"""What came in earlier is not taken for the cause of a difference."""
PARCEL = ("parcel", "subject_id")
"""members of the centre's messages that name a parcel"""


class Rehearsing(Daemon, Protocol):
    """A daemon that also says what it understood."""

    def heard(self) -> list[str]:
        """Of the machines' pieces, in words, since the last call."""


@dataclass(frozen=True, slots=True)
class Came:
    """What came in: the entry, and what the daemon understood of it."""

    entry: Entry
    meaning: list[str]


@dataclass(frozen=True, slots=True)
class Result:
    """`facts`: all that was recorded of what is compared. `until`: ms, to where it was checked, and `why` not to the
    end, if not. `events`: whether there are any in the recording; else they are not compared. `changed`: lines of the
    recording with a wrong sum: that is damage of the file, and what differs may come of it."""

    differences: list[Difference]
    facts: list[Fact]
    until: float
    why: str = ""
    came: list[Came] = field(default_factory=list)
    events: bool = True
    changed: list[Entry] = field(default_factory=list)

    @property
    def compared(self) -> int:
        """How many messages and events."""
        return len(self.facts)

    def heard(self, entry: Entry) -> list[str] | None:
        """What a daemon understood of an entry; None = it was not given to any."""
        return next((one.meaning for one in self.came if one.entry.number == entry.number), None)

    def nearest(self, difference: Difference) -> Came | None:
        """What came in last just before a difference, on its link or from the centre about its parcel.
        None = the cause is not known."""
        recorded = difference.recorded
        texts = [fact.text for fact in (recorded, difference.now) if fact is not None]
        own = [
            one
            for one in self._before(difference, CAUSE_MS)
            if (recorded is None or one.entry.number < recorded.entry)
            and (one.entry.link == difference.fact.where or any(_names(one.entry, text) for text in texts))
        ]
        return own[-1] if own else None

    def garbled(self, difference: Difference) -> bool:
        """Whether something came within a second before that nobody understood."""
        return any(NOT_UNDERSTOOD in meaning for one in self._before(difference, WITHIN_MS) for meaning in one.meaning)

    def _before(self, difference: Difference, within: float) -> list[Came]:
        return [one for one in self.came if difference.t - within <= one.entry.t <= difference.t]


def _names(entry: Entry, text: str) -> bool:
    """Whether it is a message of the centre about a parcel that stands in a text."""
    if entry.side != CENTRE:
        return False
    try:
        body = json.loads(entry.data)
        parcels = [body[name] for name in PARCEL if name in body]
    except (ValueError, TypeError):
        return False
    return any(f'"{parcel}"' in text for parcel in parcels)


class Check:
    """One recording, one run of the daemons."""

    def __init__(self, recording: Recording, daemons: Sequence[Rehearsing], span: Span) -> None:
        """The daemons have started at `span.begin`, which is their `now`. Raises LockstepError where no port of theirs
        belongs to a link, FloorError for a kind that is not known."""
        self._recording, self._daemons, self._span = recording, daemons, span
        links = recording.header.links
        centres = {name for name, one in links.items() if one.kind == "centre"}
        lines = [Line(one.link, (name,)) for name, one in links.items() if name not in centres]
        couple(lines, daemons)
        self._lines = {line.stubs[0]: line for line in lines}
        self._links = {(id(line.daemon), line.port): line.stubs[0] for line in lines if line.daemon is not None}
        self._up: set[tuple[int, str]] = set()
        self._published: list[Published] = []
        self._came: list[Came] = []
        self._machines = {name: machine_of(name, one) for name, one in links.items()}
        self._broker = VirtualBroker()
        self._now = span.begin
        for number, daemon in enumerate(daemons):
            for port in daemon.ports:
                for filter_ in daemon.subscriptions(port):
                    self._broker.subscribe(PORTS, f"{number} {port}", filter_, partial(self._bring, daemon, port))

    def run(self) -> Result:
        """Replay all of it, then compare."""
        entries = [entry for entry in self._recording.entries if entry.t <= self._span.end]
        self._recorded(entries)
        for t, _, take_in, entry in sorted(self._inputs(entries), key=lambda one: one[:2]):
            self._advance(max(t, self._now))
            take_in()
            self._collect(entry)
        self._advance(self._span.end)
        was = [fact for machine in self._machines.values() for fact in machine.was]
        is_ = [fact for machine in self._machines.values() for fact in machine.is_]
        if published := self._recorded_events(entries):
            was += self._events(published)
            is_ += self._events(self._published)
        found = differences(was, is_, self._span.end)
        changed = [entry for entry in self._recording.entries if entry.changed]
        return Result(found, was, self._span.end, self._span.why, self._came, bool(published), changed)

    # --- what came in -------------------------------------------------------------------------------------------------

    def _inputs(self, entries: Sequence[Entry]) -> Iterator[tuple[float, int, Callable[[], None], Entry | None]]:
        """(when, line, what to do, the entry) of all that came in. What a broker retained counts also from before."""
        for entry in entries:
            retained = isinstance(entry.piece, Message) and entry.piece.retain
            if entry.side in (DEVICE, CENTRE) and (entry.t >= self._span.begin or retained):
                take = self._from_device if entry.side == DEVICE else self._from_centre
                yield entry.t, entry.number, partial(take, entry), entry
        utc_ms = self._recording.header.utc_ms
        for daemon in self._daemons:
            for port, devices in daemon.ports.items():
                link = self._links.get((id(daemon), port)) or self._on_broker(daemon, port, entries)
                for one in openings(entries, utc_ms, _node_of(daemon), devices, link):
                    yield one.t, one.number - 1, partial(self._set, daemon, port, one.up, one.why), None

    def _on_broker(self, daemon: Daemon, port: str, entries: Iterable[Entry]) -> str | None:
        """The link whose machine a port on a broker hears; the one of its name if it hears several."""
        filters = daemon.subscriptions(port)
        said = ((one.link, one.piece.topic) for one in entries if one.link and isinstance(one.piece, Message))
        heard = [link for link, topic in dict.fromkeys(said) if any(matches(filter_, topic) for filter_ in filters)]
        return port if port in heard else next(iter(heard), None)

    def _from_centre(self, entry: Entry) -> None:
        message = as_message(entry.piece)
        for daemon in self._daemons:
            if any(matches(filter_, message.topic) for filter_ in daemon.subscriptions()):
                daemon.message(message.topic, message.payload, self._now, message.retain)

    def _from_device(self, entry: Entry) -> None:
        for piece in self._machines[entry.link].says(entry):
            self._give(entry.link, piece)

    def _give(self, link: str, piece: Piece) -> None:
        line = self._lines.get(link)
        if isinstance(piece, Message):
            self._broker.publish(piece, PORTS)
        elif line is not None and line.daemon is not None and (id(line.daemon), line.port) in self._up:
            line.daemon.received(line.port, piece, self._now)

    def _bring(self, daemon: Daemon, port: str, message: Message) -> None:
        if (id(daemon), port) in self._up:
            daemon.received(port, message, self._now)

    def _set(self, daemon: Daemon, port: str, up: bool, why: str) -> None:
        key = (id(daemon), port)
        if up and key not in self._up:
            self._up.add(key)
            daemon.link_up(port, self._now)
            number = next(number for number, one in enumerate(self._daemons) if one is daemon)
            self._broker.greet(PORTS, f"{number} {port}")
        elif not up:
            self._up.discard(key)
            daemon.link_down(port, self._now, why)

    # --- what is said now ---------------------------------------------------------------------------------------------

    def _advance(self, until: float) -> None:
        """To that moment; what machines answer by themselves meanwhile, they answer."""
        while True:
            self._collect(None)
            dues = [due for due in (daemon.next_at() for daemon in self._daemons) if due is not None]
            due = min(dues, default=until)
            if due > until or not dues:
                break
            self._now = max(self._now, due)
            for daemon in self._daemons:
                daemon.advance(self._now)
        self._now = until

    def _collect(self, entry: Entry | None) -> None:
        meaning: list[str] = []
        for daemon in self._daemons:
            while said := daemon.said():
                for port, piece in said:
                    self._said(daemon, port, piece)
            self._published += [(topic, payload, self._now, 0) for topic, payload, _ in daemon.published()]
            daemon.hang_ups()  # the recorded machine went on as it did
            meaning += daemon.heard()
        if entry is not None:
            self._came.append(Came(entry, meaning))

    def _said(self, daemon: Daemon, port: str, piece: Piece) -> None:
        link = self._link(daemon, port, piece)
        if link is None:
            return
        for answer in self._machines[link].told(piece, self._now):
            daemon.received(port, answer, self._now)

    def _link(self, daemon: Daemon, port: str, piece: Piece) -> str | None:
        """Whom a port speaks to; on a broker to whoever was recorded there with this topic."""
        link = self._links.get((id(daemon), port))
        if link is None and isinstance(piece, Message):
            return self._topics.get(piece.topic, port if port in self._machines else None)
        return link

    # --- what was said then -------------------------------------------------------------------------------------------

    def _recorded(self, entries: Iterable[Entry]) -> None:
        self._topics: dict[str, str] = {}
        for entry in entries:
            if entry.link and entry.up is None:
                if entry.side == HOST and isinstance(entry.piece, Message):
                    self._topics.setdefault(entry.piece.topic, entry.link)
                self._machines[entry.link].recorded(entry)

    def _recorded_events(self, entries: Iterable[Entry]) -> list[Published]:
        return [
            (entry.piece.topic, entry.piece.payload, entry.t, entry.number)
            for entry in entries
            if entry.side == HOST and not entry.link and isinstance(entry.piece, Message)
        ]

    def _events(self, published: Iterable[Published]) -> list[Fact]:
        """As facts; the daemon's farewell, and what comes with it, is none."""
        events, (ordered, wrong) = Events(self._recording.header.utc_ms), in_order(published)
        facts = [events.fact(*one) for one in ordered]
        farewell = f"{STOP}:"
        return wrong + [fact for fact in facts if fact is not None and not fact.text.startswith(farewell)]


def _node_of(daemon: Daemon) -> str:
    """Site and node, from the topics of its commands."""
    command = next((filter_ for filter_ in daemon.subscriptions() if "/command/" in filter_), "")
    return "/".join(command.split("/")[2:4])


__all__ = ["WHERE", "Check", "Result", "Span"]
