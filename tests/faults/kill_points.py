"""A process that writes the journal is killed before and after each of its writes, syncs, truncations, renames and
removals in turn; then its file is opened and judged. The same with an error at each place instead.

    python -m tests.faults.kill_points [SCENARIO ...]
"""

from __future__ import annotations

import argparse
import errno
import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from controller.core import EXIT_DISK
from tests.faults.commits import RAM, SCENARIOS, Reports, begin, judge
from tests.faults.preload import CHANGE, Action, Kind, Panel, Rule, environment

ROOT = Path(__file__).parents[2]
KILLS = (Action.KILL_BEFORE, Action.KILL_AFTER)
ERRORS = (Kind.SYNC, Kind.WRITE, Kind.READ, Kind.OPEN, Kind.TRUNCATE, Kind.UNLINK)
SEVERAL = ("small", "from-1", "from-2")


class Processes:
    """One process on a failing disk that forks for each run: its imports are paid for once."""

    def __init__(self, folder: Path, scenario: str) -> None:
        self.scenario = SCENARIOS[scenario]
        self.panel = Panel(folder / "panel")
        self.root = folder / "disk"
        self.root.mkdir()
        self._runs = 0
        command = [sys.executable, "-m", "tests.faults.commits", str(self.panel.path), scenario, "-"]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(self.root, self.panel),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *rules: Rule) -> tuple[Path, Reports, int]:
        """A run under rules: its folder, what it told, and its exit code."""
        self._runs += 1
        folder = self.root / str(self._runs)
        folder.mkdir()
        begin(folder, self.scenario)
        self.panel.set(*rules)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{folder}\n")
        self._process.stdin.flush()
        reports = Reports()
        for line in self._process.stdout:
            told = json.loads(line)
            if told["what"] == "over":
                return folder, reports, told["number"]
            reports.hear(told)
        raise AssertionError(f"the process that forks ended with {self._process.wait()}")

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@dataclass
class Found:
    """`bad`: place -> what was wrong."""

    places: int = 0
    kills: int = 0
    batches: int = 0
    """told durable, over all runs"""
    lost: int = 0
    """of them not there in full"""
    bad: dict[str, list[str]] = field(default_factory=dict)


def everywhere(scenario: str, kinds: Kind = CHANGE, suffix: str = "", step: int = 1) -> Found:
    """Kill at each place (`step`-th) until a run has no such place any more."""
    found = Found()
    with (
        TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as folder,
        Processes(Path(folder), scenario) as processes,
    ):
        for action in KILLS:
            place, missed = 1 - step, 0
            while missed < 3:  # threads make a run a little longer or shorter than the one before
                place += step
                where, reports, code = processes.run(Rule(kinds, action, first=place, suffix=suffix))
                if code == -signal.SIGKILL:
                    found.kills, missed = found.kills + 1, 0
                else:
                    missed += 1
                    assert code == 0, f"{scenario}: the process ended with {code}"
                    assert reports.ended
                found.batches += reports.durable
                judged = judge(where, processes.scenario, reports)
                if judged.bad:
                    found.bad[f"{action.name} {place}"] = judged.bad
                found.lost += judged.lost
                shutil.rmtree(where)
            found.places = max(found.places, place - missed * step)
    return found


def errors_everywhere(scenario: str, kind: Kind, error: int = errno.EIO, step: int = 1) -> Found:
    """An error at each place (`step`-th) in turn instead of a kill: nothing may be told durable after it, and the next
    start must find everything that was. `kills` counts the runs that it ended; one that harms nothing ends none."""
    found = Found()
    with (
        TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as folder,
        Processes(Path(folder), scenario) as processes,
    ):
        place, missed = 1 - step, 0
        while missed < 3:
            place += step
            where, reports, code = processes.run(Rule(kind, Action.FAIL, error, first=place, last=place))
            missed = 0 if processes.panel.hits() else missed + 1
            met = processes.panel.met()
            processes.panel.set()
            judged = judge(where, processes.scenario, reports)
            if code not in (0, EXIT_DISK) or (code == 0) != reports.ended:
                judged.bad.append(f"the process ended with {code}")
            if reports.after_failure:
                judged.bad.append("told durable after an error")
            if judged.bad:
                found.bad[f"{kind.name} {place} {met}"] = judged.bad
            found.kills, found.batches = found.kills + (code != 0), found.batches + reports.durable
            found.lost += judged.lost
            shutil.rmtree(where)
        found.places = place - missed * step
    return found


def main() -> int:
    """0 when every run was as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kill_points", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}")
    wanted, failed = parser.parse_args().scenarios or ["many", "busy", *SEVERAL], 0
    if unknown := set(wanted) - set(SCENARIOS):
        parser.error(f"{', '.join(sorted(unknown))}: write some of {', '.join(SCENARIOS)}")
    for scenario in wanted:
        since = time.monotonic()
        failed += _told(scenario, everywhere(scenario), "kills", since)
        for kind in ERRORS:
            since = time.monotonic()
            found = errors_everywhere(scenario, kind)
            failed += _told(f"{scenario}, an error of each {kind.name}", found, "ended", since)
    return 1 if failed else 0


def _told(what: str, found: Found, ends: str, since: float) -> int:
    print(
        f"{what}: {found.places} places, {found.kills} {ends}, {found.batches} batches told durable, "
        f"lost {found.lost}, {len(found.bad)} runs with a complaint ({time.monotonic() - since:.0f} s)",
        flush=True,
    )
    for place, bad in list(found.bad.items())[:10]:
        print(f"    {place}: {'; '.join(bad)}")
    return len(found.bad)


if __name__ == "__main__":
    sys.exit(main())
