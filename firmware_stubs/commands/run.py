"""Simulate a floor: its belts, and a machine at the other end of every link."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TextIO

import click

from firmware_stubs import floor_file
from firmware_stubs.commands._recording import opened
from firmware_stubs.coupling import Listener
from firmware_stubs.sections import FloorError
from firmware_stubs.serve import Simulation
from firmware_stubs.wire import PortError, say

FAILED, PORT_MISSING, FLOOR_WRONG = 1, 69, 78


@click.command("run")
@click.argument("floor", metavar="FLOOR.toml", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--manifest", default="-", show_default=True, help="Parcels as JSON lines: a file, or - for stdin.")
@click.option("--ledger", help="Write what really happened as JSON lines: a file, or - for stdout.")
@click.option("--seed", type=int, help="Instead of the seeds of the floor file.")
@click.option(
    "--wait/--no-wait", default=True, help="Hold the parcels until floord is at every PLC and handheld, at most 30 s."
)
@click.option("--real", is_flag=True, help="Allow serial:// links: the stub speaks on a real port.")
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help="Record all wires into a new file.")
@click.option("--events", metavar="mqtt://HOST:PORT", help="Of --record: the broker where floord publishes.")
def command(
    floor: Path,
    manifest: str,
    ledger: str | None,
    seed: int | None,
    wait: bool,
    real: bool,
    record: Path | None,
    events: str | None,
) -> None:
    """Simulate a floor: its belts, and a machine at the other end of every link.

    A line of the manifest: {"parcel": "p-17", "line": "S1", "codes": ["RB123456785GB"], "length_mm": 300};
    with "point": "DOCK" in place of line the readers at that presence point are shown it.

    At the end of the manifest the belts run empty and the command ends. SIGTERM or Ctrl-C: no more parcels, then the
    same; the second one ends it at once.
    """
    if events and not record:
        raise click.UsageError("--events: goes with --record; say where to with --record FILE")
    try:
        settings = floor_file.load(floor)
        with contextlib.ExitStack() as files:
            source = _opened(manifest, files)
            ledger_file = _ledger(ledger, files)
            tap = opened([floor], settings, record, files) if record else None
            run = _run(settings, source, ledger_file, seed, wait, real, tap, events)
            code = asyncio.run(run)
    except (FloorError, PortError, OSError) as error:
        say(str(error))
        code = (
            FLOOR_WRONG if isinstance(error, FloorError) else PORT_MISSING if isinstance(error, PortError) else FAILED
        )
    raise SystemExit(code)


async def _run(
    floor: floor_file.Floor,
    source: int,
    ledger: TextIO | None,
    seed: int | None,
    wait: bool,
    real: bool,
    tap: Listener | None,
    events: str | None,
) -> int:
    simulation = Simulation(floor, ledger, seed=seed, utc_ms=time.time_ns() / 1e6, tap=tap, events=events)
    return await simulation.run(source, wait=wait, real=real)


def _opened(path: str, files: contextlib.ExitStack) -> int:
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
