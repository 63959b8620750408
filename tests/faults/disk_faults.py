"""python -m tests.faults.disk_faults: the floor runs on, or comes back by itself, whatever its disk and its clock do.

The demo's floor with floord's state_dir on a failing disk (`disk.c`). In each case some parcels are sorted, then comes
the fault, then its cause goes and some more are sorted. Asked of every case: the three ledgers agree, nothing at the
witness is missing in the journal, all advice that was taken is kept, each parcel's events are in order, floord ends
only as the case allows and not in a crash loop, and the alarms that the case names reach the witness.

    python -m tests.faults.disk_faults [--broker nats] [CASE ...]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.core import EXIT_DISK
from controller.demo import Options
from controller.demo_ledger import Physical, passed
from tests.faults.preload import Action, Kind, Panel, Rule, environment
from tests.faults.trial import Trial

DAY_S = 86_400.0
LAG_MS, WORST_LAG_MS = 100.0, 1000.0
"""Of nine in ten answers at the control socket, and of each: a machine that others use may be slow once."""

LONG_S = 3.0
"""In so much time a parcel arrives at a decision eye, where parcels are inducted."""

INHIBIT_S = 10.0
MET_S, RAN_ON_S, EXIT_S = 10.0, 0.5, 3.0

EIO_CASES = {"sync": Kind.SYNC, "write": Kind.WRITE, "read": Kind.READ, "open": Kind.OPEN, "resize": Kind.TRUNCATE}


@dataclass
class Bench:
    """One case while it runs, and what it measured."""

    trial: Trial
    panel: Panel
    most: int
    """errors of a kind, for the cases that take every operation in turn"""
    pace: float = 1.0
    """so much of the time that a fault lasts"""
    bad: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)
    """exit codes that the case allows"""
    alarms: list[str] = field(default_factory=list)
    """begins of the alarm ids that must reach the witness"""
    may: set[str] = field(default_factory=set)
    """of other alarms"""

    async def sorted(self, count: int, seconds: float = 30.0) -> None:
        """Wait until so many more parcels lie in lanes."""
        ledger = self.trial.ledger
        wanted = ledger.in_lanes + count
        await self.trial.until(lambda: ledger.in_lanes >= wanted, f"{count} parcels in lanes", seconds)

    async def during(self, seconds: float, *, sorts: bool = True, inducts: bool = True) -> None:
        """Let the fault last, and look how the floor does: the answers to those who ask, and to the PLC. `inducts`:
        parcels must come during it."""
        trial, begin, seconds = self.trial, time.monotonic(), seconds * self.pace
        lags: list[float] = []
        while time.monotonic() < begin + seconds:
            asked = time.monotonic()
            if await trial.status() is not None:
                lags.append((time.monotonic() - asked) * 1000)
            await asyncio.sleep(0.02)
        met = [one for one in trial.ledger.physical.values() if begin * 1000 <= (one.arrived or 0) <= _now() - 1000]
        told = [one for one in met if one.dests]
        waits = sorted(_divert(one) for one in told)
        lags.sort()
        worst = f"{lags[-1]:.0f}" if lags else "-"
        self.notes.append(
            f"{len(told)} of {len(met)} arrivals answered, the slowest in {waits[-1] if waits else 0:.0f} ms; "
            f"control socket {len(lags)} answers, p90 {_p90(lags):.0f} ms, worst {worst} ms"
        )
        if sorts:
            if len(told) < len(met) or (inducts and not met and seconds > LONG_S):
                self.bad.append(f"{len(met)} parcels arrived, {len(told)} were given a destination")
            if waits and waits[-1] > WORST_LAG_MS:
                self.bad.append(f"a destination took {waits[-1]:.0f} ms")
            if not lags or _p90(lags) > LAG_MS or lags[-1] > WORST_LAG_MS:
                self.bad.append(f"the control socket answers slowly: p90 {_p90(lags):.0f} ms, worst {worst} ms")

    async def ended(self, code: int, count: int, seconds: float = 15.0) -> None:
        """Wait until so many floords have ended with this code."""
        ends = self.trial.ends
        await self.trial.until(lambda: sum(end.code == code for end in ends) >= count, f"exit code {code}", seconds)


def _now() -> float:
    return time.monotonic() * 1000


def _divert(one: Physical) -> float:
    first = float(one.dests[0]["t"])
    return first - max([one.arrived or 0.0, *(read for read in one.reads if read <= first)])


def _p90(values: list[float]) -> float:
    return values[len(values) * 9 // 10] if values else 0.0


# --- the cases --------------------------------------------------------------------------------------------------------


async def full(bench: Bench) -> None:
    """Somebody else fills the disk: what was free is gone, and there is room again later."""
    bench.alarms, bench.may = ["disk-space", "disk-full"], {"disk-held"}  # whether a commit needs more room is chance
    bench.panel.limit(_used(bench))
    await bench.during(6.0, inducts=False)
    await _inhibited(bench, True)
    bench.panel.limit(0)
    await _inhibited(bench, False)


async def greedy(bench: Bench) -> None:
    """The same, and whatever floord gives up is taken at once: now nothing can be recorded until there is room."""
    bench.alarms = ["disk-space", "disk-full", "disk-held"]
    taking = asyncio.create_task(_take_all(bench))
    await bench.during(8.0, inducts=False)
    await _inhibited(bench, True)
    taking.cancel()
    bench.panel.limit(0)
    await _inhibited(bench, False)


async def _take_all(bench: Bench) -> None:
    while True:
        bench.panel.limit(_used(bench))
        await asyncio.sleep(0.1)


async def _inhibited(bench: Bench, wanted: bool) -> None:
    """Wait until floord has every line so."""
    deadline, lines = time.monotonic() + INHIBIT_S, None
    while time.monotonic() < deadline:
        if status := await bench.trial.status():
            lines = {name: bool(line["inhibited"]) for name, line in status["lines"].items()}
            if set(lines.values()) == {wanted}:
                return
        await asyncio.sleep(0.05)
    bench.bad.append(f"induction should be {'inhibited' if wanted else 'free'} after {INHIBIT_S:.0f} s: {lines}")


def _used(bench: Bench) -> int:
    """What the state_dir takes, in bytes."""
    return sum(path.stat().st_blocks * 512 for path in bench.trial.state.rglob("*") if path.is_file())


async def read_only(bench: Bench) -> None:
    """As a file system is remounted after an error, and back."""
    bench.alarms = ["disk-held"]
    bench.panel.read_only(True)
    await bench.during(6.0, inducts=False)
    await _inhibited(bench, True)
    bench.panel.read_only(False)
    await _inhibited(bench, False)


async def full_at_start(bench: Bench) -> None:
    """It dies while the disk is full, and comes up when there is room again."""
    bench.codes |= {-signal.SIGKILL, EXIT_DISK}
    bench.panel.limit(_used(bench))
    bench.trial.kill_floord()
    await bench.during(4.0, sorts=False)
    bench.panel.limit(0)


async def broken(bench: Bench) -> None:
    """Every sync fails for some seconds: each floord ends with 70; the first after that stays."""
    bench.codes.add(EXIT_DISK)
    bench.panel.set(Rule(Kind.SYNC, Action.FAIL, errno.EIO))
    await bench.ended(EXIT_DISK, 3)
    bench.panel.set()
    before = len(bench.trial.ends)
    await bench.sorted(10)
    if len(bench.trial.ends) > before + 1:
        bench.bad.append(f"{len(bench.trial.ends) - before} ends after the cause had gone")


async def short(bench: Bench) -> None:
    """The kernel takes half of each write and gives half of each read."""
    bench.panel.set(Rule(Kind.WRITE | Kind.READ, Action.SHORT, suffix="-wal"), Rule(Kind.WRITE, Action.SHORT))
    await bench.during(4.0)
    _must_hit(bench)


async def interrupted(bench: Bench) -> None:
    """Each third write and read is interrupted by a signal."""
    rule = Rule(Kind.WRITE | Kind.READ | Kind.OPEN | Kind.TRUNCATE, Action.FAIL, errno.EINTR, step=3)
    bench.panel.set(rule)
    await bench.during(4.0)
    _must_hit(bench)


async def slow(bench: Bench) -> None:
    """Each sync takes 2 s."""
    bench.panel.set(Rule(Kind.SYNC, Action.DELAY, 2000))
    await bench.during(8.0)
    _must_hit(bench)


async def clock(bench: Bench) -> None:
    """The wall clock goes two days on, two back, to 1970, and is right again."""
    bench.alarms = ["clock-step"]
    for offset in (2 * DAY_S, -2 * DAY_S, -time.time()):
        bench.panel.clock(offset)
        await bench.during(3.0)
    bench.panel.clock(0)


async def clock_at_start(bench: Bench) -> None:
    """floord starts in 1970, in two days, and again when it is."""
    bench.codes.add(-signal.SIGKILL)
    for offset in (-time.time(), 2 * DAY_S, 0.0):
        bench.panel.clock(offset)
        known = bench.trial.floord
        bench.trial.kill_floord()
        await bench.trial.another(known)
        await bench.sorted(5)


def _must_hit(bench: Bench) -> None:
    if not bench.panel.hits():
        bench.bad.append("the fault met nothing: the case proves nothing")
    bench.panel.set()


def each_eio(kind: str) -> Callable[[Bench], Awaitable[None]]:
    """An I/O error of this kind at the first operation of a start, at the second of the next, …"""

    async def case(bench: Bench) -> None:
        bench.codes |= {EXIT_DISK, -signal.SIGKILL}
        trial, panel, outcomes = bench.trial, bench.panel, Counter[str]()
        armed: list[Rule] = []
        trial.before_start = lambda: panel.set(*(armed.pop() for _ in armed[:]))
        for number in range(1, bench.most + 1):
            armed.append(Rule(EIO_CASES[kind], Action.FAIL, errno.EIO, first=number, last=number))
            known = trial.floord
            trial.kill_floord()
            outcomes[await _one_eio(bench, EIO_CASES[kind], await trial.another(known))] += 1
        trial.before_start = lambda: None
        panel.set()
        bench.notes.append("; ".join(f"{text}: {count}" for text, count in sorted(outcomes.items())))

    return case


async def _one_eio(bench: Bench, kind: Kind, process: asyncio.subprocess.Process) -> str:
    """What became of a floord that meets one error: where it ends it must be with 70, and it must end within `EXIT_S`
    where the journal could not be written or synced. (SQLite opens a file for reading that it cannot open to write.)"""
    panel = bench.panel
    with contextlib.suppress(AssertionError):
        await bench.trial.until(lambda: panel.hits() > 0 or process.returncode is not None, "a hit", MET_S)
    if not panel.hits():
        return "not met"
    since, met = time.monotonic(), panel.met()
    try:
        await asyncio.wait_for(process.wait(), EXIT_S if met.startswith("journal.db") else RAN_ON_S)
    except TimeoutError:
        if kind in (Kind.SYNC, Kind.WRITE) and met.endswith(("-wal", ".db")):
            bench.bad.append(f"still there {time.monotonic() - since:.1f} s after an I/O error of {met}")
        return f"{met}, ran on"
    if process.returncode != EXIT_DISK:
        bench.bad.append(f"exit code {process.returncode} after an I/O error of {met}")
    return f"{met}, exit {process.returncode}"


CASES: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "full": full,
    "greedy": greedy,
    "read-only": read_only,
    "full-at-start": full_at_start,
    "slow": slow,
    "short": short,
    "interrupted": interrupted,
    "clock": clock,
    "clock-at-start": clock_at_start,
    "broken": broken,
    **{f"eio-{kind}": each_eio(kind) for kind in EIO_CASES},
}

BOUND_OF_ENDS = 20
"""More ends than a case makes by itself are a crash loop."""


async def _run(folder: Path, cases: list[str], wanted: argparse.Namespace) -> Bench:
    state = folder / "state"
    state.mkdir()
    panel = Panel(folder / "panel")
    options = Options(None, wanted.rate, 2, wanted.seed, wanted.broker, folder, quiet=True)
    trial = Trial(options, environment(state, panel))
    bench = Bench(trial, panel, wanted.most, wanted.pace)

    async def script(trial: Trial) -> None:
        await trial.until(lambda: len(trial.ledger.physical) >= 5, "parcels on the belts")
        for name in cases:
            wanted, bench.alarms = bench.alarms, []
            await CASES[name](bench)
            bench.alarms += wanted
            await bench.sorted(5)

    verdict = await trial.under(script)
    _judge(bench, verdict)
    return bench


def _judge(bench: Bench, verdict: dict[str, Any]) -> None:
    trial, bad = bench.trial, bench.bad
    if not passed(verdict) or verdict["parcels"] != verdict["terminal"]:
        bad.append(f"the judge says {verdict}")
    blind = [name for name, one in trial.ledger.physical.items() if one.arrived and not one.dests]
    if blind and not bench.codes:
        bad.append(f"no destination for {blind[:10]}")
    if verdict["late"] and not bench.codes:
        bad.append(f"{verdict['late']} destinations came late")
    bad += trial.unrecorded()
    bad += trial.ledger.disorder[:10]
    if codes := [end.code for end in trial.ends if end.code not in {0, *bench.codes}]:
        bad.append(f"floord ended with {codes}")
    if len(trial.ends) > BOUND_OF_ENDS + bench.most * 2:
        bad.append(f"a crash loop: {Counter(end.code for end in trial.ends)}")
    raised = {alarm for alarm, name, _ in trial.ledger.alarms if name == "raised"}
    for wanted in bench.alarms:
        if not any(alarm.startswith(wanted) for alarm in raised):
            bad.append(f"no alarm {wanted}… at the witness, only {sorted(raised)}")
        if not any(alarm.startswith(wanted) and name == "cleared" for alarm, name, _ in trial.ledger.alarms):
            bad.append(f"the alarm {wanted}… was not cleared")
    other = sorted(alarm for alarm in raised - bench.may if not alarm.startswith(tuple(bench.alarms)))
    if other and not bench.codes:
        bad.append(f"alarms about nothing: {other}")
    bench.notes.append(
        f"{verdict['parcels']} parcels, {len(trial.ledger.ids)} events, missing {verdict['missing']}, late "
        f"{verdict['late']}, exits {dict(Counter(end.code for end in trial.ends))}, alarms {sorted(raised)}"
    )


def main() -> int:
    """0 when every promise held."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.disk_faults")
    parser.add_argument("--broker", default="nats", choices=("nats", "mosquitto"))
    parser.add_argument("--together", action="store_true", help="all cases on one floor, not a floor for each")
    parser.add_argument("--most", type=int, default=40, help="operations of a kind that fail in turn")
    parser.add_argument("--pace", type=float, default=1.0, help="so much of the time that faults last")
    parser.add_argument("--rate", type=float, default=5.0, help="parcels a second, over two lines")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a new folder that is left behind")
    parser.add_argument("cases", nargs="*", default=list(CASES), help=f"of {', '.join(CASES)}")
    wanted, failed = parser.parse_args(), 0
    if unknown := set(wanted.cases) - CASES.keys():
        parser.error(f"{', '.join(sorted(unknown))}: write some of {', '.join(CASES)}")
    for cases in [wanted.cases] if wanted.together else [[case] for case in wanted.cases]:
        since = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="hubfloor-disk-") as temporary:
            folder = (wanted.keep or Path(temporary)).absolute() / "-".join(cases)
            folder.mkdir(parents=True)
            try:
                bench = asyncio.run(_run(folder, cases, wanted))
                bad, notes = bench.bad, bench.notes
            except* (AssertionError, OSError) as errors:
                bad, notes = [str(error) for error in _all(errors)], []
            failed += bool(bad)
            print(f"{', '.join(cases)}: {'FAILED' if bad else 'held'} ({time.monotonic() - since:.0f} s)")
            for text in [*notes, *(f"!! {text}" for text in bad)]:
                print(f"    {text}")
            log = folder / "floord.log"
            if bad and log.exists():
                print("    the end of floord's log:")
                for line in log.read_text(errors="replace").splitlines()[-12:]:
                    print(f"      {line[:200]}")
            sys.stdout.flush()
    return 1 if failed else 0


def _all(errors: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in errors.exceptions:
        found += _all(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


if __name__ == "__main__":
    sys.exit(main())
