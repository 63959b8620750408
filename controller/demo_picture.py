"""What the demo shows while it runs: a picture at a terminal, else a plain line now and then.

The picture is drawn over itself: the cursor goes up to its first row, every row is written anew and the rest of it
cleared, all in one write, so nothing flickers and what stood on the terminal before stays. Colours only repeat what
the characters say, and NO_COLOR turns them off.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

from controller.demo_drawing import HEIGHT, WIDTH, State, draw, figures
from controller.demo_floor import line_names

if TYPE_CHECKING:
    from controller.demo import Demo

LINE_EVERY_S = 2.0
FRAME_EVERY_S = 0.1

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
CLEAR_ROW, CLEAR_BELOW = "\x1b[K", "\x1b[J"
PAINTED = re.compile(r"(?P<full>\[[^]]*\])|(?P<held>H)|(?P<exception>x)")
COLOURS = {"full": "1;31", "held": "1;33", "exception": "35"}
BELT_ROW = re.compile(r"\S+ *\|.*\|.*|[ \d]*\[[ \d\[\]]*")


class Picture:
    """Shows a demo until it is cancelled."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._began = _now()

    async def show(self) -> None:
        """A picture if stderr or stdout is a terminal, else one line on stderr every two seconds; quiet: nothing."""
        if self._demo.options.quiet:
            await asyncio.Event().wait()
        terminal = find_terminal((sys.stderr, sys.stdout), os.environ)
        if terminal is not None:
            await self._redraw(Screen(terminal, coloured="NO_COLOR" not in os.environ))
        while True:
            await asyncio.sleep(LINE_EVERY_S)
            print(self.line(_now()), file=sys.stderr, flush=True)

    async def _redraw(self, screen: Screen) -> None:
        try:
            while True:
                screen.show(self.state(), _now())
                await asyncio.sleep(FRAME_EVERY_S)
        finally:
            screen.show(self.state(), _now())
            screen.leave()

    def state(self) -> State:
        """The run as the picture wants it."""
        demo = self._demo
        lines = tuple(line_names(demo.options.lines))
        options = demo.options
        return State(demo.ledger, lines, options.rate, options.parcels, self._began, demo.restarts, demo.stopping)

    def line(self, now: float) -> str:
        """The run in one line."""
        ledger, late = self._demo.ledger, figures(self._demo.ledger, now)
        p50 = "-" if late.p50 is None else f"{late.p50:.2f} ms"
        return (
            f"{len(ledger.physical)} inducted, {ledger.in_lanes} in lanes, {len(ledger.terminals)} reported, "
            f"scan to divert p50 {p50}, full: {' '.join(sorted(ledger.full)) or 'none'}, restarts {self._demo.restarts}"
        )


class Screen:
    """A part of a terminal that is drawn over and over; below it the cursor waits."""

    def __init__(self, terminal: TextIO, *, coloured: bool) -> None:
        self._terminal = terminal
        self._coloured = coloured
        self._rows = 0
        self._size = (0, 0)

    def show(self, state: State, now: float) -> None:
        """Draw over what was drawn last. After a change of size, which moves the old rows about, begin below them."""
        size = _size(self._terminal)
        rows = draw(state, now, size[0], size[1] - 1)
        up = f"\x1b[{self._rows}A" if self._rows and size == self._size else ""
        painted = [paint(row) if self._coloured else row for row in rows]
        text = "".join(f"{row}{CLEAR_ROW}\r\n" for row in painted)
        self._write(f"{HIDE_CURSOR}\r{up}{text}{CLEAR_BELOW}")
        self._rows, self._size = len(rows), size

    def leave(self) -> None:
        """Give the cursor back, below the picture."""
        self._write(f"\r\n{SHOW_CURSOR}")

    def _write(self, text: str) -> None:
        self._terminal.write(text)
        self._terminal.flush()


def find_terminal(streams: tuple[TextIO, ...], environment: Mapping[str, str]) -> TextIO | None:
    """The first that is a terminal which can move its cursor."""
    if environment.get("TERM", "dumb") == "dumb":
        return None
    return next((stream for stream in streams if stream.isatty()), None)


def paint(row: str) -> str:
    """A row with colours, if it is one of a belt."""
    if not BELT_ROW.fullmatch(row):
        return row
    return PAINTED.sub(lambda found: f"\x1b[{COLOURS[found.lastgroup or '']}m{found[0]}\x1b[0m", row)


def _size(terminal: TextIO) -> tuple[int, int]:
    """Columns and rows; of a terminal that does not know, the usual ones."""
    try:
        columns, rows = os.get_terminal_size(terminal.fileno())
    except (OSError, ValueError):
        columns, rows = 0, 0
    return columns or WIDTH, rows or HEIGHT


def _now() -> float:
    return time.monotonic() * 1000
