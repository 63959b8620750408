"""`floord reload`: take the floor file as it is now."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from controller.commands._texts import json_line
from controller.commands._where import ask, floor_option, state_dir

EXIT_CONFIG = 78


@click.command("reload")
@floor_option
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for scripts.")
def command(floor: Path, dry_run: bool, as_json: bool) -> None:
    """Let the running daemon read its floor file and plans anew; the same as SIGHUP.

    Everything is checked first: with a problem nothing is changed, and the exit code is 78. What changes is shown:
    `+` comes, `-` goes, `~` becomes another. The floor is then made anew of the journal within some hundred ms; ports
    of devices that stay are not closed, sessions with PLCs and the broker are made anew.
    """
    closed: dict[str, Any] = {"ok": False, "error": "the daemon closed the connection"}
    state = state_dir(floor, EXIT_CONFIG)
    answer = next(ask(state, {"do": "reload", "dry_run": dry_run}), closed)
    if not answer.pop("ok"):
        raise click.ClickException(str(answer.get("error")))
    if as_json:
        click.echo(json_line(answer))
    else:
        for row in (*answer["changes"], *answer["problems"]):
            click.echo(row)
        click.echo(told(answer, dry_run))
    sys.exit(EXIT_CONFIG if answer["problems"] else 0)


def told(answer: dict[str, Any], dry_run: bool) -> str:
    """How it ended, in a line."""
    if answer["problems"]:
        return "nothing was changed" if not dry_run else "a reload would change nothing"
    if not answer["changes"]:
        return "nothing has changed"
    return "in force" if answer["applied"] else "not in force yet: floord reload takes it"
