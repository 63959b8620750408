"""`floord run`: the daemon."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

EXIT_CONFIG, EXIT_RUNNING, EXIT_DISK = 78, 75, 70


@click.command("run")
@click.argument("floor_file", metavar="FLOOR.toml", type=click.Path(path_type=Path))
def command(floor_file: Path) -> None:
    """Run the floor of FLOOR.toml until SIGTERM or Ctrl-C.

    Everything is checked first, as by `floord check`; with a problem nothing is started and the exit code is 78.
    """
    from controller.config import ConfigErrors, load
    from controller.plan import load_plan

    try:
        config = load(floor_file)
        plan = load_plan(config.plan, config)
    except ConfigErrors as errors:
        click.echo(str(errors), err=True)
        sys.exit(EXIT_CONFIG)
    sys.exit(asyncio.run(_run(config, plan)))


async def _run(config: object, plan: object) -> int:
    from controller.config import Config
    from controller.daemon import AlreadyRunning, Daemon, say
    from controller.journal import JournalError
    from controller.plan import Plan

    assert isinstance(config, Config)
    assert isinstance(plan, Plan)
    try:
        daemon = Daemon(config, plan)
    except AlreadyRunning as error:
        say(str(error))
        return EXIT_RUNNING
    except JournalError as error:
        say(str(error))
        return EXIT_DISK
    return await daemon.run()
