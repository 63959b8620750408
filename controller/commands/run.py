"""`floord run`: the daemon."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from controller.config import Config
    from controller.plan import Plan
    from controller.recording import Texts
    from controller.stalls import Stalls

COLLECT = (50_000, 20, 100)
"""Rare collections: next to nothing of what a message makes refers to itself."""

EXIT_DISK, EXIT_OWN, EXIT_RUNNING, EXIT_CONFIG = 70, 71, 75, 78


@click.command("run")
@click.argument("floor_file", metavar="FLOOR.toml", type=click.Path(path_type=Path))
@click.option("--record", is_flag=True, help="Record every step, for floord replay-floor, in state_dir/recordings.")
@click.option("--strict", is_flag=True, help="Refuse a wrong floor file, also where the last good one is known.")
@click.option("--record-mb", type=click.IntRange(1), default=1000, show_default=True, help="Size at which it ends.")
def command(floor_file: Path, record: bool, strict: bool, record_mb: int) -> None:
    """Run the floor of FLOOR.toml until SIGTERM or Ctrl-C.

    Everything is checked first, as by `floord check`. With a problem the floor runs as it ran last, and the alarm
    `configuration` says so; where it never ran, or with --strict, nothing is started and the exit code is 78.
    docs/operation.md tells of signals, exit codes and systemd.
    """
    gc.disable()  # nothing is thrown away before the floor runs
    from controller import last_good, logs
    from controller.plans import ConfigErrors, load_floor
    from controller.recording_file import texts
    from controller.reload import misread
    from controller.stalls import Stalls

    wrong = ""
    try:
        config, plans = load_floor(floor_file, start=True)
    except ConfigErrors as errors:
        click.echo(str(errors), err=True)
        good = None if strict else last_good.found(floor_file)
        if good is None:
            sys.exit(EXIT_CONFIG)
        (config, plans), wrong = good, misread([str(problem) for problem in errors.problems])
        click.echo(f"floord: {wrong}", err=True)
    recorded = (texts(floor_file, config), record_mb * 1_000_000) if record and not wrong else None
    logs.begin()
    if sys.stderr is not None:
        faulthandler.enable()  # a watchdog's SIGABRT leaves every stack
    for number in (signal.SIGTERM, signal.SIGINT):  # until the daemon runs there is nothing to be ended
        signal.signal(number, lambda *_: _leave(0))
    stalls = Stalls()
    with asyncio.Runner(loop_factory=stalls.new_loop) as runner:
        runner.run(_run(floor_file, config, plans, recorded, stalls, wrong))


async def _run(
    floor_file: Path,
    config: Config,
    plans: Mapping[str, Plan],
    record: tuple[Texts, int] | None,
    stalls: Stalls,
    wrong: str,
) -> NoReturn:
    from controller.daemon import Daemon
    from controller.journal import JournalError
    from controller.logs import say, stack
    from controller.state_dir import AlreadyRunning, UnusableStateDir

    try:
        daemon = Daemon(config, plans, record, stalls, floor_file, wrong)
        gc.freeze()  # what is there now stays: no later collection walks through it
        gc.set_threshold(*COLLECT)
        gc.enable()
        code = await daemon.run()
    except AlreadyRunning as error:
        say(str(error))
        _leave(EXIT_RUNNING)
    except UnusableStateDir as error:
        say(str(error))
        _leave(EXIT_DISK if error.disk else EXIT_CONFIG)
    except JournalError as error:
        say(str(error))
        _leave(EXIT_DISK)
    except Exception as error:
        say(f"an error of our own; the next start reads the journal\n{stack(error)}")
        _leave(EXIT_OWN)
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End at once: nobody waits for a thread that a disk or a name server holds. All that matters is written by now."""
    from controller import logs

    logs.end()
    os._exit(code)
