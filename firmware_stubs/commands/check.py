"""Replay a recording to a build of floord, and show what it answers otherwise."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click

from firmware_stubs.check_words import described, told
from firmware_stubs.checking import Check, Result
from firmware_stubs.commands._recording import whole
from firmware_stubs.coupling import LockstepError
from firmware_stubs.near_inputs import Settled, settled
from firmware_stubs.openings import span
from firmware_stubs.rehearsed_child import ChildError, RehearsedChild, floord
from firmware_stubs.sections import FloorError
from firmware_stubs.wire_recording import NotARecordingError, Recording

EXIT_DIFFERENT, EXIT_DATA, EXIT_FLOOR = 1, 65, 78


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--floord", "program", metavar="PATH", help="The build to be checked. Default: the one beside floorsim.")
@click.option(
    "--floor",
    "floors",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="In place of the floor file in the recording; several: several times.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for scripts.")
@click.option("--whole", "entire", is_flag=True, help="Show all differences, and whole messages and events.")
def command(file: Path, program: str | None, floors: tuple[Path, ...], as_json: bool, entire: bool) -> None:
    """Replay the wire recording FILE to a build of floord in virtual time, and compare what it answers.

    What machines and the centre said comes in; messages to machines, and events, are compared, times and ids apart.
    docs/wire-recordings.md says what that means. Exit code 0: the same. 1: different. 65: FILE is no recording, or is
    damaged: a line was changed after it was recorded. 78: floord refuses the floor.
    """
    began = time.monotonic()
    try:
        recording = whole(file)
        done = checked(recording, floord(program), floors)
    except OSError as error:
        raise click.UsageError(f"{file}: {(error.strerror or str(error)).lower()}") from None
    except NotARecordingError as error:
        _end(f"{file}: {error}", EXIT_DATA)
    except (ChildError, LockstepError, FloorError) as error:
        _end(str(error), EXIT_FLOOR)
    seconds = time.monotonic() - began
    if recording.torn:
        click.echo("the last line is torn, as kill -9 or a power cut leaves it: it was left out", err=True)
    if as_json:
        click.echo(json.dumps(described(done, seconds)))
    else:
        width = max(40, shutil.get_terminal_size((80, 24)).columns)
        click.echo("\n".join(told(done, seconds, width, entire)))
    if done.result.changed:
        sys.exit(EXIT_DATA)
    sys.exit(EXIT_DIFFERENT if done.result.differences else 0)


def checked(recording: Recording, program: str, floors: Sequence[Path]) -> Settled:
    """Check it. Raises ChildError, LockstepError, FloorError, NotARecordingError, OSError."""
    with contextlib.ExitStack() as ending:
        if not floors:
            folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="floorsim-check-")))
            floors = written(recording, folder)

        def run(recording: Recording) -> Result:
            within = span(recording)
            utc_ms = recording.header.utc_ms + within.begin
            with contextlib.ExitStack() as children:
                started = [RehearsedChild(program, floor, now=within.begin, utc_ms=utc_ms) for floor in floors]
                daemons = [children.enter_context(child) for child in started]
                return Check(recording, daemons, within).run()

        return settled(recording, run)


def written(recording: Recording, folder: Path) -> list[Path]:
    """The floor files of a recording, with their plans. Raises NotARecordingError where there are none."""
    if not recording.header.floors:
        raise NotARecordingError("there is no floor file in it; give the one that it ran with: --floor FLOOR.toml")
    paths = []
    for number, floor in enumerate(recording.header.floors):
        own = folder / str(number)
        for name, text in {**floor.plans, floor.name: floor.text}.items():
            path = (own / name).resolve()
            if not path.is_relative_to(own.resolve()):
                raise NotARecordingError(f"its floor names {name}, outside its folder; give it with --floor")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        paths.append(own / floor.name)
    return paths


def _end(text: str, code: int) -> None:
    click.echo(text, err=True)
    sys.exit(code)
