"""Which processes hold a port, from /proc: who has it open, as far as we may look, and who has locked it.

Open files of another user's process are hidden from us, its locks are not (proc(5)): a daemon that locks its ports,
as floord does, is always seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
PTYS = "/dev/pts/"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process; `locks` = it has an flock on the port. `far_end` = it has the other end of this pty, too: it is the
    machine there, and has this end open so that the pty lives."""

    pid: int
    name: str
    locks: bool = False
    far_end: bool = False

    @property
    def reads(self) -> bool:
        """Whether it is in the way of somebody who would read here."""
        return self.locks or not self.far_end


def holders(paths: Iterable[str]) -> dict[str, list[Holder]]:
    """Path -> who holds it, by pid; this process is none."""
    real = {path: os.path.realpath(path) for path in paths}
    opened = _open_files(set(real.values()))
    locked = _locks()
    found: dict[str, list[Holder]] = {}
    for path, place in real.items():
        locking = locked.get(_file_of(place), set())
        pids = sorted((opened.get(place, set()) | locking) - {os.getpid()})
        found[path] = [Holder(pid, _name(pid), pid in locking, _has_master(pid, place)) for pid in pids]
    return found


def hidden() -> bool:
    """Whether there are processes into whose open files we may not look."""
    return any(not os.access(PROC / pid / "fd", os.R_OK) for pid in _pids())


def _pids() -> list[str]:
    try:
        return [name for name in os.listdir(PROC) if name.isascii() and name.isdigit()]
    except OSError:
        return []


def _open_files(places: set[str]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for pid in _pids():
        folder = PROC / pid / "fd"
        try:
            numbers = os.listdir(folder)
        except OSError:
            continue  # another user's, or it has just ended
        for number in numbers:
            try:
                place = os.readlink(folder / number)
            except OSError:
                continue
            if place in places:
                found.setdefault(place, set()).add(int(pid))
    return found


def _has_master(pid: int, place: str) -> bool:
    """Whether the process has the master of this pty: fdinfo tells its number (proc(5), `tty-index`)."""
    number = place.removeprefix(PTYS)
    if number == place:
        return False
    try:
        for fd in os.listdir(PROC / str(pid) / "fd"):
            if os.readlink(PROC / str(pid) / "fd" / fd).endswith("/ptmx"):
                rows = (PROC / str(pid) / "fdinfo" / fd).read_text().splitlines()
                if ["tty-index:", number] in [row.split() for row in rows]:
                    return True
    except OSError:
        pass  # another user's, or it has just ended
    return False


def _locks() -> dict[str, set[int]]:
    """`major:minor:inode` as in /proc/locks -> the processes with an flock on it."""
    found: dict[str, set[int]] = {}
    try:
        rows = (PROC / "locks").read_text().splitlines()
    except OSError:
        return {}
    for row in rows:
        words = row.split()
        if len(words) >= 6 and words[1] == "FLOCK" and words[4].isascii() and words[4].isdigit():
            found.setdefault(words[5], set()).add(int(words[4]))
    return found


def _file_of(place: str) -> str:
    try:
        found = os.stat(place)
    except OSError:
        return ""
    return f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"


def _name(pid: int) -> str:
    try:
        return (PROC / str(pid) / "comm").read_bytes().decode(errors="replace").strip()
    except OSError:
        return "?"
