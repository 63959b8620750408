"""`floord barcode TEXT`: what a code may be."""

from __future__ import annotations

import dataclasses
import json

import click

from controller.commands._texts import unescape
from devices.barcodes import candidates


@click.command()
@click.argument("text")
@click.pass_context
def command(ctx: click.Context, text: str) -> None:
    r"""Say what a barcode may be: every scheme it fits, with its check.

    TEXT is the code, with an AIM identifier such as ]C1 in front if the scanner gives one. \x1d and <GS> stand for the
    group separator. Prints one JSON object; exit code 1 if the code is valid in no scheme.
    """
    found = candidates(unescape(text))
    click.echo(json.dumps({"candidates": [dataclasses.asdict(candidate) for candidate in found]}))
    ctx.exit(0 if any(candidate.valid for candidate in found) else 1)
