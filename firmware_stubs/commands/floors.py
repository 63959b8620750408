"""`floorsim floors`: the ready floors, one line each."""

from __future__ import annotations

import click

from firmware_stubs import floors


@click.command("floors")
def command() -> None:
    """List the ready floors; `floorsim new NAME FOLDER` writes one."""
    wide = max(map(len, floors.names()))
    for name in floors.names():
        click.echo(f"{name:<{wide}}  {floors.load(name).TITLE}")
