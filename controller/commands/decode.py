"""`floord decode KIND`: what bytes of a machine mean."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import click

from controller.commands._texts import settings
from devices.driver import UnknownKind, load
from devices.types import Kept

NOW = 0.0
"""Decoding has no clock: everything happens at once, and no silence ends a frame."""

PIECE = 65536
"""A line of the input may be longer; it is read in pieces of so many characters."""

ITEMS = {"DeviceError": "error", "CommandSeen": "command", "EventSeen": "event"}
ALWAYS = ("text", "why", "raw")
RARE = ("symbology", "reader", "index", "encoder", "token", "refused")
"""Fields that are left out while they say nothing."""

BAD = re.compile(r"[^0-9A-Fa-f\s]")


@click.command()
@click.argument("kind")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help=r"A setting of KIND, e.g. --set prefix=\x02.")
def command(kind: str, pairs: tuple[str, ...]) -> None:
    r"""Decode the bytes of a machine of KIND, given as hex on stdin.

    White space means nothing; the end of the input is the end of the stream. Prints one JSON object a line, with item,
    text, why, raw (hex), and what else the item has; times are counted from 0. In values of --set stand \x02, \r or
    <STX>, and commas between the items of a list.
    """
    feed, end = _decoder(kind, pairs)
    try:
        for data in _bytes(sys.stdin):
            _print(feed(data, NOW))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    _print(end(NOW))


def _decoder(kind: str, pairs: tuple[str, ...]) -> tuple[Callable[[bytes, float], Any], Callable[[float], Any]]:
    """What takes bytes and what ends them, of the kind's Sniffer or of its Driver with the channel opened."""
    try:
        module = load(kind)
        chosen = settings(module.Settings, pairs)
        if hasattr(module, "Sniffer"):
            sniffer = module.Sniffer(chosen)
            return sniffer.feed, sniffer.close
        driver = module.Driver(chosen)
    except (UnknownKind, ValueError) as error:
        raise click.UsageError(str(error)) from None
    driver.opened(NOW, Kept())
    return driver.feed, driver.closed


def _bytes(text: TextIO) -> Iterator[bytes]:
    """The bytes of hex text, piece by piece. Raises ValueError with the place of what is no hex."""
    half, line, column = "", 1, 1
    while piece := _piece(text):
        bad = BAD.search(piece)
        if bad:
            raise ValueError(f"line {line}, column {column + bad.start()}: {bad.group()!r} is no hex digit")
        digits = half + "".join(piece.split())
        whole = len(digits) // 2 * 2
        half = digits[whole:]
        line, column = (line + 1, 1) if piece.endswith("\n") else (line, column + len(piece))
        yield bytes.fromhex(digits[:whole])
    if half:
        raise ValueError(f"the hex ends in the middle of a byte: {half!r}")


def _piece(text: TextIO) -> str:
    try:
        return text.readline(PIECE)
    except UnicodeDecodeError as error:
        raise ValueError(f"the input is no text: {error.reason} at byte {error.start}") from None


def _print(items: Any) -> None:
    for item in items:
        click.echo(json.dumps(described(item)))


def name_of(item: Any) -> str:
    """What an item is called: `read`, `no_read`, `reply`, …"""
    name = type(item).__name__
    return ITEMS.get(name) or re.sub(r"(?<=.)([A-Z])", r"_\1", name).lower()


def described(item: Any) -> dict[str, Any]:
    """One item as JSON: `item`, the name of its class in lower case with `_`, then text, why, raw (null: it has none).

    Its other fields follow; `at` is left out, it says nothing here.
    """
    line: dict[str, Any] = {"item": name_of(item)}
    line |= {key: _json(getattr(item, key, None)) for key in ALWAYS}
    for field in dataclasses.fields(item):
        value = getattr(item, field.name)
        if field.name not in (*ALWAYS, "at") and not (field.name in RARE and value == field.default):
            line[field.name] = _json(value)
    return line


def _json(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [_json(member) for member in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        line = {field.name: _json(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return line if not hasattr(value, "text") else {"text": value.text, **line}
    return value
