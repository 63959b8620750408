"""What a line's PLC tells of its items: the events and their fields, without a wire.

Source: PLC interface v1 §2; fields are named as in its §5, without units.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from firmware_stubs.plcs._events import Event, EventBuffer, Value
from firmware_stubs.plcs._item import Item
from firmware_stubs.plcs._tracking import Tracking

# Which codes fit behind the fields of ARRV or CODE, and the rest: the encoding knows.
SplitCodes = Callable[[tuple[bytes, ...], str], tuple[tuple[bytes, ...], tuple[bytes, ...]]]


class Reports:
    """Puts events into the buffer."""

    def __init__(
        self, buffer: EventBuffer, tracking: Tracking, split_codes: SplitCodes, counts: Counter[str], evidence: str
    ) -> None:
        self._buffer = buffer
        self._tracking = tracking
        self._split_codes = split_codes
        self._counts = counts
        self._evidence = evidence

    def tell(self, kind: str, at: float | None = None, **values: Value) -> None:
        """An event that happened at this time; None = now."""
        self._buffer.add(Event(kind, self._tracking.now if at is None else at, values))

    def inducted(self, item: Item) -> None:
        """INDU."""
        self.tell(
            "INDU",
            point=item.point,
            track=item.track,
            carrier=item.carrier,
            carriers=item.carriers,
            length=item.length,
        )

    def passed(self, item: Item) -> None:
        """PASS."""
        self.tell("PASS", point=item.point, track=item.track)

    def ghost(self, item: Item, carrier: int) -> None:
        """GHST."""
        before, behind = self._neighbours(item)
        self.tell("GHST", point=item.point, track=item.track, before=before, behind=behind, carrier=carrier)

    def arrived(self, item: Item, left: int, codes: tuple[bytes, ...]) -> None:
        """ARRV, and CODE for the codes that do not fit."""
        fit, rest = self._split_codes(codes, "ARRV") if codes else ((), ())
        self.tell(
            "ARRV",
            point=item.point,
            track=item.track,
            left=left,
            length=item.length,
            gap=self._tracking.gap(item),
            carrier=item.carrier,
            lap=item.lap,
            certainty=item.certainty,
            codes=fit,
        )
        nothing, item.codes = item.codes == (), None
        if nothing and not codes:
            self.read(item, item.point, ())
        self._read_later(item, rest)

    def read(self, item: Item, point: str, codes: tuple[bytes, ...]) -> None:
        """CODE, behind ARRV; without codes it says that nothing was read."""
        if codes:
            self._read_later(item, codes)
        else:
            self.tell("CODE", point=point, track=item.track, outcome="N", codes=())

    def _read_later(self, item: Item, rest: tuple[bytes, ...]) -> None:
        while rest:
            fit, rest = self._split_codes(rest, "CODE")
            if fit:
                self.tell("CODE", point=item.point, track=item.track, outcome="R", codes=fit)
            else:
                self._counts["code_too_long"] += 1
                rest = rest[1:]

    def went_round(self, item: Item, result: str, at: float) -> None:
        """RCIR."""
        assert item.dest is not None  # who obeys none has passed none of its gates
        self.tell(
            "RCIR",
            at,
            track=item.track,
            decision=item.dest.decision,
            wanted=item.dest.lanes[0],
            result=result,
            lap=item.lap,
        )

    def left(self, item: Item, actual: str, result: str, evidence: str = "") -> None:
        """DIVC."""
        self.tell(
            "DIVC",
            track=item.track,
            decision=item.dest.decision if item.dest else 0,
            wanted=item.dest.lanes[0] if item.dest else "",
            actual=actual,
            result=result,
            evidence=evidence or self._evidence,
            lap=item.lap,
        )

    def lost(self, item: Item) -> None:
        """LOST; the item is still among its neighbours."""
        before, behind = self._neighbours(item)
        self.tell("LOST", track=item.track, last_point=item.point, before=before, behind=behind)

    def _neighbours(self, item: Item) -> tuple[int, int]:
        before, behind = self._tracking.neighbours(item)
        return (before.track if before else 0), (behind.track if behind else 0)
