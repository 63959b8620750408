"""The states of a line's elements as its PLC sees them, and what CMND does to them.

Source: PLC interface v1 §2 (STAT, CMND, states). A lane closed by BLCK shows LOCK whatever its chute eye says; an
induction that is inhibited shows STOP. What a local hand locked only a local hand frees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firmware_stubs.plcs._tracking import Geometry

LINE = "LINE"
STATES = frozenset("RUN STOP JAM FULL HALF FREE LOCK NCON FALT ESTP MANU MAIN SLOW".split())
COMMANDS = frozenset("STOP INHB ENAB BLCK OPEN EMPT ACKN".split())
QUIET = frozenset({"RUN", "FREE"})  # not told again in a synchronisation
OPEN_STATES = frozenset({"FREE", "HALF", "RUN", "SLOW"})


@dataclass(frozen=True, slots=True)
class State:
    """What an element shows, and since when."""

    state: str
    code: str
    since: float


class Elements:
    """LINE, the lanes and the inductions; `changed` hears of every change."""

    def __init__(self, geometry: Geometry, now: float, changed: Callable[[str, State], None]) -> None:
        self.lanes = frozenset(geometry.lanes)
        self.inductions = frozenset(geometry.inductions)
        self._points = frozenset(geometry.points)
        self._changed = changed
        normal = {LINE: "RUN"} | dict.fromkeys(self.lanes, "FREE") | dict.fromkeys(self.inductions, "RUN")
        self._told = {element: State(state, "", now) for element, state in normal.items()}
        self._shown = dict(self._told)
        self._closed: set[str] = set()  # by CMND: lanes blocked, inductions inhibited
        self.stop_wanted = False

    def state(self, element: str) -> str:
        """What the element shows."""
        return self._shown[element].state

    def is_open(self, lane: str) -> bool:
        """Whether the lane takes an item now."""
        return self.state(lane) in OPEN_STATES

    def inhibited(self) -> frozenset[str]:
        """The inductions that CMND inhibited."""
        return self.inductions & self._closed

    def disturbed(self) -> list[tuple[str, State]]:
        """Every element that is not RUN or FREE."""
        return [(element, state) for element, state in self._shown.items() if state.state not in QUIET]

    def sense(self, element: str, state: str, now: float, code: str = "") -> None:
        """A sensor, a button or a drive says what the element is."""
        if element not in self._told:
            raise ValueError(f"element {element!r} is not on this line; give one of {sorted(self._told)}")
        if state not in STATES:
            raise ValueError(f"state {state!r} does not exist; give one of {sorted(STATES)}")
        self._told[element] = State(state, code, now)
        self._show(element, now)

    def _show(self, element: str, now: float) -> None:
        told = self._told[element]
        shown = told
        if element in self._closed:
            shown = State("LOCK" if element in self.lanes else "STOP", "", now)
        if (shown.state, shown.code) != (self._shown[element].state, self._shown[element].code):
            self._shown[element] = State(shown.state, shown.code, now)
            self._changed(element, self._shown[element])

    def forget_commands(self) -> None:
        """A start without memory: nothing is closed by command any more."""
        closed, self._closed = self._closed, set()
        for element in closed:
            self._shown[element] = self._told[element]

    def stop(self, now: float) -> None:
        """The PLC stops the belt; only a local hand starts it again."""
        self.stop_wanted = True
        if self.state(LINE) == "RUN":
            self.sense(LINE, "STOP", now)

    def belt(self, moves: bool, now: float) -> None:
        """The belt stopped or runs again."""
        if moves:
            self.stop_wanted = False
            if self.state(LINE) == "STOP":
                self.sense(LINE, "RUN", now)
        elif self.state(LINE) == "RUN":
            self.sense(LINE, "STOP", now)

    def command(self, element: str, command: str, now: float) -> str | None:
        """Do what a CMND asks; a refusal code if it cannot be."""
        if command not in COMMANDS:
            return "FORM"
        if self.state(LINE) == "MANU":
            return "MODE"
        if command in ("BLCK", "OPEN"):
            if element not in self.lanes:
                return "LUNK"
            self._close({element}, command == "BLCK", now)
        elif command in ("INHB", "ENAB"):
            if element != LINE and element not in self.inductions:
                return "PUNK"
            self._close(self.inductions if element == LINE else {element}, command == "INHB", now)
        elif element not in self._told and element not in self._points:
            return "PUNK"
        elif command == "STOP":
            self.stop(now)
        elif command == "EMPT":
            self._close(self.inductions, True, now)
        return None

    def _close(self, elements: frozenset[str] | set[str], close: bool, now: float) -> None:
        for element in sorted(elements):
            (self._closed.add if close else self._closed.discard)(element)
            self._show(element, now)
