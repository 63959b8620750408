"""Events of a daemon, so that two runs can be compared: times and ids apart. Source: docs/centre.md.

Apart are left: ids and sequences of events, journal ids, `boot`, moments, and the version of the program; whether the
broker was away (`degraded`); how long something took (`deadline_ms`, `seconds_since_drop`). A travel is called by its
line and how many came there before it, in both runs.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from firmware_stubs.ears import GARBLED
from firmware_stubs.talks import WITHIN_MS, Fact
from firmware_stubs.wire_print import printable

WHERE = "events"
OLD_MS = 100_000.0
"""So long before the recording something may have happened that an event tells: a PLC says no greater age."""
APART = ("boot", "version", "deadline_ms", "seconds_since_drop")
MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"
SHAPES = {
    "id": re.compile(r'"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"'),
    "time": re.compile(f'"{MOMENT}"'),
    "recordedtime": re.compile(f'"{MOMENT}"'),
    "sequence": re.compile(r'"[0-9]{20}"'),
    "degraded": re.compile("true|false"),
}
"""members that are left apart, and what they must look like"""
TRAVEL = re.compile(r"-(?P<journal>[a-z0-9]{8})-(?P<number>[0-9]+)")
BEGINS = re.compile(r"travel/(?P<line>.+)" + TRAVEL.pattern)
"""the subject of a travel's events; its number is the sequence of the first of them"""
EVENT = re.compile(r"hub/v1/(?P<site>[^/]+)/(?P<node>[^/]+)/event/(?P<name>.+)")
REPLY = re.compile(r"hub/v1/[^/]+/(?:[^/]+/reply/.+|ask)")


class Events:
    """What one run published. Give it everything in the order in which it came."""

    def __init__(self, utc_ms: float) -> None:
        """`utc_ms`: UTC of t = 0."""
        self._utc_ms = utc_ms
        self._travels: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}
        self._journals: dict[str, str] = {}

    def fact(self, topic: str, payload: bytes, t: float, entry: int = 0) -> Fact | None:
        """An event, a reply or a question as a fact; None = a state, which says again what events said."""
        found = EVENT.fullmatch(topic)
        if found is None:
            known = REPLY.fullmatch(topic)
            return self._other(topic, payload, t, entry) if known or not _is_state(topic) else None
        try:
            event = json.loads(payload)
            data, subject, source = dict(event["data"]), str(event["subject"]), str(event["source"])
            at = moment_ms(str(event["time"])) - self._utc_ms
        except (ValueError, KeyError, TypeError):
            return Fact(WHERE, GARBLED, f"{topic} is no event: {printable(payload)}", t, entry)
        who, _, journal = source.rpartition(":")
        about = self._called(subject, journal)
        words = self._named(data, journal)
        if isinstance(words.get("travel"), str):
            about = f"travel/{words['travel']}"
        rest = {name: value for name, value in event.items() if name not in (*SHAPES, "source", "subject", "data")}
        wrong = [name for name, shape in SHAPES.items() if not shape.fullmatch(json.dumps(event.get(name)))]
        if entry and not -OLD_MS <= at <= t + WITHIN_MS:
            wrong, at = [*wrong, "time"], t
        if journal != self._journals.setdefault(who, journal):
            wrong.append("source")
        notes = "".join(f"; {name} is not as it must be: {json.dumps(event.get(name))}" for name in wrong)
        rest |= {"source": who, "subject": self._called(subject, journal)}
        text = f"{found['name']}: {json.dumps(words)} {json.dumps(rest)}{notes}"
        return Fact(WHERE, f"{found['node']} {about}", text, at, entry)

    def _other(self, topic: str, payload: bytes, t: float, entry: int) -> Fact:
        try:
            body = json.loads(payload)
            words = {key: value for key, value in body.items() if key not in ("time", "until_ms")}
        except (ValueError, AttributeError):
            return Fact(WHERE, topic, f"{topic}: {printable(payload)}", t, entry)
        about = str(words.get("id", words.get("code", "")))
        return Fact(WHERE, f"{topic} {about}", f"{topic}: {json.dumps(self._named(words, ''))}", t, entry)

    def _named(self, data: dict[str, Any], journal: str) -> dict[str, Any]:
        """Data without what is left apart, every travel by its name."""
        return {key: self._value(value, journal) for key, value in data.items() if key not in APART}

    def _value(self, value: Any, journal: str) -> Any:
        if isinstance(value, str):
            return self._called(value, journal)
        if isinstance(value, list):
            return [self._value(one, journal) for one in value]
        if isinstance(value, dict):
            return {key: self._value(one, journal) for key, one in value.items()}
        return value

    def _called(self, text: str, journal: str) -> str:
        """A text with the travels in it by their names, wherever they stand."""
        if found := BEGINS.fullmatch(text):
            self._name(found["line"], found["journal"], found["number"])

        def name(found: re.Match[str]) -> str:
            known = self._travels.get((found["journal"], found["number"]))
            return found[0] if known is None or journal not in ("", found["journal"]) else f"#{known}"

        return TRAVEL.sub(name, text)

    def _name(self, line: str, journal: str, number: str) -> None:
        """Number the travels of a line as they come."""
        if (journal, number) not in self._travels:
            self._counts[line] = self._counts.get(line, 0) + 1
            self._travels[journal, number] = self._counts[line]


def _is_state(topic: str) -> bool:
    return re.fullmatch(r"hub/v1/[^/]+/[^/]+/state/.+", topic) is not None


def moment_ms(text: str) -> float:
    """UTC ms of an RFC 3339 moment. Raises ValueError."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


Published = tuple[str, bytes, float, int]
"""topic, payload, t, entry"""


def in_order(published: Iterable[Published]) -> tuple[list[Published], list[Fact]]:
    """Events in the order of their sequence, the source of most of them first: each run numbers them as they happened,
    and may publish them again; then all else. And what is wrong with the numbers: one that is missing or stands twice,
    as a fact."""
    events: dict[tuple[str, str], Published] = {}
    others, wrong = [], []
    for one in published:
        key = _number(one)
        if key is None:
            others.append(one)
        elif (known := events.setdefault(key, one)) is not one and known[1] != one[1]:
            wrong.append(Fact(WHERE, "sequence", f"sequence {key[1]} of {key[0]} is given twice", one[2], one[3]))
    count = Counter(source for source, _ in events)
    keys = sorted(events, key=lambda key: (-count[key[0]], key))
    before: tuple[str, str] | None = None
    for key in keys:
        if before is not None and before[0] == key[0] and int(key[1]) != int(before[1]) + 1:
            text = f"sequence {int(key[1])} of {key[0]} follows {int(before[1])}"
            wrong.append(Fact(WHERE, "sequence", text, events[key][2], events[key][3]))
        before = key
    return [events[key] for key in keys] + others, wrong


def _number(one: Published) -> tuple[str, str] | None:
    """(source, sequence) of an event; None = it is none."""
    if EVENT.fullmatch(one[0]) is None:
        return None
    try:
        event = json.loads(one[1])
        return str(event["source"]), f"{int(event['sequence']):020}"
    except (ValueError, KeyError, TypeError):
        return None
