"""The disk that fails when told to does so, and the journal tells nothing durable that such a disk has not taken."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults import kill_points
from tests.faults.conftest import Floor
from tests.faults.preload import MISSING, Action, Kind, Panel, Rule, compiler, environment, read_log

pytestmark = pytest.mark.skipif(compiler() is None, reason=MISSING)

TRIES = """
import errno, json, os, sys, time
folder = sys.argv[1]
def tried(what):
    try:
        return what()
    except OSError as error:
        return errno.errorcode[error.errno]
file = os.open(folder + "/file", os.O_RDWR | os.O_CREAT)
room = os.statvfs(folder)
began = time.monotonic()
print(json.dumps({
    "write": tried(lambda: os.write(file, b"12345678")),
    "grow": tried(lambda: os.pwrite(file, bytes(100_000), 8)),
    "allocate": tried(lambda: os.posix_fallocate(file, 0, 1_000_000)),
    "sync": tried(lambda: os.fsync(file)),
    "read": tried(lambda: len(os.pread(file, 8, 0))),
    "rename": tried(lambda: os.rename(folder + "/file", folder + "/other")),
    "gone": tried(lambda: os.unlink(folder + "/other")),
    "outside": tried(lambda: os.unlink(sys.argv[2])),
    "free": room.f_bavail * room.f_frsize,
    "read only": bool(room.f_flag & os.ST_RDONLY),
    "took": time.monotonic() - began,
    "now": time.time(),
}))
"""


class Disk:
    def __init__(self, folder: Path) -> None:
        self.root, self.log, self.outside = folder / "root", folder / "log", folder / "outside"
        self.root.mkdir()
        self.panel = Panel(folder / "panel")

    def tries(self) -> dict[str, Any]:
        self.outside.touch()
        command = [sys.executable, "-c", TRIES, str(self.root), str(self.outside)]
        done = subprocess.run(
            command,
            env=environment(self.root, self.panel, self.log),
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@pytest.mark.usefixtures("floors")  # they begin here, and are asked in test_faults_whole.py
def test_a_disk_without_faults_is_a_disk(disk: Disk) -> None:
    told = disk.tries()
    assert (told["write"], told["grow"], told["read"]) == (8, 100_000, 8)
    assert told["allocate"] is told["sync"] is told["rename"] is told["gone"] is told["outside"] is None
    kinds = [change.kind for change in read_log(disk.log)]
    assert kinds == [Kind.OPEN, Kind.WRITE, Kind.WRITE, Kind.TRUNCATE, Kind.SYNC, Kind.RENAME, Kind.UNLINK]
    assert disk.panel.changes == len(kinds)
    assert next(change.data for change in read_log(disk.log) if change.kind is Kind.WRITE) == b"12345678"


def test_errors_come_where_they_are_wanted(disk: Disk) -> None:
    disk.panel.set(
        Rule(Kind.WRITE, Action.FAIL, errno.EIO, first=2, last=2),
        Rule(Kind.SYNC | Kind.READ, Action.FAIL, errno.ENOSPC, suffix="file"),
        Rule(Kind.WRITE, Action.SHORT, suffix="nothing"),
        Rule(Kind.RENAME, Action.DELAY, 50),
    )
    told = disk.tries()
    assert [told[name] for name in ("write", "grow", "sync", "read")] == [8, "EIO", "ENOSPC", "ENOSPC"]
    assert told["took"] >= 0.05
    assert (disk.panel.hits(0), disk.panel.seen(0), disk.panel.met(0)) == (1, 2, "file")
    assert disk.panel.hits(2) == 0


def test_a_write_may_be_short(disk: Disk) -> None:
    disk.panel.set(Rule(Kind.WRITE, Action.SHORT))
    assert [disk.tries()[name] for name in ("write", "grow")] == [4, 50_000]


def test_a_full_disk_says_so_and_has_room_again(disk: Disk) -> None:
    disk.panel.limit(65_536)
    told = disk.tries()
    assert (told["write"], told["grow"], told["allocate"]) == (8, "ENOSPC", "ENOSPC")
    assert told["free"] <= 65_536
    disk.panel.limit(0)
    assert disk.tries()["grow"] == 100_000


def test_a_read_only_disk_says_so(disk: Disk) -> None:
    (disk.root / "file").touch()
    assert not disk.tries()["read only"]
    (disk.root / "file").touch()
    disk.panel.read_only(True)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        disk.tries()
    assert "Read-only file system" in refused.value.stderr


def test_the_wall_clock_goes_where_it_is_sent(disk: Disk) -> None:
    before = disk.tries()["now"]
    disk.panel.clock(-before)
    assert 0 <= disk.tries()["now"] < 1000


@pytest.mark.parametrize("kind", [Kind.SYNC, Kind.WRITE, Kind.READ])
def test_an_error_of_the_disk_ends_what_is_told_durable(kind: Kind, full: bool) -> None:
    for scenario in ("small", "from-2") if full else ("one",):
        found = kill_points.errors_everywhere(scenario, kind, step=1 if full or kind is Kind.SYNC else 4)
        assert found.bad == {}, scenario
        assert found.lost == 0
        assert found.kills > 1, "no error ended a run: the test sees nothing"


def test_every_trouble_of_the_disk_with_the_whole_floor(full: bool) -> None:
    if not full:
        pytest.skip("--full: minutes; in the ordinary run test_faults_whole.py takes some of them")
    code, printed = Floor("tests.faults.disk_faults").told()
    assert code == 0, printed
