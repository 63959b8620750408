"""What a PLC may tell and show beyond the core: hand-over, scales, buttons, containers, lamps. Announced by use.

Source: PLC interface v1 §2 (HAND, MEAS, BUTN, CONT, LAMP).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from firmware_stubs.plcs._elements import BUTTONS, Lamp
from firmware_stubs.plcs._line import Line
from firmware_stubs.stub import Measures

_LINE_NAME = re.compile(r"[A-Z0-9_-]{1,4}")
_CONTAINER_MOST = 100  # bytes of a container's code


class FullLine(Line):
    """A line with everything that may hang on its PLC."""

    def handed_over(
        self,
        point: str,
        length: int,
        from_line: str,
        epoch: int,
        track: int,
        now: float,
        carrier: int = 0,
        carriers: int = 1,
    ) -> int:
        """An item of another line, known there by epoch and track, came over at this point; its new track (HAND)."""
        self._check_place(point, carrier)
        if not _LINE_NAME.fullmatch(from_line):
            raise ValueError(f"from_line {from_line!r}: 1 to 4 characters of A-Z 0-9 _ - are needed")
        self.advance(now)
        item = self._new(point, length, "S", carrier, carriers if carrier else 0)
        self._reports.tell(
            "HAND", from_line=from_line, from_epoch=epoch, from_track=track, point=point, track=item.track
        )
        if point in self._geometry.decisions:
            self._reports.arrived(item, self._gates.left_ms(item), ())
        self._settle(item)
        return item.track

    def measured(self, point: str, track: int, measures: Measures, now: float) -> None:
        """Scale and dimensioner at a point are done with an item (MEAS); one that has left is not told any more."""
        self._check_place(point, 0)
        self.advance(now)
        if track not in self.tracking.items:
            self.counts["measured_nobody"] += 1
            return
        self._reports.tell(
            "MEAS",
            point=point,
            track=track,
            grams=measures.grams,
            weight_status=measures.weight_status,
            record_id=measures.record_id,
            length=measures.length_mm,
            width=measures.width_mm,
            height=measures.height_mm,
            size_status=measures.size_status,
        )

    def read(self, point: str, track: int, codes: Sequence[bytes], now: float) -> None:
        """The scanner at a point, which hangs on the PLC, is done with an item: its codes wait for the ARRV of a
        decision point that lies there or further on, else they are told at once (CODE); not of one that has left."""
        self._check_place(point, 0)
        self.advance(now)
        item = self.tracking.items.get(track)
        if item is None:
            self.counts["read_nobody"] += 1
        elif any(self._geometry.points[ahead] >= self._geometry.points[point] for ahead in self._geometry.decisions):
            item.codes = tuple(codes)
        else:
            self._reports.read(item, point, tuple(codes))

    def button(self, lane: str, button: str, now: float) -> None:
        """Somebody pressed a button at a lane (BUTN): `CLOS` asks to close its container; `LOCK`, `FREE` it obeys."""
        self._check_lane(lane)
        if button not in BUTTONS:
            raise ValueError(f"button {button!r} does not exist; give one of {sorted(BUTTONS)}")
        self.advance(now)
        self._reports.tell("BUTN", element=lane, button=button)
        self.elements.press(lane, button, now)

    def container(self, lane: str, code: bytes, now: float, *, unlabelled: bool = False) -> None:
        """A container with this code was put at a lane (CONT P); empty = it is gone (CONT G), and the lane NCON.

        `unlabelled`: one was put there all the same, without a code.
        """
        self._check_lane(lane)
        if len(code) > _CONTAINER_MOST:
            raise ValueError(f"a container's code has {len(code)} bytes; at most {_CONTAINER_MOST} are told")
        self.advance(now)
        there = bool(code) or unlabelled
        self._reports.tell("CONT", lane=lane, presence="P" if there else "G", code=(code,))
        self.elements.container(lane, there, now)

    def destined(self, track: int) -> str | None:
        """The lane that an item obeys a DEST into, as things stand; None = none, or there is no such item."""
        item = self.tracking.items.get(track)
        return (self.obeyed_lane(item) or None) if item else None

    @property
    def lamps(self) -> dict[str, Lamp]:
        """What the displays show, by element: the last LAMP of each."""
        return self.elements.lamps
