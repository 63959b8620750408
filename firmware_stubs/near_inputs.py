"""Inputs that came so near each other that a recording cannot tell which the daemon took first. Pure.

A recording hears on each wire, and at the broker, what the daemon hears there, but not at the same moment: what came
on two ways within `NEAR_MS` may have been taken in the other order. (Brokers too may hand on messages of two topics in
another order to another client.) So where something differs, the orders of near inputs just before are tried. Nothing
but their order is changed, and every change of it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from firmware_stubs.checking import Result
from firmware_stubs.ears import GARBLED
from firmware_stubs.stub import Message
from firmware_stubs.talks import Difference
from firmware_stubs.wire_recording import CENTRE, DEVICE, Entry, Recording

NEAR_MS = 20.0
BEFORE_MS, AFTER_MS = 100.0, 2000.0
"""Near inputs are looked for so long before a difference, and must let all be the same until so long after it."""
TRIES = 12


@dataclass(frozen=True, slots=True)
class Settled:
    """A result, and (earlier, later) lines of inputs that were taken in the other order than recorded for it."""

    result: Result
    swapped: tuple[tuple[int, int], ...] = ()


def settled(recording: Recording, run: Callable[[Recording], Result], tries: int = TRIES) -> Settled:
    """The result of a recording, where the order of near inputs is settled by what was answered. What is damaged is no
    matter of order."""
    result = run(recording)
    swapped: list[tuple[int, int]] = []
    tried: set[frozenset[int]] = set()
    while result.differences and not _damaged(result):
        first = result.differences[0]
        for one, other in near(recording.entries, first.t):
            pair = frozenset((one.number, other.number))
            if pair in tried:
                continue
            if len(tried) >= tries:
                return Settled(result, tuple(swapped))
            tried.add(pair)
            trial = moved(recording, one, other)
            if not run(_until(trial, _shown(first, recording) + AFTER_MS)).differences:
                recording = trial
                swapped.append((one.number, other.number))
                result = run(recording)
                break
        else:
            break
    return Settled(result, tuple(swapped))


def _damaged(result: Result) -> bool:
    """Whether the file is damaged, or what differs is, or came of something that nobody understood."""
    garbled = any(one.fact.about == GARBLED for one in result.differences)
    return bool(result.changed) or garbled or result.garbled(result.differences[0])


def _shown(difference: Difference, recording: Recording) -> float:
    """When all of it was on the wire: an event is told later than it happened."""
    facts = [fact for fact in (difference.recorded, difference.now) if fact is not None]
    lines = {fact.entry for fact in facts}
    return max([fact.t for fact in facts] + [entry.t for entry in recording.entries if entry.number in lines])


def near(entries: list[Entry], t: float) -> Iterator[tuple[Entry, Entry]]:
    """(earlier, later) of near inputs before `t`: two of the centre first, then the nearest to each other."""
    inputs = [one for one in entries if one.side in (DEVICE, CENTRE) and t - BEFORE_MS <= one.t <= t + NEAR_MS]
    pairs = [
        (one, other)
        for place, one in enumerate(inputs)
        for other in inputs[place + 1 :]
        if other.t - one.t <= NEAR_MS and _way(one) != _way(other)
    ]
    yield from sorted(pairs, key=_likelihood)


def _likelihood(pair: tuple[Entry, Entry]) -> tuple[bool, float]:
    one, other = pair
    return one.side != CENTRE or other.side != CENTRE, other.t - one.t


def moved(recording: Recording, one: Entry, other: Entry) -> Recording:
    """The same with `one` right behind `other`."""
    entries = [entry for entry in recording.entries if entry is not one]
    entries.insert(entries.index(other) + 1, replace(one, t=other.t))
    return replace(recording, entries=entries)


def _until(recording: Recording, end: float) -> Recording:
    return replace(recording, entries=[entry for entry in recording.entries if entry.t <= end])


def _way(entry: Entry) -> str:
    return entry.piece.topic if entry.side == CENTRE and isinstance(entry.piece, Message) else entry.link
