"""`floord view`: a simulated floor at a terminal, drawn, with its wires and its faults."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import click

from controller.commands._where import floor_option
from controller.view.palette import theme_of
from controller.view.places import folder_of

MISSING = "floord view needs textual, which is not installed; write: python -m pip install 'hubfloor[view]'"


@click.command("view")
@floor_option
@click.option("--light", "theme", flag_value="light", help="For a light terminal.")
@click.option("--dark", "theme", flag_value="dark", help="For a dark one; without either as the terminal says.")
@click.option("--of-demo", is_flag=True, hidden=True, help="Who leaves it ends the demo.")
def command(floor: Path, theme: str | None, of_demo: bool) -> None:
    """Watch a simulated floor, its wires and its machines, and let faults strike by a key.

    Shows what `floorsim run` simulates, and what floord says of it. Either may come later, or go. `?` shows the keys.
    """
    if importlib.util.find_spec("textual") is None:
        raise click.ClickException(MISSING)
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):  # textual draws on stderr
        raise click.ClickException("floord view needs a terminal; floord status and floord tail --json do not")
    from controller.view.app import View

    View(floor, folder_of(floor), theme or theme_of(os.environ.get("COLORFGBG")), of_demo).run()
