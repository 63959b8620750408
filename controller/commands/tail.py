"""`floord tail`: events as they are recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from controller.commands._story import left_out, line_of
from controller.commands._texts import json_line
from controller.commands._where import JOURNAL, ask, floor_option, state_dir
from controller.wording import counted


@click.command("tail")
@floor_option
@click.option("--since", type=click.IntRange(min=1), help="First print what the journal holds from this sequence on.")
@click.option("--json", "as_json", is_flag=True, help="The whole events, one a line.")
def command(floor: Path, since: int | None, as_json: bool) -> None:
    """Print every event from now on, one a line, until Ctrl-C.

    With --since it begins with the journal, and goes on with what comes, until Ctrl-C. With the daemon down it ends
    with the journal's last.
    """
    state = state_dir(floor)
    last = 0
    if since is not None:
        from controller.journal_file import JournalError
        from controller.journal_reader import Reader

        try:
            reader = Reader(state / JOURNAL)
            for row in reader.since(since):
                last = row.seq
                _show(json.loads(row.body), as_json)
        except JournalError as error:
            raise click.ClickException(str(error)) from None
        if reader.damaged:
            click.echo(left_out(len(reader.damaged)), err=True)
        if not (state / "control.sock").exists():
            return
    for event in ask(state, {"do": "tail"}):
        if "missed" in event:
            click.echo(f"-- {counted(event['missed'], 'event')} missed: this terminal is too slow", err=True)
        elif "sequence" in event and int(event["sequence"]) > last:
            _show(event, as_json)


def _show(event: dict[str, Any], as_json: bool) -> None:
    click.echo(json_line(event) if as_json else line_of(event))
