"""Where the floor's files and floord's sockets are. An edge."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from controller.commands._where import JOURNAL, SOCKET, Unknown, state_dir

FLOORSIM = "floorsim.sock"


def folder_of(floor: Path) -> Path:
    """The folder of floorsim's socket: that of the floor file, also where --floor names the state_dir in it."""
    folder = floor if floor.is_dir() else floor.parent
    if any((folder / name).exists() for name in (JOURNAL, SOCKET)) and not (folder / FLOORSIM).exists():
        return folder.absolute().parent
    return folder


def floor_files(folder: Path, named: Iterable[str]) -> list[Path]:
    """Those of the floor files that floorsim names which can be found: as named, seen from the folder, or in it."""
    found = []
    for name in named:
        paths = (folder / name, folder / Path(name).name, Path(name))
        found += [next(path for path in paths if path.is_file())] if any(path.is_file() for path in paths) else []
    return found


def state_dirs(floors: Iterable[Path]) -> list[Path]:
    """The state_dir of each floor that names one."""
    found = []
    for floor in floors:
        try:
            found.append(state_dir(floor))
        except Unknown:
            continue
    return found
