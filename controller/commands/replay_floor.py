"""`floord replay-floor FILE`: run a recording of the floor again and compare."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from controller.replaying import Difference, Replay

EXIT_DIFFERENT, EXIT_DATA = 1, 65
LONG = 300
"""A value is shown with at most so many characters; --json has it whole."""


@click.command("replay-floor")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object for scripts.")
def command(file: Path, as_json: bool) -> None:
    """Run the recording FILE again, as `floord run --record` wrote it, and compare.

    Exit code 0: every input has the effects that were recorded. 1: the first difference is told. 65: FILE is no
    recording, or is damaged. FILE may be gzipped, as *.gz; nothing else is read, and nothing is sent anywhere.
    """
    from controller.recording import NotARecording
    from controller.recording_file import lines
    from controller.replaying import replay

    begin = time.monotonic()
    try:
        done = replay(lines(file))
    except OSError as error:
        raise click.UsageError(f"{file}: {(error.strerror or str(error)).lower()}") from None
    except NotARecording as error:
        click.echo(f"{file}: {error}", err=True)
        sys.exit(EXIT_DATA)
    seconds = time.monotonic() - begin
    if as_json:
        click.echo(json.dumps({"same": done.difference is None, **asdict(done), "seconds": round(seconds, 3)}))
    else:
        click.echo(said(done, seconds))
    if done.torn:
        click.echo("the last line is torn, as kill -9 or a power cut leaves it: it was left out", err=True)
    sys.exit(0 if done.difference is None else EXIT_DIFFERENT)


def said(done: Replay, seconds: float) -> str:
    """A replay in words."""
    if done.difference is not None:
        return "\n".join(differs(done.difference, done.hubfloor))
    starts = "" if done.floors == 1 else f", {done.floors} starts"
    speed = f"{done.inputs / max(seconds, 1e-3):,.0f} inputs/s"
    if done.span_ms:
        speed += f", {done.span_ms / 1000 / max(seconds, 1e-3):,.0f} times real time"
    return f"the same: {done.inputs:,} inputs{starts}, {done.effects:,} effects in {seconds:.1f} s ({speed})"


def differs(found: Difference, hubfloor: str) -> list[str]:
    """Where a replay went another way, in lines."""
    from controller import __version__
    from controller.stamps import rfc3339

    version = "" if hubfloor == __version__ else f", recorded by hubfloor {hubfloor}, replayed by {__version__}"
    rows = [
        f"different from input {found.input:,} on (line {found.line:,}{version})",
        f"time      {rfc3339(found.utc_ms)}, {found.since_ms / 1000:.3f} s after the start",
        f"input     {words(found.what)}",
    ]
    expected, got = found.expected, found.got
    if not (isinstance(expected, dict) and isinstance(got, dict) and _same_thing(expected, got)):
        return [*rows, f"expected  {words(expected)}", f"got       {words(got)}"]
    rows.append(f"effect    {_name(expected)}")
    for path, was, now in _changed("", expected, got):
        rows += [f"  {path}", f"    expected  {words(was)}", f"    got       {words(now)}"]
    return rows


def words(value: Any) -> str:
    """A recorded value in one line: `Heard device=plc-1 item=(Arrived point=D1 …)`."""
    text = "nothing" if value is None else _words(value).removeprefix("(").removesuffix(")")
    return text if len(text) <= LONG else text[: LONG - 1] + "…"


def _words(value: Any) -> str:
    if isinstance(value, dict) and "$hex" in value:
        return ascii(bytes.fromhex(value["$hex"]))[1:]
    if isinstance(value, dict):
        fields = " ".join(f"{key}={_words(member)}" for key, member in value.items() if key != "$")
        return f"({value.get('$', '')} {fields}".strip() + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(_words, value)) + "]"
    return json.dumps(value, ensure_ascii=True) if isinstance(value, str) and not value.isalnum() else f"{value}"


def _same_thing(expected: dict[str, Any], got: dict[str, Any]) -> bool:
    return all(expected.get(key) == got.get(key) for key in ("$", "kind", "key", "name", "subject", "line"))


def _name(effect: dict[str, Any]) -> str:
    return " ".join(_words(effect[key]) for key in ("$", "kind", "key", "name", "subject", "line") if key in effect)


def _changed(path: str, expected: Any, got: Any) -> list[tuple[str, Any, Any]]:
    """(path, expected, got) of every part that is not the same."""
    if isinstance(expected, dict) and isinstance(got, dict):
        keys = dict.fromkeys((*expected, *got))
        parts = [_changed(f"{path}.{key}".lstrip("."), expected.get(key), got.get(key)) for key in keys]
        return [found for part in parts for found in part]
    return [] if expected == got else [(path, expected, got)]
