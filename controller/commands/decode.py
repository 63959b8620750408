"""`floord decode KIND`: what bytes of a machine mean."""

from __future__ import annotations

import dataclasses
import itertools
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import click

from controller.commands._texts import json_line, settings
from controller.described import described
from devices.codes import CONTROL
from devices.driver import UnknownKind, load
from devices.types import Garbled, Kept, Message

NOW = 0.0
"""Decoding has no clock: everything happens at once, and no silence ends a frame."""

PIECE = 65536
"""A line of the input may be longer; it is read in pieces of so many characters."""

MOST = 1_000_000
"""Characters of a message of a machine on a broker, with its topic."""

MOST_SPACES = 8
"""A topic with more of them is not found."""

SILENCE_MS, MOST_TICKS = 60_000.0, 1000
"""Silence after the last message: what ends a passage through a portal, but misses no heartbeat."""

SEPARATOR = (
    r"a control character in a code: if it stands between two codes, it is the separator; write for example "
    r'--set separator=\x1e, and in the floor file separator = "\u001e"'
)

BAD = re.compile(r"[^0-9A-Fa-f\s]")


@click.command()
@click.argument("kind")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help=r"A setting of KIND, e.g. --set prefix=\x02.")
@click.option("--hex", "as_hex", is_flag=True, help="Of a machine on a broker: the payloads are hex.")
def command(kind: str, pairs: tuple[str, ...], as_hex: bool) -> None:
    r"""Decode the bytes of a machine of KIND, given as hex on stdin.

    White space means nothing; the end of the input is the end of the stream. Prints one JSON object a line, with item,
    text, why, raw (hex), and what else the item has; times are counted from 0. In values of --set stand \x02, \r or
    <STX>, and commas between the items of a list.

    A machine on a broker sends messages, one a line: its topic, a space, its payload, as mosquitto_sub -v prints them.
    All are taken to come at once, and silence follows the last. Messages of other topics are left out, and named on
    stderr.
    """
    ear = _ear(kind, pairs)
    out = Printed(kind)
    try:
        if hasattr(ear, "subscriptions"):
            _messages(ear, sys.stdin, as_hex, out)
        elif as_hex:
            raise ValueError(f"--hex: {kind} is not on a broker, its bytes are hex anyway; leave it out")
        else:
            for data in _bytes(sys.stdin):
                out.add(ear.feed(data, NOW))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    out.add(ear.close(NOW) if hasattr(ear, "close") else ear.closed(NOW))


def _ear(kind: str, pairs: tuple[str, ...]) -> Any:
    """The kind's Sniffer, else its Driver with the channel opened."""
    try:
        module = load(kind)
        chosen = settings(module.Settings, pairs)
        if hasattr(module, "Sniffer"):
            return module.Sniffer(chosen)
        driver = module.Driver(chosen)
    except (UnknownKind, ValueError) as error:
        raise click.UsageError(str(error)) from None
    driver.opened(NOW, Kept())
    return driver


def _messages(driver: Any, text: TextIO, as_hex: bool, out: Printed) -> None:
    """Feed the messages, then let silence do what it does. Raises ValueError with the line of what is no message."""
    filters = [topic for topic, _ in driver.subscriptions()]
    for number, line in enumerate(_lines(text), start=1):
        if not line:
            continue
        topic, said = split(line, number, filters)
        try:
            payload = bytes.fromhex(said) if as_hex else said.encode()
        except ValueError:
            raise ValueError(f"line {number}: the payload is no hex: {said[:40]!r}") from None
        if _hears(filters, topic):
            out.add(driver.feed(Message(topic, payload), NOW))
        else:
            click.echo(f"line {number}: {topic!r} is no topic of it; it hears {', '.join(filters)}", err=True)
    now = NOW
    for _ in range(MOST_TICKS):
        due = driver.next_at()
        if due is None or due > NOW + SILENCE_MS:
            return
        now = max(now, due)
        out.add(driver.tick(now))


def split(line: str, number: int, filters: list[str]) -> tuple[str, str]:
    """Topic and payload. A topic may hold spaces itself: it ends at the first one before which there is one of its
    topics. Raises ValueError with the line's number."""
    ends = [found.start() for found in itertools.islice(re.finditer(" ", line), MOST_SPACES)]
    end = next((end for end in ends if _hears(filters, line[:end])), next(iter(ends), 0))
    topic = line[:end]
    if not topic or set(topic) & set("+#\0"):
        raise ValueError(f"line {number}: write a topic, a space and the payload, not {line[:40]!r}")
    return topic, line[end + 1 :]


def _hears(filters: list[str], topic: str) -> bool:
    from paho.mqtt.client import topic_matches_sub

    return any(topic_matches_sub(one, topic) for one in filters)


def _lines(text: TextIO) -> Iterator[str]:
    """Lines without their ends. Raises ValueError for one that is longer than a message may be, or no text."""
    number = 1
    try:
        while line := text.readline(MOST + 1):
            if len(line) > MOST:
                raise ValueError(f"line {number}: longer than {MOST} characters")
            yield line.rstrip("\r\n")
            number += 1
    except UnicodeDecodeError as error:
        raise ValueError(
            f"line {number} or after: no text ({error.reason}); write payloads as hex, with --hex"
        ) from None


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


class Printed:
    """Items go to stdout; where the separator of the kind may be set wrong, stderr says so once."""

    def __init__(self, kind: str) -> None:
        self._separates = any(field.name == "separator" for field in dataclasses.fields(load(kind).Settings))

    def add(self, items: Any) -> None:
        """Print them."""
        for item in items:
            click.echo(json_line(described(item)))
            if self._separates and isinstance(item, Garbled) and item.why == CONTROL:
                self._separates = False
                click.echo(SEPARATOR, err=True)
