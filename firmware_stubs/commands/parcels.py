"""Give parcels to a running floor, beside those of its manifest."""

from __future__ import annotations

from typing import BinaryIO

import click

from firmware_stubs.commands._running import NO, ask, end, floor_option

_PART = 60_000  # bytes of one request


@click.command("parcels")
@click.argument("manifest", type=click.File("rb"), default="-")
@floor_option
def command(manifest: BinaryIO, floor: str) -> None:
    """Give parcels to a running floor: a manifest's lines, from a file or stdin.

    A line: {"parcel": "p-17", "line": "S1", "codes": ["RB123456785GB"], "length_mm": 300}
    """
    part: list[bytes] = []
    taken = size = 0
    for line in manifest:
        if size + len(line) > _PART and part:
            taken += ask(floor, "POST", "/v1/parcels", b"".join(part))["taken"]
            part, size = [], 0
        part.append(line)
        size += len(line)
    if part:
        taken += ask(floor, "POST", "/v1/parcels", b"".join(part))["taken"]
    if not taken:
        end("no parcel: the manifest is empty", NO)
    click.echo(f"{taken} parcels wait to come")
