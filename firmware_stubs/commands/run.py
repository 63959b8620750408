"""Simulate a floor: its belts, and a machine at the other end of every link."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import click

from firmware_stubs.api.operator import Interface
from firmware_stubs.api.sockets import BusyError, UnixSocket, loopback
from firmware_stubs.commands._exits import code_of
from firmware_stubs.commands._recording import opened
from firmware_stubs.commands._virtual import Wanted
from firmware_stubs.commands._virtual import run as run_virtual
from firmware_stubs.coupling import LockstepError
from firmware_stubs.faults.kind import FaultError
from firmware_stubs.faults.scenario import load
from firmware_stubs.rehearsed_child import ChildError
from firmware_stubs.sections import FloorError
from firmware_stubs.serve import Simulation
from firmware_stubs.several_floors import load_all
from firmware_stubs.wire import PortError, say


@click.command("run")
@click.argument(
    "floors", metavar="FLOOR.toml...", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path)
)
@click.option(
    "--manifest",
    help="Parcels as JSON lines: a file, or - for stdin. Default: - where the floor has no mix, else none.",
)
@click.option("--parcels", type=click.IntRange(1), help="So many come of all mixes; without, until it is stopped.")
@click.option("--ledger", help="Write what really happened as JSON lines: a file, or - for stdout.")
@click.option("--seed", type=int, help="Instead of the seeds of the floor file.")
@click.option(
    "--wait/--no-wait", default=True, help="Hold the parcels until floord is at every PLC and handheld, at most 30 s."
)
@click.option("--http", help="Serve the interface on HOST:PORT of this machine, too; see docs/floorsim.md.")
@click.option(
    "--scenario",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Faults at their times, from a scenario file; the run lasts as long as it says.",
)
@click.option("--real", is_flag=True, help="Allow serial:// links: the stub speaks on a real port.")
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help="Record all wires into a new file.")
@click.option(
    "--events",
    metavar="WHERE",
    help="With --record: mqtt://host:port of the broker where floord publishes. With --virtual: a new file for events.",
)
@click.option("--virtual", is_flag=True, help="In virtual time, as fast as the machine, with floord as a child of it.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Of --virtual: so much of its time.")
@click.option("--floord", "program", metavar="PATH", help="Of --virtual: the build. Default: the one beside floorsim.")
def command(
    floors: tuple[Path, ...],
    manifest: str | None,
    parcels: int | None,
    ledger: str | None,
    seed: int | None,
    wait: bool,
    http: str | None,
    scenario: Path | None,
    real: bool,
    record: Path | None,
    events: str | None,
    virtual: bool,
    minutes: float | None,
    program: str | None,
) -> None:
    """Simulate a floor: its belts, and a machine at the other end of every link.

    Several floor files are one floor, with one floord each. What comes is said by the mixes of the floor file, and by
    the manifest.

    A line of the manifest: {"parcel": "p-17", "line": "S1", "codes": ["RB123456785GB"], "length_mm": 300};
    with "point": "DOCK" in place of line the readers at that presence point are shown it.

    At the end of the manifest and of the --parcels of the mixes the belts run empty and the command ends. SIGTERM or
    Ctrl-C: no more parcels, then the same; the second one ends it at once. While it runs `floorsim state`, `fault`,
    `time` and `parcels` operate it.
    """
    if events and not (record or virtual):
        raise click.UsageError("--events: goes with --record FILE, or with --virtual")
    if not virtual and (minutes or program):
        raise click.UsageError(f"--{'minutes' if minutes else 'floord'}: goes with --virtual")
    for name, given in (("http", http), ("real", real)):
        if virtual and given:
            raise click.UsageError(f"--{name}: does not go with --virtual")
    try:
        floor = load_all(floors)
        if parcels is not None and not floor.mixed:
            raise click.UsageError("--parcels: no [induction] or [desk] of the floor has a mix")
        story = load(scenario) if scenario else None
        if story and seed is None:
            seed = story.seed
        with contextlib.ExitStack() as files:
            source = _opened(manifest or ("" if floor.mixed else "-"), files)
            ledger_file = _ledger(ledger, files)
            if virtual:
                minutes = minutes or (story.minutes if story else None)
                if floor.mixed and not (minutes or parcels):
                    raise click.UsageError("--virtual: its mixes never end; say how long with --minutes, or --parcels")
                out = Path(events) if events else None
                wanted = Wanted(floors, program, minutes, parcels, seed, wait, record, out, story)
                say_to = sys.stderr if ledger_file is sys.stdout else None
                raise SystemExit(run_virtual(floor, wanted, source, ledger_file, say_to))
            tap = opened(floors, floor, record, files) if record else None
            interface = _interface(floors, http, files)

            async def run() -> int:
                simulation = Simulation(
                    floor,
                    ledger_file,
                    seed=seed,
                    utc_ms=time.time_ns() / 1e6,
                    parcels=parcels,
                    tap=tap,
                    events=events,
                )
                return await simulation.run(source, wait=wait, real=real, interface=interface, scenario=story)

            code = asyncio.run(run())
    except (FloorError, FaultError, ChildError, LockstepError, PortError, BusyError, OSError) as error:
        say(str(error))
        code = code_of(error)
    raise SystemExit(code)


def _interface(floors: Sequence[Path], http: str | None, files: contextlib.ExitStack) -> Interface | None:
    """What the floor is operated with; None where it cannot listen, which is said. Raises BusyError."""
    unix = tcp = None
    try:
        if http:
            tcp = files.enter_context(loopback(http))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        unix = files.enter_context(contextlib.closing(UnixSocket(floors[0].absolute().parent)))
    except OSError as error:
        say(f"no interface beside {floors[0]}: {error}; `floorsim fault` and the view do not reach this run")
    if not (unix or tcp):
        return None
    from firmware_stubs.api.server import Server

    return Server(floors, unix, tcp)


def _opened(path: str, files: contextlib.ExitStack) -> int | None:
    if not path:
        return None
    if path == "-":
        return 0
    source = os.open(path, os.O_RDONLY)
    files.callback(os.close, source)
    return source


def _ledger(path: str | None, files: contextlib.ExitStack) -> TextIO | None:
    if path is None:
        return None
    if path == "-":
        return sys.stdout
    return files.enter_context(open(path, "w", encoding="utf-8"))
