"""`floorsim new`: a ready floor, written as files to run, read and change."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import click

from firmware_stubs import floors
from firmware_stubs.wire import say

FAILED, USAGE = 1, 2


@click.command("new")
@click.argument("name")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--broker", default=floors.BROKER, show_default=True, help="Of the nodes and of machines that speak MQTT."
)
@click.option("--site", default=floors.SITE, show_default=True)
@click.option("--free-ports", is_flag=True, help="Machines on TCP listen on ports that are free now.")
@click.option("--json", "as_json", is_flag=True, help="Only the paths of the floor files, as one JSON object.")
def command(name: str, folder: Path, broker: str, site: str, free_ports: bool, as_json: bool) -> None:
    """Write a ready floor into a new folder: its floor files and sort plans (`floorsim floors` lists them).

    Their links are paths in that folder: to move it, write it anew. Files that are there already are not touched.
    """
    try:
        files = floors.write(name, folder, broker=broker, site=site, port=_free if free_ports else int)
    except ValueError as error:
        say(str(error))
        raise SystemExit(USAGE) from error
    except OSError as error:
        say(str(error))
        raise SystemExit(FAILED) from error
    if as_json:
        click.echo(json.dumps({"floors": [str(file) for file in files]}))
        return
    for file in files:
        click.echo(f"floord run {file}")
    click.echo(f"floorsim run {' '.join(map(str, files))}")


def _free(_: int) -> int:
    """A port of this computer that nobody has."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
