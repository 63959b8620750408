"""Files that a floor file names for its brokers: they are there and can be read, and a key is nobody else's to read."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.sections import FILES
from controller.sheet import Problem
from controller.toml_lines import KeyPath
from controller.wording import dotted

if TYPE_CHECKING:
    from controller.config import Floor

SECRET = ("password_file", "key_file")


def check(floor: Floor) -> None:
    """Report every file that is missing or cannot be read; warn of a secret that all can read."""
    data = floor.sheet.data
    _section(floor, ("broker",), data.get("broker"))
    for table in ("scanner", "plc"):
        sections = data.get(table)
        for name, raw in sections.items() if isinstance(sections, dict) else ():
            _section(floor, (table, name), raw)


def _section(floor: Floor, at: KeyPath, raw: Any) -> None:
    for key in FILES if isinstance(raw, dict) else ():
        named = raw.get(key)
        if isinstance(named, str) and named and "\0" not in named and (*at, key) not in floor.sheet.broken:
            _file(floor, (*at, key), Path(floor.sheet.file).parent / named)


def _file(floor: Floor, at: KeyPath, path: Path) -> None:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            file.read(1)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        floor.sheet.report(at, f"{path}: {why}", "put it there, or write where it is; floord must be able to read it")
        return
    if at[-1] in SECRET and mode & (stat.S_IROTH | stat.S_IWOTH):
        what = f"every user of this machine can read {path}"
        floor.warnings.append(Problem(floor.sheet.file, floor.sheet.line(at), dotted(at), what, f"chmod o= {path}"))
