"""Ready floors: whole floor files that a technician can write into a folder, run, read and change.

Each floor is one module here whose name does not begin with `_`; `_` in the file's name is `-` in the floor's. It has
`TITLE` (one line), `FLOORS` (its floor files, the first one is the main one) and `texts(place)`: file name -> content.
Its numbers are constants, and their arithmetic stands in its docstring and at the top of what it writes.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from firmware_stubs.floors._toml import Place, PlaceError

__all__ = ["BROKER", "SITE", "Place", "PlaceError", "UnknownFloorError", "load", "names", "write"]

BROKER, SITE = "mqtt://127.0.0.1:1883", "lgg"


class UnknownFloorError(ValueError):
    """There is no ready floor of that name; the text says which there are."""


def names() -> list[str]:
    """The ready floors, by name."""
    return sorted(info.name.replace("_", "-") for info in pkgutil.iter_modules(__path__) if info.name[0] != "_")


def load(name: str) -> ModuleType:
    """The module of a ready floor. Raises UnknownFloorError."""
    if name not in names():
        meant = difflib.get_close_matches(name, names(), 1, 0.5)
        hint = f"did you mean {meant[0]!r}?" if meant else f"there are {', '.join(names())}"
        raise UnknownFloorError(f"no ready floor is called {name!r}; {hint}")
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")


def write(
    name: str, folder: Path, *, broker: str = BROKER, site: str = SITE, port: Callable[[int], int] = int
) -> list[Path]:
    """Write a floor's files into a folder, which is made if it is missing; the paths of its floor files. `port`: which
    TCP port is taken in place of a usual one.

    Raises UnknownFloorError, PlaceError when folder, broker or site cannot stand in a floor file, FileExistsError
    when one of the files is there already: nothing is written then.
    """
    module = load(name)
    texts: dict[str, str] = module.texts(Place(str(folder.absolute()), broker, site, port))
    if there := [file for file in texts if (folder / file).exists()]:
        raise FileExistsError(f"{folder / there[0]} is there already; choose another folder, or delete it")
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    return [folder / file for file in module.FLOORS]
