"""Replay a recording to a build of floord, and show what it answers otherwise."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from firmware_stubs.checking import Came, Check, Result
from firmware_stubs.commands._recording import whole
from firmware_stubs.coupling import LockstepError
from firmware_stubs.near_inputs import NEAR_MS, Settled, settled
from firmware_stubs.openings import span
from firmware_stubs.rehearsed_child import ChildError, RehearsedChild, floord
from firmware_stubs.sections import FloorError
from firmware_stubs.stub import Message
from firmware_stubs.talks import Difference, Fact
from firmware_stubs.wire_recording import Entry, NotARecordingError, Recording

EXIT_DIFFERENT, EXIT_DATA, EXIT_FLOOR = 1, 65, 78
SHOWN = 10
LONG = 400


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
def command(file: Path, program: str | None, floors: tuple[Path, ...], as_json: bool) -> None:
    """Replay the wire recording FILE to a build of floord in virtual time, and compare what it answers.

    What machines and the centre said comes in; messages to machines, and events, are compared, times and ids apart.
    docs/wire-recordings.md says what that means. Exit code 0: the same. 1: different. 65: FILE is no recording, or is
    damaged. 78: floord refuses the floor.
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
        click.echo("\n".join(told(done, seconds)))
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


def told(done: Settled, seconds: float) -> list[str]:
    """A result in words."""
    result = done.result
    span_s = result.until / 1000
    speed = f"{span_s:,.0f} s in {seconds:.1f} s, {span_s / max(seconds, 1e-3):,.0f} times real time"
    notes = [f"checked up to {_at(result.until)}: {result.why}"] if result.why else []
    if not result.events:
        notes.append("no events were recorded: messages to machines alone are compared")
    for one, other in done.swapped:
        notes.append(f"taken in the other order, for they came within {NEAR_MS:g} ms: lines {one} and {other}")
    if not result.differences:
        rows = [f"the same: {result.compared:,} messages and events ({speed})"]
        return rows + notes
    count = len(result.differences)
    rows = [f"different: {count} of what was compared ({result.compared:,} messages and events, {speed})"]
    rows += notes
    for difference in result.differences[:SHOWN]:
        rows += ["", *_shown(difference, result.just_before(difference))]
    if count > SHOWN:
        rows += ["", f"and {count - SHOWN} more, which may follow from these; --json has all"]
    return rows


def _shown(difference: Difference, came: Came | None) -> list[str]:
    rows = [f"{_at(difference.t)}  {difference.fact.where}  {difference.fact.about}"]
    rows.append(f"  recorded  {_fact(difference.recorded)}")
    rows.append(f"  now       {_fact(difference.now)}")
    if came is not None:
        rows.append(f"  came in   {_cut(_entry(came.entry))}")
        rows += [f"  heard     {_cut(one)}" for one in came.meaning] or ["  heard     nothing"]
    return rows


def _fact(fact: Fact | None) -> str:
    if fact is None:
        return "nothing"
    line = f" (line {fact.entry})" if fact.entry else ""
    return f"{_cut(fact.text)}{line}"


def _entry(entry: Entry) -> str:
    piece = entry.piece
    what = f"{piece.topic} {piece.payload!r}" if isinstance(piece, Message) else piece.hex(" ") if piece else entry.why
    who = entry.side if not entry.link else f"{entry.link} {entry.side}"
    return f"line {entry.number}, {_at(entry.t)}, {who}: {what}"


def _cut(text: str) -> str:
    return text if len(text) <= LONG else text[: LONG - 1] + "…"


def _at(t: float) -> str:
    return f"{t / 1000:.3f} s"


def described(done: Settled, seconds: float) -> dict[str, Any]:
    """A result as JSON."""
    result = done.result
    return {
        "same": not result.differences,
        "compared": result.compared,
        "until_ms": round(result.until, 3),
        "why": result.why,
        "swapped": done.swapped,
        "seconds": round(seconds, 3),
        "differences": [
            {
                "t": round(one.t, 3),
                "where": one.fact.where,
                "about": one.fact.about,
                "recorded": one.recorded and {"line": one.recorded.entry, "text": one.recorded.text},
                "now": one.now and {"text": one.now.text},
                "came": (came := result.just_before(one)) and {"line": came.entry.number, "heard": came.meaning},
            }
            for one in result.differences
        ],
    }


def _end(text: str, code: int) -> None:
    click.echo(text, err=True)
    sys.exit(code)
