"""The disk of `disk.c` from Python: built once a run, put before a process, ruled and read while it runs."""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import cache
from pathlib import Path

RULES, RULE, HEAD = 8, struct.Struct("<8q64s64s"), struct.Struct("<16q")
RECORD = struct.Struct("<IIIIq")
CHANGES, CLOCK, LIMIT, READ_ONLY = range(4)
SEEN, HITS, MET = 6, 7, 16
EVERY = 2**62


class Kind(IntFlag):
    """What a process does to its files."""

    OPEN = 1
    WRITE = 2
    TRUNCATE = 4
    SYNC = 8
    UNLINK = 16
    RENAME = 32
    READ = 64
    MKDIR = 128


CHANGE = Kind.OPEN | Kind.WRITE | Kind.TRUNCATE | Kind.SYNC | Kind.UNLINK | Kind.RENAME | Kind.MKDIR
"""All that changes what is on the disk; OPEN here only where it makes or empties a file or opens it to be written."""


class Action(IntEnum):
    """What a rule does; FAIL has an errno as its value, DELAY has ms."""

    FAIL = 1
    KILL_BEFORE = 2
    KILL_AFTER = 3
    SHORT = 4
    DELAY = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """Acts on the operations of `kinds` on names that end with `suffix`: each `step`-th from the `first` to the `last`,
    counted from 1 since the rule was set."""

    kinds: Kind
    action: Action
    value: int = 0
    first: int = 1
    last: int = EVERY
    step: int = 1
    suffix: str = ""


class Panel:
    """The switches and counters of one disk, shared with every process that runs on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(bytes(HEAD.size + RULES * RULE.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    @property
    def changes(self) -> int:
        """Changes that were done: so many records has the log."""
        return int(self._get(CHANGES * 8))

    def set(self, *rules: Rule) -> None:
        """These rules and no others, counting anew."""
        for number in range(RULES):
            self._put(HEAD.size + number * RULE.size, 0)
        for number, rule in enumerate(rules):
            place = HEAD.size + number * RULE.size
            fields = (0, rule.first, rule.last, rule.step, rule.action, rule.value, 0, 0, rule.suffix.encode(), b"")
            self._map[place : place + RULE.size] = RULE.pack(*fields)
            self._put(place, rule.kinds)

    def seen(self, number: int = 0) -> int:
        """Operations that a rule has counted."""
        return self._get(HEAD.size + number * RULE.size + SEEN * 8)

    def hits(self, number: int = 0) -> int:
        """How often a rule has acted."""
        return self._get(HEAD.size + number * RULE.size + HITS * 8)

    def met(self, number: int = 0) -> str:
        """The name that it acted on last."""
        place = HEAD.size + number * RULE.size + MET * 8
        return self._map[place : place + 64].rstrip(b"\0").decode()

    def limit(self, size: int) -> None:
        """The folder has room for so many bytes; 0: the limit is gone."""
        self._put(LIMIT * 8, size)

    def read_only(self, on: bool) -> None:
        """As after a remount."""
        self._put(READ_ONLY * 8, on)

    def clock(self, seconds: float) -> None:
        """The wall clock is so far off."""
        self._put(CLOCK * 8, round(seconds * 1e9))

    def _get(self, place: int) -> int:
        return int(struct.unpack_from("<q", self._map, place)[0])

    def _put(self, place: int, value: int) -> None:
        struct.pack_into("<q", self._map, place, value)


@dataclass(frozen=True, slots=True)
class Change:
    """One record of the log. `name` is below the folder, "." itself; `data` what was written, or the new name."""

    kind: Kind
    name: str
    offset: int
    data: bytes


def read_log(path: Path) -> Iterator[Change]:
    """All changes in their order."""
    text, place = path.read_bytes(), 0
    while place < len(text):
        kind, name, data, _, offset = RECORD.unpack_from(text, place)
        place += RECORD.size
        yield Change(Kind(kind), text[place : place + name].decode(), offset, text[place + name : place + name + data])
        place += name + data


def compiler() -> str | None:
    """The C compiler, None where there is none (Debian: apt-get install gcc libc6-dev)."""
    return shutil.which(os.environ.get("CC", "cc"))


MISSING = "there is no C compiler: apt-get install gcc libc6-dev"


@cache
def library() -> Path:
    """disk.c, compiled for this machine. Raises RuntimeError without a compiler and where it does not compile."""
    cc = compiler()
    if cc is None:
        raise RuntimeError(MISSING)
    made = Path(_folder().name) / "disk.so"
    source = Path(__file__).with_name("disk.c")
    command = [cc, "-O2", "-Wall", "-shared", "-fPIC", "-o", str(made), str(source), "-ldl", "-lpthread"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stderr}")
    return made


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="faulty-disk-")


def environment(root: Path, panel: Panel, log: Path | None = None) -> Mapping[str, str]:
    """The environment of a process whose files below `root` (which exists) lie on this disk."""
    made = dict(os.environ) | {
        "LD_PRELOAD": str(library()),
        "FAULTY_ROOT": str(root.resolve()),
        "FAULTY_PANEL": str(panel.path.resolve()),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return made | ({"FAULTY_LOG": str(log.resolve())} if log else {})
