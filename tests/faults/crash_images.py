"""What a power cut can leave of a journal: built for every place in a real run, opened by the real code, and judged.

The run's changes were recorded with their data by `disk.c`. After the cut there is what was synced before it; of the
rest the machine may have written any part, in any order:

- a write is there, is not, or is torn: each sector of 512 bytes is there or is not. What lies beside it in the same
  sector stays as it was, as SQLite expects of a disk (its "powersafe overwrite"),
- a file is as long as its last sync left it, or as what was written since made it; a hole reads as zeros,
- a name that was made, renamed or removed is so only once its folder was synced; syncing the file is not enough,
- the -shm file is a memory map of which nothing is known: it is missing, or rubbish.

    python -m tests.faults.crash_images [--subsets 6] [--seed 1] [SCENARIO ...]
"""

from __future__ import annotations

import argparse
import bisect
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from tests.faults.commits import JOURNAL, RAM, SCENARIOS, Judged, Reports, Scenario, begin, judge
from tests.faults.kill_points import ROOT
from tests.faults.preload import Change, Kind, Panel, environment, read_log

SECTOR = 512
SHM = f"{JOURNAL}-shm"
SEVERAL = ("many", "from-1", "from-2", "busy")
Image: TypeAlias = dict[str, bytes]


@dataclass(slots=True)
class File:
    """One file: what its last sync has made sure of, and the changes since."""

    synced: bytes = b""
    since: list[Change] = field(default_factory=list)

    def sync(self) -> None:
        """Everything so far is on the disk."""
        self.synced = self.left(lambda: True, torn=False)
        self.since.clear()

    def left(self, chance: Callable[[], bool], *, torn: bool) -> bytes:
        """What is there when each change (`torn`: each sector) since the sync is there by chance."""
        found = bytearray(self.synced)
        for change in self.since:
            if change.kind is Kind.TRUNCATE:
                if chance():
                    del found[change.offset :]
                    found.extend(bytes(change.offset - len(found)))
            elif torn:
                _torn(found, change, chance)
            elif chance():
                _put(found, change.offset, change.data)
        if torn and len(found) > len(self.synced) and not chance():
            del found[len(self.synced) :]  # the blocks were written, the size of the file was not
        return bytes(found)


def _put(found: bytearray, offset: int, data: bytes) -> None:
    found.extend(bytes(max(0, offset + len(data) - len(found))))
    found[offset : offset + len(data)] = data


