"""When the daemon opened its ports in a recording, and lost them. Pure.

A wire has no word for it where it is a cable, but the daemon's events have one: `device/online` and `device/offline`.
So a port was opened where an entry says so; else where an event does, or, a little earlier, the daemon's first word;
else with that word; where it says nothing, it heard the machine from the first. It was lost where an event says so,
with its reason, else where an entry does.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from firmware_stubs.stub import Message
from firmware_stubs.told_events import EVENT, moment_ms
from firmware_stubs.wire_recording import HOST, Entry, Recording

START, RESTART, STOP = "node/started", "node/restarted", "node/stopping"
ONLINE, OFFLINE = "device/online", "device/offline"


@dataclass(frozen=True, slots=True)
class Opening:
    """At `t`, just before line `number`, a port was opened, or (not `up`) lost."""

    t: float
    number: int
    up: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """What of a recording can be checked: from the start of the daemon to its end, or to its next start. ms."""

    begin: float
    end: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """An event in a recording: by whom (`site/node`), its name, its data, when it happened."""

    node: str
    name: str
    data: Mapping[str, object]
    t: float


def event_of(entry: Entry, utc_ms: float) -> Event | None:
    """The event of an entry; None = it is none. `utc_ms`: UTC of t = 0."""
    if entry.side != HOST or entry.link or not isinstance(entry.piece, Message):
        return None
    found = EVENT.fullmatch(entry.piece.topic)
    if found is None:
        return None
    try:
        event = json.loads(entry.piece.payload)
        data, t = dict(event["data"]), moment_ms(str(event["time"])) - utc_ms
    except (ValueError, KeyError, TypeError):
        return None
    return Event(f"{found['site']}/{found['node']}", found["name"], data, min(t, entry.t))


def span(recording: Recording) -> Span:
    """By the events in it; all of it where there are none."""
    began, end = None, recording.entries[-1].t if recording.entries else 0.0
    for entry in recording.entries:
        event = event_of(entry, recording.header.utc_ms)
        if event is None:
            continue
        if event.name in (START, RESTART) and began is not None:
            return Span(began, event.t, "the daemon was started again there")
        if event.name in (START, RESTART):
            began = event.t
        elif event.name == STOP:
            return Span(began or 0.0, event.t, "the daemon was stopped there")
    return Span(began or 0.0, end)


def openings(
    entries: Sequence[Entry], utc_ms: float, node: str, devices: Collection[str], link: str | None
) -> list[Opening]:
    """Of one port: its node (`site/node`), its devices, and its link in the recording, if it has one there."""
    told = _told(entries, utc_ms, node, devices)
    own = [entry for entry in entries if link is not None and entry.link == link]
    words = [entry for entry in own if entry.side == HOST]
    ups = [Opening(entry.t, entry.number, True) for entry in own if entry.up is True]
    if not ups:
        ups = _by_events(told, words)
    if not ups and own:
        first = (words or own)[0]
        ups = [Opening(first.t, first.number, True)]
    downs = [one for one in told if not one.up]
    if not told:
        downs = [Opening(entry.t, entry.number, False, entry.why) for entry in own if entry.up is False]
    return sorted([*ups, *downs], key=lambda one: (one.t, one.number))


def _told(entries: Iterable[Entry], utc_ms: float, node: str, devices: Collection[str]) -> list[Opening]:
    found = []
    for entry in entries:
        event = event_of(entry, utc_ms)
        if event is None or event.name not in (ONLINE, OFFLINE) or event.node != node:
            continue
        if event.data.get("device") in devices:
            up = event.name == ONLINE
            found.append(Opening(event.t, entry.number, up, "" if up else str(event.data.get("why", ""))))
    return found


def _by_events(told: Iterable[Opening], words: Sequence[Entry]) -> list[Opening]:
    """Events have whole ms, and leave after a commit: what was said since the port was lost came after its opening."""
    ups, since = [], 0
    for one in told:
        first = next((word for word in words if since < word.number < one.number and word.t <= one.t), None)
        if not one.up:
            since = one.number
        else:
            ups.append(one if first is None else Opening(first.t, first.number, True))
    return ups
