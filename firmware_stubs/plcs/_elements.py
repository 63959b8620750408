"""The states of a line's elements as its PLC sees them, and what CMND does to them.

Source: PLC interface v1 §2 (STAT, CMND, LAMP, BUTN, CONT, states). A lane closed by BLCK or by its button shows LOCK,
one whose container is gone NCON, whatever its chute eye says; an induction that is inhibited shows STOP. What a local
hand locked only a local hand frees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from firmware_stubs.plcs._geometry import Geometry

LINE = "LINE"
STATES = frozenset("RUN STOP JAM FULL HALF FREE LOCK NCON FALT ESTP MANU MAIN SLOW".split())
COMMANDS = frozenset("STOP INHB ENAB BLCK OPEN EMPT ACKN".split())
BUTTONS = frozenset("CLOS LOCK FREE".split())
QUIET = frozenset({"RUN", "FREE"})  # not told again in a synchronisation
OPEN_STATES = frozenset({"FREE", "HALF", "RUN", "SLOW"})


class State(NamedTuple):
    """What an element shows, and since when."""

    state: str
    code: str
    since: float


class Lamp(NamedTuple):
    """What the display at an element shows: colour `R G B Y W -`, mode `S` steady or `B` blinking, a text."""

    colour: str
    mode: str
    text: str


class Elements:
    """LINE, the lanes and the points; `changed` hears of every change."""

    def __init__(self, geometry: Geometry, now: float, changed: Callable[[str, State], None]) -> None:
        self.lanes = frozenset(geometry.lanes)
        self.inductions = frozenset(geometry.inductions)
        self.inhibited: frozenset[str] = frozenset()  # inductions, by CMND
        self.lamps: dict[str, Lamp] = {}
        self.stop_wanted = False
        self._jammed = False  # the PLC stopped the line because of an eye
        self._changed = changed
        # In an order that is the same in every run: STATs of a synchronisation come in it.
        normal = {LINE: "RUN"} | dict.fromkeys(geometry.lanes, "FREE") | dict.fromkeys(sorted(self.inductions), "RUN")
        normal |= dict.fromkeys(sorted(set(geometry.points) - self.inductions), "RUN")
        self._told = {element: State(state, "", now) for element, state in normal.items()}
        self._shown = dict(self._told)
        self._closed: set[str] = set()  # by CMND: lanes blocked, inductions inhibited
        self._locked: set[str] = set()  # lanes, by their button
        self._empty: set[str] = set()  # lanes whose container is gone

    def state(self, element: str) -> str:
        """What the element shows."""
        return self._shown[element].state

    def is_open(self, lane: str) -> bool:
        """Whether the lane takes an item now."""
        return self._shown[lane].state in OPEN_STATES

    def disturbed(self) -> list[tuple[str, State]]:
        """Every element that is not RUN or FREE."""
        return [(element, state) for element, state in self._shown.items() if state.state not in QUIET]

    # What sensors and hands say

    def sense(self, element: str, state: str, now: float, code: str = "") -> None:
        """A sensor, a button or a drive says what the element is."""
        if element not in self._told:
            raise ValueError(f"element {element!r} is not on this line; give one of {sorted(self._told)}")
        if state not in STATES:
            raise ValueError(f"state {state!r} does not exist; give one of {sorted(STATES)}")
        self._told[element] = State(state, code, now)
        self._show(element, now)

    def press(self, lane: str, button: str, now: float) -> None:
        """A button at a lane: `LOCK` closes it, `FREE` opens what a hand locked."""
        if button == "LOCK":
            self._locked.add(lane)
        elif button == "FREE":
            self._locked.discard(lane)
            if self._told[lane].state == "LOCK":
                self._told[lane] = State("FREE", "", now)
        self._show(lane, now)

    def container(self, lane: str, present: bool, now: float) -> None:
        """A container came to a lane or is gone."""
        (self._empty.discard if present else self._empty.add)(lane)
        self._show(lane, now)

    def stop(self, now: float) -> None:
        """The PLC stops the belt; only a local hand starts it again."""
        self.stop_wanted = True
        if self.state(LINE) == "RUN":
            self.sense(LINE, "STOP", now)

    def jam(self, point: str, now: float) -> None:
        """The eye of a point was covered for too long: the PLC stops the belt; only a local hand starts it again."""
        self.sense(point, "JAM", now)
        self.stop_wanted = self._jammed = True
        self.sense(LINE, "JAM", now)

    def belt(self, moves: bool, now: float) -> None:
        """The belt stopped or runs again."""
        if moves:
            self.stop_wanted = False
            if self.state(LINE) == ("JAM" if self._jammed else "STOP"):
                self.sense(LINE, "RUN", now)
            self._jammed = False
        elif self.state(LINE) == "RUN":
            self.sense(LINE, "STOP", now)

    def _present(self, element: str, now: float) -> State:
        if element in self._closed or element in self._locked:
            return State("LOCK" if element in self.lanes else "STOP", "", now)
        return State("NCON", "", now) if element in self._empty else self._told[element]

    def _show(self, element: str, now: float) -> None:
        shown = self._present(element, now)
        if shown[:2] != self._shown[element][:2]:
            self._shown[element] = State(shown.state, shown.code, now)
            self._changed(element, self._shown[element])

    # What the controller asks

    def forget_commands(self, now: float) -> None:
        """A start without memory: nothing is closed by command any more, and no lamp shines."""
        closed, self._closed = self._closed, set()
        self.inhibited = frozenset()
        self.lamps.clear()
        for element in sorted(closed):
            self._shown[element] = self._present(element, now)

    def light(self, element: str, lamp: Lamp) -> str | None:
        """Do what a LAMP asks; a refusal code if it cannot be."""
        if lamp.colour not in tuple("RGBYW-") or lamp.mode not in ("S", "B"):
            return "FORM"
        if element not in self._told:
            return "LUNK"
        self.lamps[element] = lamp
        return None

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
        elif element not in self._told:
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
        self.inhibited = self.inductions & self._closed
