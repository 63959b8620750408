"""Bugs planted on purpose, to see that the simulation finds them. Each is a context: afterwards all is whole again.

A bug breaks the code under test by putting another function in the place of one of its own; the wire stays real.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from controller import closure, container_events, deciding, doubt, floor_state, line, matching
from controller import customs as customs_book
from tests.sim.floor_text import Floor
from tests.sim.story import Story


@dataclass(frozen=True)
class Planted:
    """One bug: what it breaks, the faults near which it shows, and what the floor must be like."""

    what: str
    broken: Callable[[], list[tuple[Any, str, Any]]]
    """(where, name, what stands there instead)"""
    promise: str
    """what it breaks"""
    kinds: tuple[str, ...] = ()
    open_closure: bool = False
    one_line: bool = False
    """on one line alone it shows sooner"""
    shows: int = 1
    """A seed in which it did; where a search in a hurry begins."""

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The bug is there inside."""
        before = []
        for where, name, instead in self.broken():
            before.append((where, name, getattr(where, name)))
            setattr(where, name, instead)
        try:
            yield
        finally:
            for where, name, was in before:
                setattr(where, name, was)

    def story(self, seed: int, minutes: float) -> Story:
        """A story in which it may show."""
        floor = Floor(open_closure=self.open_closure)
        if self.one_line:
            floor = replace(floor, lines=("S1",), loop=False, parcels_per_hour=5000)
        return Story(seed, minutes, floor)


def _window() -> list[tuple[Any, str, Any]]:
    """A read goes to the parcel behind the one that was at the reader."""
    real = matching.match

    def match(at: float, window: float, items: list[tuple[str, float, float]]) -> Any:
        found = real(at, window, items)
        order = [item[0] for item in sorted(items, key=lambda item: -item[1])]
        if found.travel is None or order[-1] == found.travel:
            return found
        return replace(found, travel=order[order.index(found.travel) + 1])

    return [(line, "match", match), (line, "reach", lambda window: line.NEAR_MM)]


def _hold_ignored() -> list[tuple[Any, str, Any]]:
    real = deciding._same

    def same(travel: Any, decision: Any, question: Any) -> bool:
        standing = travel.decision
        return (standing is not None and standing.released and not travel.resend) or real(travel, decision, question)

    return [(deciding, "_same", same)]


def _double_terminal() -> list[tuple[Any, str, Any]]:
    real = floor_state.FloorState.keep

    def keep(self: Any, kind: str, key: str, value: object | None) -> None:
        if kind != "travel" or value is not None:
            real(self, kind, key, value)

    return [(floor_state.FloorState, "keep", keep)]


def _late_sent() -> list[tuple[Any, str, Any]]:
    real = deciding.consider

    def consider(floor: Any, line: Any, travel: Any, now: float, look: Any) -> None:
        decide_by, travel.decide_by = travel.decide_by, None
        try:
            real(floor, line, travel, now, look)
        finally:
            travel.decide_by = decide_by

    return [(deciding, "consider", consider)]


def _counted_twice() -> list[tuple[Any, str, Any]]:
    real = floor_state.FloorState.heads_for

    def heads_for(self: Any, decision: Any, change: int) -> None:
        real(self, decision, change)
        if change > 0:
            real(self, decision, change)

    return [(floor_state.FloorState, "heads_for", heads_for)]


def _older_sequence() -> list[tuple[Any, str, Any]]:
    real = customs_book.Book.take

    def take(self: Any, record: Any, now: float) -> bool:
        known = self.records.get(record.key)
        if known is not None and record.sequence <= known.sequence:
            record = record.model_copy(update={"sequence": known.sequence + 1})
        return real(self, record, now)

    return [(customs_book.Book, "take", take)]


def _other_authority() -> list[tuple[Any, str, Any]]:
    real = customs_book.Book.take

    def take(self: Any, record: Any, now: float) -> bool:
        news = real(self, record, now)
        if record.status == "release":
            for key in list(self.by_subject.get((record.subject_kind, record.subject_id), ())):
                self.records[key] = self.records[key].model_copy(update={"status": "release"})
        return news

    return [(customs_book.Book, "take", take)]


def _open_closure() -> list[tuple[Any, str, Any]]:
    def nothing(*_: Any) -> list[Any]:
        return []

    return [(closure, "report", nothing), (closure, "still_open", nothing)]


def _new_bag() -> list[tuple[Any, str, Any]]:
    real = container_events.added

    def added(floor: Any, lane: Any, travel: Any, ordinal: int, at: float, now: float) -> Any:
        return real(floor, lane, travel, ordinal, now, now)

    return [(container_events, "added", added)]


def _no_doubt() -> list[tuple[Any, str, Any]]:
    def nothing(*_: Any) -> None:
        """Nobody is doubted."""

    return [(doubt, "cast", nothing)]


BUGS: dict[str, Planted] = {
    "window": Planted("a read goes to the parcel behind", _window, "P6 P17"),
    "hold": Planted("a hold after the decision is ignored", _hold_ignored, "P17", ("customs at any moment",)),
    "double": Planted(
        "a travel that ended is kept, and ends again after a restart", _double_terminal, "conservation", ("kill",)
    ),
    "late": Planted(
        "an answer is sent after its deadline",
        _late_sent,
        "P5",
        ("customs at any moment", "kill", "cable late"),
        shows=26,
    ),
    "capacity": Planted("what is on its way to a lane counts twice", _counted_twice, "P14"),
    "sequence": Planted("an older record lifts a hold", _older_sequence, "P17", ("old record again",)),
    "authority": Planted(
        "a release lifts the hold of another authority", _other_authority, "P17", ("another authority",)
    ),
    "closure": Planted("the PLC's default lane is not supervised", _open_closure, "P17", (), open_closure=True),
    "bag": Planted(
        "a drop is booked to the container that stands there now",
        _new_bag,
        "containers",
        ("container changed", "cable cut"),
        one_line=True,
        shows=54,
    ),
    "doubt": Planted(
        "nobody beside a lost or unknown item is doubted", _no_doubt, "doubt", ("slip", "put on", "swap"), shows=2
    ),
}
