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

from firmware_stubs.floor_file import Floor
from firmware_stubs.sections import FloorError
from firmware_stubs.serve import Simulation
from firmware_stubs.several_floors import load_all
from firmware_stubs.wire import PortError, say

FAILED, PORT_MISSING, FLOOR_WRONG = 1, 69, 78


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
@click.option("--real", is_flag=True, help="Allow serial:// links: the stub speaks on a real port.")
def command(
    floors: tuple[Path, ...],
    manifest: str | None,
    parcels: int | None,
    ledger: str | None,
    seed: int | None,
    wait: bool,
    real: bool,
) -> None:
    """Simulate a floor: its belts, and a machine at the other end of every link.

    Several floor files are one floor, with one floord each. What comes is said by the mixes of the floor file, and by
    the manifest.

    A line of the manifest: {"parcel": "p-17", "line": "S1", "codes": ["RB123456785GB"], "length_mm": 300};
    with "point": "DOCK" in place of line the readers at that presence point are shown it.

    At the end of the manifest and of the --parcels of the mixes the belts run empty and the command ends. SIGTERM or
    Ctrl-C: no more parcels, then the same; the second one ends it at once.
    """
    try:
        floor = load_all(floors)
        if parcels is not None and not floor.mixed:
            raise click.UsageError("--parcels: no [induction] or [desk] of the floor has a mix")
        with contextlib.ExitStack() as files:
            source = _opened(manifest or ("" if floor.mixed else "-"), files)
            code = asyncio.run(_run(floor, source, _ledger(ledger, files), seed, parcels, wait, real))
    except (FloorError, PortError, OSError) as error:
        say(str(error))
        code = (
            FLOOR_WRONG if isinstance(error, FloorError) else PORT_MISSING if isinstance(error, PortError) else FAILED
        )
    raise SystemExit(code)


async def _run(
    floor: Floor,
    source: int | None,
    ledger: TextIO | None,
    seed: int | None,
    parcels: int | None,
    wait: bool,
    real: bool,
) -> int:
    simulation = Simulation(floor, ledger, seed=seed, utc_ms=time.time_ns() / 1e6, parcels=parcels)
    return await simulation.run(source, wait=wait, real=real)


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
