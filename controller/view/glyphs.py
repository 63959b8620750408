"""What one character can say of a parcel, a lane, a point or a machine. Pure.

Each meaning has its own letter or shape; ink only repeats it.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.view.facts import Exit, Lane, Light, Track

FATES = {"undecided": ("?", "?"), "over": (">", ">"), "sort": ("o", "O"), "exception": ("x", "X"), "held": ("h", "H")}
"""Where a parcel goes -> its letter alone, and where there are several in one place. The ink has the same name."""
SERIOUS = ("sort", "over", "undecided", "exception", "held")
"""Of several parcels in one place the last of these is shown."""

LEGEND = "o sort  h customs  x exception  > other line  ? undecided  OHX several  = length"

QUIET_STATES = ("FREE", "HALF", "RUN", "")
_STATE_LETTERS = {"FULL": "F", "LOCK": "L", "JAM": "J", "NCON": "N", "MAIN": "M", "STOP": "S", "ESTP": "E"}

LIGHTS = {"ok": ("+", "ok"), "quiet": ("-", "quiet"), "fault": ("!", "fault"), "off": ("x", "off")}
"""A machine's light -> its sign and ink."""
BY_GRAVITY = tuple(LIGHTS[name] for name in ("off", "fault", "quiet", "ok"))


def fate(track: Track, lane: str | None) -> str:
    """Where a parcel that is destined for this lane goes, as one of FATES."""
    if lane is None:
        return "undecided"
    if lane == track.default_lane:
        return "exception"
    exit_ = track.lanes.get(lane)
    if exit_ is None:
        return "sort"
    return "over" if exit_.leads_to else "held" if exit_.supervised else "sort"


def heap(fates: Iterable[str]) -> tuple[str, str]:
    """(letter, ink) of the parcels in one place."""
    found = list(fates)
    worst = max(found, key=SERIOUS.index)
    return FATES[worst][found.count(worst) > 1], worst


def shut(lane: Lane) -> bool:
    """Whether nothing can drop there now."""
    return lane.state.upper() not in QUIET_STATES


def fill_letter(exit_: Exit, lane: Lane) -> tuple[str, str]:
    """A lane in one character: a letter for why it is shut, else the tenths that are taken; `·` empty; `:` not empty,
    and without limit."""
    if shut(lane):
        state = lane.state.upper()
        return _STATE_LETTERS.get(state, "!"), "full"
    if not exit_.capacity:
        return (":", "plain") if lane.drops or lane.taken else ("·", "dim")
    return (str(min(9, 10 * lane.taken // exit_.capacity)), "plain") if lane.taken else ("·", "dim")


def fill_text(exit_: Exit, lane: Lane) -> tuple[str, str]:
    """A lane in some characters: why it is shut, else what lies in it, of how much."""
    if shut(lane):
        return lane.state.upper()[:4], "full"
    if exit_.leads_to:
        return f">{exit_.leads_to}", "over"
    taken = lane.taken if exit_.capacity else lane.drops
    return f"{taken}/{exit_.capacity}" if exit_.capacity else str(taken), "plain" if taken else "dim"


def worst_fill(one: tuple[str, str], other: tuple[str, str]) -> tuple[str, str]:
    """Of two lanes in one place: a shut one, else the fuller one."""
    return max(one, other, key=lambda fill: (fill[1] == "full", fill[0].isdigit(), fill[0] == ":", fill[0]))


def light(of: Light | None) -> tuple[str, str]:
    """A machine's sign and ink; a light that is not known is a fault."""
    return LIGHTS.get(of.light if of else "off", LIGHTS["fault"])


def short(name: str, line: str) -> str:
    """A name without that of its line: `L03` of `S1-L03`."""
    return name.removeprefix(f"{line}-")
