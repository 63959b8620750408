"""What a driver lives through, as bytes: a fuzzer changes the bytes, `run` plays them and judges the driver.

One byte chooses the settings, among those of the kind's transcript. Then come steps: a byte that says what is done, a
byte of size (255 = two more bytes hold it), and for what is fed so many bytes: on a broker topic, LF, payload.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from controller.commands._texts import settings as settings_of
from devices.driver import load
from devices.types import (
    Command,
    Destination,
    Garbled,
    HandAnswer,
    Item,
    Kept,
    Lamp,
    Message,
    Passage,
    Read,
    Request,
    SetTime,
    Token,
    Trigger,
)
from tests import transcripts
from tests.ears import KINDS, conversation_settings, held, messages_of, settings_groups

FEED, RETAINED, TICK, SEND, CONFIRM, REOPEN = range(6)
STEPS = 6
NO_TAKE = 0x80
"""Set in a step: what the driver wants to write is not taken after it; a slow wire."""

PAUSES = (0.0, 1.0, 20.0, 120.0, 600.0, 2500.0, 11_000.0, 61_000.0, 700_000.0)
COMMANDS: tuple[Command, ...] = (
    Trigger(True),
    Trigger(False),
    HandAnswer("t1", "s1", "ok", "to lane 7", "short"),
    Destination("P1", 7, 1, "PLAN", ("L07", "L08")),
    Request("DRV-1", "RSET", "c1"),
    SetTime(1_790_000_000_000),
    Lamp("L07", "GREEN", "ON", "7"),
)
ROOM = 600_000
"""Bytes that a driver may hold after a script; the longest frame of any kind is 64 kB, and it may be there twice."""
REASONS = 80
WRITES = (64_000, 32)
"""What may be written without a byte heard, and for each byte heard."""


class Wrong(AssertionError):
    """A driver did what no bytes may make it do."""


@dataclass(frozen=True)
class Step:
    """`size` of the bytes, or a number that chooses among pauses or commands."""

    do: int
    data: bytes = b""
    number: int = 0
    take: bool = True


def written(group: int, steps: Iterable[Step]) -> bytes:
    """A script as bytes."""
    out = bytearray([group])
    for step in steps:
        size = len(step.data) if step.do in (FEED, RETAINED) else step.number
        head = bytes([size]) if size < 255 else b"\xff" + min(size, 65535).to_bytes(2)
        out += bytes([step.do | (0 if step.take else NO_TAKE)]) + head + step.data[:65535]
    return bytes(out)


def parsed(script: bytes) -> Iterator[Step]:
    """The steps of any bytes."""
    at = 1
    while at + 1 < len(script):
        do, size, at = script[at], script[at + 1], at + 2
        if size == 255:
            size, at = int.from_bytes(script[at : at + 2]), at + 2
        what, take = (do & 0x7F) % STEPS, not do & NO_TAKE
        if what in (FEED, RETAINED):
            yield Step(what, script[at : at + size], size, take)
            at += size
        else:
            yield Step(what, b"", size, take)


def groups(kind: str) -> list[tuple[str, ...]]:
    """The settings that a script can choose."""
    return settings_groups(kind) if kind in KINDS else conversation_settings(kind)


def seeds(kind: str) -> list[bytes]:
    """Scripts from the transcript: each message alone, and all of them with everything that can happen between."""
    found: list[bytes] = []
    for number, texts in enumerate(groups(kind)):
        fed = [Step(FEED, data) for data in _recorded(kind, texts)]
        found += [written(number, [step, Step(TICK, number=4)]) for step in fed]
        between = [Step(CONFIRM, number=9), Step(SEND, number=0), Step(TICK, number=2), Step(TICK, number=5)]
        found.append(written(number, fed))
        found.append(written(number, [step for one in fed for step in (one, *between)]))
        found.append(written(number, [*fed[:20], Step(REOPEN), *fed[:20]]))
    return sorted(set(found))


def _recorded(kind: str, texts: tuple[str, ...]) -> list[bytes]:
    if kind in KINDS:
        return [message.raw for message in messages_of(kind, texts)]
    return [f"{said.topic}\n".encode() + said.payload for said in transcripts.conversation(kind)]


def run(kind: str, script: bytes) -> None:
    """Play a script. Raises Wrong, or whatever the driver raises."""
    Life(kind, script[0] if script else 0).live(parsed(script))


@cache
def _made_of(kind: str) -> tuple[Any, list[Any]]:
    """Its class, and its settings: nothing that is the same for every script is done for each."""
    module = load(kind)
    return module.Driver, [settings_of(module.Settings, texts) for texts in groups(kind)]


class Life:
    """One driver on one wire, and what is true of it all the time."""

    def __init__(self, kind: str, group: int) -> None:
        kind_of_driver, known = _made_of(kind)
        self.driver: Any = kind_of_driver(known[group % len(known)])
        self.now, self.fed, self.written = 1000.0, 0, 0
        self._mqtt = kind not in KINDS
        self._waiting: deque[Token] = deque(maxlen=1000)
        self._kept = Kept()
        self._asked: tuple[str, str] | None = None  # device and scan of the last hand
        self.driver.opened(self.now, self._kept)

    def live(self, steps: Iterable[Step]) -> None:
        """All steps, then the end of the channel."""
        for step in steps:
            self._do(step)
            if step.take:
                self._took()
        self._items(self.driver.closed(self.now))
        self._took()
        self._judge()

    def _do(self, step: Step) -> None:
        match step.do:
            case 0 | 1:
                self.fed += len(step.data)
                self._items(self.driver.feed(self._heard(step), self.now))
            case 2:
                self._pause(PAUSES[step.number % len(PAUSES)])
            case 3:
                command = COMMANDS[step.number % len(COMMANDS)]
                if isinstance(command, HandAnswer) and self._asked:
                    command = replace(command, device=self._asked[0], ref=self._asked[1])
                try:
                    self.driver.send(command, self.now, self.now + 1000.0 if step.number & 0x80 else None)
                except (TypeError, ValueError):
                    pass  # not a command of this machine: the caller is told
            case 4:
                for _ in range(min(step.number, len(self._waiting))):
                    token = self._waiting.popleft()
                    self._kept = Kept(*token)
                    self.driver.confirm(token, self.now)
            case 5:
                self._items(self.driver.closed(self.now))
                self._waiting.clear()
                self.driver.opened(self.now, self._kept)

    def _heard(self, step: Step) -> bytes | Message:
        if not self._mqtt:
            return step.data
        topic, _, payload = step.data.partition(b"\n")
        return Message(topic.decode(errors="replace"), payload, retain=step.do == RETAINED)

    def _pause(self, ms: float) -> None:
        """Time passes; what is due in it happens when it is due, as often as it may."""
        end, before, same = self.now + ms, None, 0
        for _ in range(60):
            due = self.driver.next_at()
            if due is None or due > end:
                break
            same = same + 1 if due == before else 0
            if same > 20:
                raise Wrong(f"woken for ever at {due}")
            before, self.now = due, max(self.now, due)
            self._items(self.driver.tick(self.now))
            self._took()
        self.now = end
        self._items(self.driver.tick(self.now))

    def _items(self, items: Iterable[Item]) -> None:
        for item in items:
            token = getattr(item, "token", None)
            if token is not None:
                self._waiting.append(token)
            if isinstance(item, Read) and item.hand is not None:
                self._asked = item.reader, item.hand.ref
            if isinstance(item, Garbled) and (len(item.raw) > 64 and not item.refused):
                raise Wrong(f"a Garbled of {len(item.raw)} bytes")
            if isinstance(item, Garbled) and not _words(item.why):
                raise Wrong(f"why = {item.why!r}")
            if isinstance(item, Read | Passage) and _unclean(item.text):
                raise Wrong(f"a code with control characters: {item.text!r}")

    def _took(self) -> None:
        taken = self.driver.take()
        self.written += len(taken) if isinstance(taken, bytes) else sum(len(one.payload) + 64 for one in taken)
        if self._mqtt != isinstance(taken, list) and taken:
            raise Wrong(f"took {type(taken).__name__}")
        # What time makes a driver say (life signs) is bounded by the pauses, what is heard by its length.
        if self.written > WRITES[0] + WRITES[1] * self.fed + self.now:
            raise Wrong(f"{self.written} bytes written for {self.fed} heard")

    def _judge(self) -> None:
        reasons = [*self.driver.counters.garbled, *self.driver.counters.noted]
        if len(reasons) > REASONS or not all(map(_words, reasons)):
            raise Wrong(f"counters by too many or strange reasons: {reasons}")
        if self.fed > 1000 and held(self.driver) > ROOM:
            raise Wrong(f"{held(self.driver)} bytes held after {self.fed} heard")


def _words(text: str) -> bool:
    return 0 < len(text) <= 160 and text.isascii() and text.isprintable()


def _unclean(text: str) -> bool:
    allowed = "\x1d\x1e\x04" if text.startswith("[)>\x1e") else "\x1d"
    return any((ord(ch) < 32 or 127 <= ord(ch) < 160) and ch not in allowed for ch in text)
