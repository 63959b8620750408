"""Items for one stub alone: given at the start, typed on stdin, or one every so many seconds. Lines of a manifest."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_LOOK_S = 0.05  # whether they may come
_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to come. `first`: the codes of one item each, one after another; `again`: in turn, for ever.

    `every_s` None = `first` with a second between them, and nothing by itself behind them. `stdin`: a line is an item,
    several codes with tabs between them; an empty one is an item without a code. `most` None = no end.
    """

    place: dict[str, str | int]  # what each line of the manifest has beside its parcel and codes
    first: Sequence[str] = ()
    again: Sequence[str] = ()
    every_s: float | None = None
    stdin: int | None = None
    most: int | None = None


class Items:
    """Writes the manifest to a pipe, whose end to read from is `fd`; closes it when no more will come."""

    def __init__(self, wishes: Wishes, may_come: Callable[[], bool]) -> None:
        self.fd, self._pipe = os.pipe()
        self._wishes = wishes
        self._may_come = may_come
        self._loop = asyncio.get_running_loop()
        self._first = deque(wishes.first)
        self._again = itertools.cycle(wishes.again) if wishes.again else None
        self._count = 0
        self._typed = bytearray()
        self._lines = 0
        self._reading = False
        self._timer = self._loop.call_soon(self._begin)

    def close(self) -> None:
        """No more come."""
        self._timer.cancel()
        self._stop_reading()
        self._end()
        os.close(self.fd)

    def _begin(self) -> None:
        if not self._may_come():
            self._timer = self._loop.call_later(_LOOK_S, self._begin)
            return
        if self._wishes.stdin is not None:
            try:
                self._loop.add_reader(self._wishes.stdin, self._read)
                self._reading = True
            except OSError:  # a file, which is there at once
                while self._read():
                    pass
        self._next()

    def _next(self) -> None:
        """One that comes by itself, if one does."""
        if self._first:
            self._give([self._first.popleft()])
        elif self._wishes.every_s is not None:
            self._give([next(self._again)] if self._again else [])
        if self._pipe >= 0 and (self._first or self._wishes.every_s is not None):
            self._timer = self._loop.call_later(self._wishes.every_s or 1.0, self._next)

    def _read(self) -> bool:
        assert self._wishes.stdin is not None
        data = os.read(self._wishes.stdin, _BYTES)
        self._typed += data
        *lines, rest = bytes(self._typed if data else self._typed + b"\n").split(b"\n")
        self._typed = bytearray(rest)
        if not data and lines == [b""]:
            lines = []
        for line in lines:
            text = line.rstrip(b"\r").decode("latin-1")
            self._give(text.split("\t") if text else [])
        self._lines += len(lines)
        if not data:
            self._stop_reading()
            if self._lines and not self._first and self._wishes.every_s is None:
                self._end()
        return bool(data)

    def _give(self, codes: list[str]) -> None:
        if self._pipe < 0:
            return
        self._count += 1
        line = {"parcel": f"item-{self._count}", "codes": codes, **self._wishes.place}
        os.write(self._pipe, json.dumps(line).encode() + b"\n")
        if self._count == self._wishes.most:
            self._end()

    def _stop_reading(self) -> None:
        if self._reading and self._wishes.stdin is not None:
            self._loop.remove_reader(self._wishes.stdin)
        self._reading = False

    def _end(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
