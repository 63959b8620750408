"""`floord barcode TEXT`: what a code may be."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys

import click

from controller.commands import _barcode
from controller.commands._texts import unescape
from devices.barcodes import candidates, words
from devices.barcodes.candidate import split_aim


@click.command()
@click.argument("text")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, as everywhere but at a terminal.")
@click.pass_context
def command(ctx: click.Context, text: str, as_json: bool) -> None:
    r"""Say what a barcode may be: every scheme it fits, with its check.

    TEXT is the code, with an AIM identifier such as ]C1 in front if the scanner gives one. \x1d and <GS> stand for the
    group separator. A terminal gets a table, or why there is nothing in it; everything else one JSON object: the
    symbology in words, null without an AIM identifier, and the candidates, those whose check digit is right first.
    `checked` false (in the table "looks so"): the scheme has no check digit, so `valid` says only that the code looks
    so. Exit code 1 if the code is valid in no scheme.
    """
    code = unescape(text)
    found = candidates(code)
    if as_json or not sys.stdout.isatty():
        symbology = words(split_aim(code)[0]) or None
        listed = [dataclasses.asdict(candidate) for candidate in found]
        click.echo(json.dumps({"symbology": symbology, "candidates": listed}))
    else:
        width = max(40, shutil.get_terminal_size((80, 24)).columns)
        click.echo("\n".join(_barcode.shown(code, found, width)))
    ctx.exit(0 if any(candidate.valid for candidate in found) else 1)
