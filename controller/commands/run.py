"""`floord run`: the daemon."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from controller.config import Config
    from controller.plan import Plan

EXIT_CONFIG, EXIT_RUNNING, EXIT_DISK = 78, 75, 70


@click.command("run")
@click.argument("floor_file", metavar="FLOOR.toml", type=click.Path(path_type=Path))
def command(floor_file: Path) -> None:
    """Run the floor of FLOOR.toml until SIGTERM or Ctrl-C.

    Everything is checked first, as by `floord check`; with a problem nothing is started and the exit code is 78.
    """
    from controller.plans import ConfigErrors, load_floor

    try:
        config, plans = load_floor(floor_file)
    except ConfigErrors as errors:
        click.echo(str(errors), err=True)
        sys.exit(EXIT_CONFIG)
    sys.exit(asyncio.run(_run(config, plans)))


async def _run(config: Config, plans: Mapping[str, Plan]) -> int:
    from controller.daemon import AlreadyRunning, Daemon, say
    from controller.journal import JournalError

    try:
        daemon = Daemon(config, plans)
    except AlreadyRunning as error:
        say(str(error))
        return EXIT_RUNNING
    except JournalError as error:
        say(str(error))
        return EXIT_DISK
    return await daemon.run()
