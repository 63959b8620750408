"""`floord tail`: events as they are recorded."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from pathlib import Path

import click

from controller.commands._story import Event, day_of, left_out, line_of
from controller.commands._texts import json_line
from controller.commands._where import JOURNAL, ask, floor_option, state_dir
from controller.wording import counted

INDENT = 30
"""Where the second row of an event begins: below who it is about."""


@click.command("tail")
@floor_option
@click.option("--since", type=click.IntRange(min=1), help="First print what the journal holds from this sequence on.")
@click.option("--no-follow", is_flag=True, help="End with what is recorded until now; without --since, all of it.")
@click.option("--json", "as_json", is_flag=True, help="The whole events, one a line.")
def command(floor: Path, since: int | None, no_follow: bool, as_json: bool) -> None:
    """Print every event from now on, one a line, until Ctrl-C.

    In the order in which they were recorded, with the time at which they happened, in UTC. A terminal gets long lines
    wrapped. With --since it begins with the journal, and goes on with what comes, until Ctrl-C. With the daemon down it
    ends with the journal's last, and so it does with --no-follow.
    """
    state = state_dir(floor)
    last = 0
    width = max(40, shutil.get_terminal_size((80, 24)).columns) if sys.stdout.isatty() else None
    told = Told(width)
    if since is not None or no_follow:
        from controller.journal_file import JournalError
        from controller.journal_reader import Reader

        try:
            reader = Reader(state / JOURNAL)
            for row in reader.since(since or 1):
                last = row.seq
                event = json.loads(row.body)
                click.echo(json_line(event) if as_json else "\n".join(told.rows(event)))
        except JournalError as error:
            raise click.ClickException(str(error)) from None
        if reader.damaged:
            click.echo(left_out(len(reader.damaged)), err=True)
        if no_follow or not (state / "control.sock").exists():
            return
    for event in ask(state, {"do": "tail"}):
        if "missed" in event:
            click.echo(f"-- {counted(event['missed'], 'event')} missed: this terminal is too slow", err=True)
        elif "sequence" in event and int(event["sequence"]) > last:
            click.echo(json_line(event) if as_json else "\n".join(told.rows(event)))


class Told:
    """Events for people: a row for each, below the day where it is another one than before. `width`: of a terminal,
    whose long rows are wrapped; None = one row an event, whatever its length."""

    def __init__(self, width: int | None) -> None:
        self._width = width
        self._day = ""

    def rows(self, event: Event) -> list[str]:
        """The next event."""
        row, day = line_of(event), day_of(event)
        above = [] if day == self._day else [f"-- {day}, times are UTC"]
        self._day = day
        if self._width is None:
            return [*above, row]
        indent = " " * min(INDENT, self._width // 2)
        return above + textwrap.wrap(row, self._width, subsequent_indent=indent, break_on_hyphens=False)
