"""Files that a floor file names for its brokers: they are there and can be read, what is in them can be used, and a key
is nobody else's to read. And its disk: there is room for a journal.

What a certificate says of its time is held against this machine's clock, which may be the one that is wrong: such a
problem is kept apart (`Floor.untimely`), for a floor must start all the same.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller import room, state_dir
from controller.sections import FILES, Head, Journal
from controller.sheet import Problem
from controller.toml_lines import KeyPath
from controller.wording import dotted, told

if TYPE_CHECKING:
    from controller.config import Floor

SECRET = ("password_file", "key_file")
DAYS = 30
SOON_S = DAYS * 86_400


def check(floor: Floor) -> None:
    """Report every file that is missing, cannot be read or used; warn of a secret that all can read, and of a
    certificate that ends soon."""
    data = floor.sheet.data
    _section(floor, ("broker",), data.get("broker"), "url")
    for table in ("scanner", "plc"):
        sections = data.get(table)
        for name, raw in sections.items() if isinstance(sections, dict) else ():
            _section(floor, (table, name), raw, "link")


def disk(floor: Floor, head: Head, journal: Journal) -> None:
    """Warn of a disk on which nothing will be inducted."""
    if what := room.scarce(state_dir.free_for(Path(floor.sheet.file).parent / head.state_dir), journal):
        at: KeyPath = ("state_dir",)
        floor.warnings.append(Problem(floor.sheet.file, floor.sheet.line(at), dotted(at), *told(what)))


def _section(floor: Floor, at: KeyPath, raw: Any, reached: str) -> None:
    found: dict[str, Path] = {}
    for key in FILES if isinstance(raw, dict) else ():
        named = raw.get(key)
        if isinstance(named, str) and named and "\0" not in named and (*at, key) not in floor.sheet.broken:
            path = Path(floor.sheet.file).parent / named
            if _file(floor, (*at, key), path):
                found[key] = path
    if found and "mqtts:" in str(raw.get(reached)):
        _usable(floor, at, found)


def _usable(floor: Floor, at: KeyPath, found: dict[str, Path]) -> None:
    from devices import mqtt_tls  # who names no file needs no TLS

    try:
        made = mqtt_tls.trusting(str(found["ca_file"]) if "ca_file" in found else None)
    except mqtt_tls.Unusable as error:
        floor.sheet.report((*at, error.key), *told(error.what))
        made = mqtt_tls.trusting(None)
    if not found.keys() >= {"cert_file", "key_file"}:
        return
    try:
        begins, ends = mqtt_tls.own(made, str(found["cert_file"]), str(found["key_file"]))
    except mqtt_tls.Unusable as error:
        floor.sheet.report((*at, error.key), *told(error.what))
        return
    except OSError:
        return  # it went away meanwhile
    key: KeyPath = (*at, "cert_file")
    now, where = time.time(), (floor.sheet.file, floor.sheet.line(key), dotted(key))
    if untimely := mqtt_tls.untimely(begins, ends, now):
        floor.untimely.append(Problem(*where, f"{found['cert_file']}: {untimely}"))
    elif ends - now < SOON_S:
        what = f"{found['cert_file']}: the certificate ends on {mqtt_tls.utc(ends)}"
        floor.warnings.append(Problem(*where, what, "put a new one there before, and its key"))


def _file(floor: Floor, at: KeyPath, path: Path) -> bool:
    """Whether it can be read."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            file.read(1)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        floor.sheet.report(at, f"{path}: {why}", "put it there, or write where it is; floord must be able to read it")
        return False
    if at[-1] in SECRET and mode & (stat.S_IROTH | stat.S_IWOTH):
        what = f"every user of this machine can read {path}"
        floor.warnings.append(Problem(floor.sheet.file, floor.sheet.line(at), dotted(at), what, f"chmod o= {path}"))
    return True
