"""Drills: scenarios with a task for a trainee, hidden faults, and answers. Each is a TOML file here, or one's own."""

from __future__ import annotations

import difflib
from pathlib import Path

from firmware_stubs.faults.kind import FaultError
from firmware_stubs.faults.scenario import Scenario, load

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The drills that come with floorsim."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def find(name: str) -> Scenario:
    """A drill by name, or by the path of a file. Raises FaultError."""
    path = Path(name) if name.endswith(".toml") else _FOLDER / f"{name}.toml"
    if not name.endswith(".toml") and name not in names():
        meant = difflib.get_close_matches(name, names(), 1, 0.5)
        hint = (
            f"did you mean {meant[0]!r}?" if meant else f"there are {', '.join(names())}, or the path of a .toml file"
        )
        raise FaultError(f"no drill is called {name!r}; {hint}")
    scenario = load(path)
    if scenario.drill is None:
        raise FaultError(f"{path}: it is a scenario without a drill; write [drill] with task, answers and par_s")
    return scenario
