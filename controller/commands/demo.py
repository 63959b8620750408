"""`floord demo`: the main job on one machine, with a judge."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import textwrap
from pathlib import Path
from random import SystemRandom
from typing import Any

import click

from controller.demo_floor import PLCS


@click.command("demo")
@click.option("--parcels", type=click.IntRange(min=1), help="So many parcels; without it until Ctrl-C.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), default=5.0, show_default=True, help="Parcels/s.")
@click.option("--lines", type=click.IntRange(1, 16), default=2, show_default=True, help="Lines, each with its PLC.")
@click.option("--seed", type=int, help="The same seed, the same parcels.")
@click.option("--broker", default="nats", show_default=True, help="nats (embedded), mosquitto (installed), or a URL.")
@click.option(
    "--plc", type=click.Choice(PLCS), default=PLCS[0], show_default=True, help="What the PLCs speak, and on what link."
)
@click.option("--floor", help="A ready floor in place of the demo's own: floorsim floors names them.")
@click.option("--view/--no-view", default=None, help="The terminal view; without either: where there is a terminal.")
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), help="Work in this folder and leave it there."
)
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help="Record all wires, for floorsim check.")
@click.option("--json", "as_json", is_flag=True, help="Only the verdict, as one JSON object on the last line.")
def command(
    parcels: int | None,
    rate: float,
    lines: int,
    seed: int | None,
    broker: str,
    plc: str,
    floor: str | None,
    view: bool | None,
    keep: Path | None,
    record: Path | None,
    as_json: bool,
) -> None:
    """Run a whole floor: broker, simulated machines on real wire, floord, and a witness that judges.

    Exit code 0: nothing missing, nothing doubled, nothing mis-sorted, nothing escaped. 1: something was. Ctrl-C stops
    induction, runs the belts empty and prints the verdict.
    """
    from controller.broker import BrokerFailed, BrokerMissing
    from controller.demo import DemoFailed, Options
    from controller.demo_floor import TooFast, bearable
    from controller.demo_ledger import passed
    from controller.demo_own import OwnFloor
    from controller.demo_progress import has_terminal
    from controller.demo_ready import ReadyFloor

    if broker not in ("nats", "mosquitto") and not broker.startswith(("mqtt://", "mqtts://")):
        raise click.UsageError(f"--broker {broker}: write nats, mosquitto, or mqtt://host:port")
    try:
        bearable(lines, rate)
    except TooFast as error:
        raise click.UsageError(str(error)) from None
    seed = SystemRandom().randrange(10**6) if seed is None else seed
    folder = keep.absolute() if keep else Path(tempfile.mkdtemp(prefix="hubfloor-"))
    if keep and (folder / "state").exists():
        raise click.UsageError(f"--keep {keep}: there is a floor in it already; name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        shown = not as_json and (has_terminal() if view is None else view)
        options = Options(parcels, rate, lines, seed, broker, folder, as_json, plc, floor, shown, record)
        verdict = asyncio.run(_run(ReadyFloor if floor else OwnFloor, options))
    except* (BrokerMissing, BrokerFailed, DemoFailed, OSError) as errors:
        raise click.ClickException("; ".join(str(error) for error in errors.exceptions)) from None
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    click.echo(json.dumps({"seed": seed, **verdict}) if as_json else _told(verdict, seed, folder if keep else None))
    sys.exit(0 if passed(verdict) else 1)


async def _run(demo: Any, options: Any) -> dict[str, Any]:
    try:
        verdict: dict[str, Any] = await demo(options).run()
    except asyncio.CancelledError:
        sys.exit(1)
    return verdict


def _told(verdict: dict[str, Any], seed: int, folder: Path | None) -> str:
    rows = [f"{name:<18}{value}" for name, value in verdict.items() if name != "lanes"]
    lanes = " ".join(f"{lane}:{count}" for lane, count in verdict["lanes"].items())
    rows.append(textwrap.fill(lanes, 79, initial_indent="lanes".ljust(18), subsequent_indent=" " * 18))
    rows.append(f"seed              {seed}")
    if folder is not None:
        rows.append(f"kept in           {folder}   (floord trace PARCEL --floor {folder})")
    return "\n".join(rows)