def _torn(found: bytearray, change: Change, chance: Callable[[], bool]) -> None:
    begin, end = change.offset, change.offset + len(change.data)
    found.extend(bytes(max(0, end - len(found))) if chance() else b"")
    while begin < end:
        stop = min(end, (begin // SECTOR + 1) * SECTOR)
        if chance():
            _put(found, begin, change.data[begin - change.offset : stop - change.offset])
        begin = stop


class Disk:
    """A folder as the machine and as the disk know it. `folder_syncs` False is a planted fault: syncing the folder is
    forgotten."""

    def __init__(self, image: Image, *, folder_syncs: bool = True) -> None:
        self.names = {name: File(body) for name, body in image.items()}
        self._synced = dict(self.names)
        self._since: list[Change | tuple[str, File]] = []
        self._folder_syncs = folder_syncs

    def take(self, change: Change) -> None:
        """The next change."""
        match change.kind:
            case Kind.SYNC if change.name == ".":
                if self._folder_syncs:
                    self._synced, self._since = dict(self.names), []
            case Kind.SYNC:
                self.names[change.name].sync()
            case Kind.OPEN:
                made = File()
                self.names[change.name] = made
                self._since.append((change.name, made))
            case Kind.UNLINK:
                del self.names[change.name]
                self._since.append(change)
            case Kind.RENAME:
                self.names[change.data.decode()] = self.names.pop(change.name)
                self._since.append(change)
            case Kind.MKDIR:
                raise AssertionError(f"a folder below the journal's: {change.name}; this disk knows none")
            case _:
                self.names[change.name].since.append(change)

    def image(self, chance: Callable[[], bool], *, torn: bool) -> Image:
        """What is there after a cut."""
        names = dict(self._synced)
        for change in self._since:
            if not chance():
                continue
            if isinstance(change, tuple):
                names[change[0]] = change[1]
            elif change.kind is Kind.UNLINK:
                names.pop(change.name, None)
            elif change.name in names:
                names[change.data.decode()] = names.pop(change.name)
        return {name: file.left(chance, torn=torn) for name, file in names.items() if name != SHM}

    def images(self, rng: Random, subsets: int) -> Iterable[Image]:
        """Nothing, everything, and so many parts of what was not synced."""
        yield self.image(lambda: False, torn=False)
        yield self.image(lambda: True, torn=False)
        for number in range(subsets):
            likely = rng.choice((0.1, 0.5, 0.9))
            yield self.image(lambda likely=likely: rng.random() < likely, torn=number % 3 != 0)  # type: ignore[misc]


@dataclass(slots=True)
class Recorded:
    """A run: its changes, what it told after how many of them, and what lay there before."""

    changes: list[Change]
    told: list[dict[str, Any]]
    before: Image

    def reports(self, changes: int) -> Reports:
        """What was told when so many changes were done."""
        reports, known = Reports(), bisect.bisect_right(self.told, changes, key=lambda line: int(line["changes"]))
        for line in self.told[:known]:
            reports.hear(line)
        return reports


def record(folder: Path, name: str) -> Recorded:
    """Run a scenario on a recording disk, in `folder/disk`."""
    disk, log, panel = folder / "disk", folder / "log", Panel(folder / "panel")
    disk.mkdir()
    begin(disk, SCENARIOS[name])
    before = {path.name: path.read_bytes() for path in disk.iterdir()}
    command = [sys.executable, "-m", "tests.faults.commits", str(panel.path), name, str(disk)]
    done = subprocess.run(command, cwd=ROOT, env=environment(disk, panel, log), stdout=subprocess.PIPE, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1]["what"] == "ended"
    told = sorted(lines[:-1], key=lambda line: int(line["changes"]))  # two threads tell, in no order
    changes = list(read_log(log))
    assert len(changes) == panel.changes
    return Recorded(changes, told, before)


@dataclass
class Found:
    """`lost`: batches that had been told durable and were not whole, over all images."""

    images: int = 0
    batches: int = 0
    lost: int = 0
    wrong: int = 0
    """images with a complaint, for whatever reason"""
    bad: dict[str, list[str]] = field(default_factory=dict)


def cut_everywhere(name: str, subsets: int, seed: int, *, folder_syncs: bool = True, every: int = 1) -> Found:
    """Cut after each change (`every`-th) of a scenario."""
    found, rng, scenario = Found(), Random(f"{name}/{seed}"), SCENARIOS[name]
    with TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as folder:
        recorded = record(Path(folder), name)
        place = Place(Path(folder))
        disk = Disk(recorded.before, folder_syncs=folder_syncs)
        seen: set[bytes] = set()
        found.batches = sum(scenario.sessions)
        for number, change in enumerate(recorded.changes, 1):
            disk.take(change)
            if number % every:
                continue
            reports = recorded.reports(number)
            for image in disk.images(rng, subsets):
                key = _key(image, reports)
                if key in seen:
                    continue
                seen.add(key)
                found.images += 1
                judged = place.judge(image, scenario, reports, rng)
                found.lost += judged.lost
                found.wrong += bool(judged.bad)
                if judged.bad:
                    found.bad[f"after change {number} ({change.kind.name} {change.name})"] = judged.bad
    return found


def _key(image: Image, reports: Reports) -> bytes:
    digest = hashlib.blake2b(repr((reports.begun, reports.durable, reports.boots)).encode())
    for name in sorted(image):
        digest.update(name.encode() + b"\0" + len(image[name]).to_bytes(8, "little") + image[name])
    return digest.digest()


class Place:
    """Where images are laid out. The journal's file stays the same inode, as after a power cut: another would be a
    copy to the journal, which then takes a new name."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._kept = folder / "disk", folder / "kept"
        os.link(self._folder / JOURNAL, self._kept)

    def judge(self, image: Image, scenario: Scenario, reports: Reports, rng: Random) -> Judged:
        """What is wrong with an image."""
        for path in list(self._folder.iterdir()):
            path.unlink()
        for name, body in image.items():
            path = self._folder / name
            if name == JOURNAL:
                os.link(self._kept, path)
            path.write_bytes(body)
        if rng.random() < 0.5:
            (self._folder / SHM).write_bytes(rng.randbytes(32_768))
        return judge(self._folder, scenario, reports)


def main() -> int:
    """0 when nothing was lost anywhere."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.crash_images")
    parser.add_argument("--subsets", type=int, default=6, help="random parts of what was not synced, at each place")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("scenarios", nargs="*", default=SEVERAL, help=f"of {', '.join(SCENARIOS)}")
    wanted, failed = parser.parse_args(), 0
    for name in wanted.scenarios:
        since = time.monotonic()
        found = cut_everywhere(name, wanted.subsets, wanted.seed)
        print(
            f"{name}: {found.images} images of {found.batches} batches, lost {found.lost}, "
            f"{found.wrong} with a complaint ({time.monotonic() - since:.0f} s)",
            flush=True,
        )
        for place, bad in list(found.bad.items())[:10]:
            print(f"    {place}: {'; '.join(bad)}")
        failed += found.wrong
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
