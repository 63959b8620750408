"""`floorsim device`: one stub alone, against real equipment, another program or a laptop."""

from __future__ import annotations

import asyncio
import datetime
import json
import time
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import click

from firmware_stubs import floor_file, lone_device
from firmware_stubs.commands._exits import code_of
from firmware_stubs.coupling import Listener
from firmware_stubs.items import Items, Wishes
from firmware_stubs.sections import FloorError
from firmware_stubs.serve import Simulation
from firmware_stubs.stub import Piece
from firmware_stubs.wire import PortError, say
from firmware_stubs.wire_print import Seen, as_json, rows

READER_MS = 1  # from one item that waits to the next


@click.command("device")
@click.argument("words", metavar="[KIND] [CODE]...", nargs=-1)
@click.option("--link", help="pty:///path, serial:///dev/…?baud=, tcp-listen://, tcp://, rfc2217-listen:// or mqtt://.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the stub; several times.")
@click.option("--every", type=click.FloatRange(min=0.01), metavar="S", help="An item every so many seconds.")
@click.option("--code", "again", multiple=True, metavar="CODE", help="With --every: these codes in turn, for ever.")
@click.option("--mix", is_flag=True, help="With --every: labels of all carriers, as they come to a hub.")
@click.option("--count", type=click.IntRange(1), help="End behind so many items.")
@click.option("--floor", type=click.Path(dir_okay=False, path_type=Path), help="Take the stub out of this floor file.")
@click.option("--stub", metavar="NAME", help="With --floor: which one. KIND is left out then.")
@click.option("--seed", type=int, default=0, show_default=True, help="What is drawn by chance.")
@click.option("--wait/--no-wait", default=True, help="Hold items until a PLC or a handheld has its host, at most 30 s.")
@click.option("--real", is_flag=True, help="Allow serial:// links, and what is called on other machines.")
@click.option("--json", "as_lines", is_flag=True, help="Everything as JSON, one object a line.")
def command(
    words: tuple[str, ...],
    link: str | None,
    settings: tuple[str, ...],
    every: float | None,
    again: tuple[str, ...],
    mix: bool,
    count: int | None,
    floor: Path | None,
    stub: str | None,
    seed: int,
    wait: bool,
    real: bool,
    as_lines: bool,
) -> None:
    """Simulate one machine alone, and show what it says (>) and hears (<).

    A reader is shown the CODEs one after another, then each line of stdin: several codes with tabs between them, an
    empty line for an item without a code. Onto the belt of a PLC a parcel comes with each line, or --every S.

    Ctrl-C ends it. First it prints what floord's floor file needs to speak with it.
    """
    _usage(words, link, every, again, mix, floor, stub)
    try:
        document, kind = _document(words, link, settings, floor, stub)
        plc = "line" in document
        if mix and every is not None and not plc:
            document = lone_device.with_mix(document, every)
        read = floor_file.read(document)
        codes = words if floor else words[1:]
        if plc and (codes or again or mix):
            raise click.UsageError(f"{kind} is a PLC, which reads no codes; --every S puts parcels onto its belt")
        shown = lone_device.floord_sections(document, kind, built_in=floor is None)
        place = _place(read)
        wishes = Wishes(place, codes, again, None if mix else every, None if mix else 0, count)
        most = count if mix else None
        code = asyncio.run(_run(read, wishes, seed, most, shown, wait=wait, real=real, as_lines=as_lines))
    except (FloorError, PortError, OSError) as error:
        say(str(error))
        code = code_of(error)
    raise SystemExit(code)


async def _run(
    floor: floor_file.Floor,
    wishes: Wishes,
    seed: int,
    parcels: int | None,
    sections: str,
    *,
    wait: bool,
    real: bool,
    as_lines: bool,
) -> int:
    utc_ms = time.time_ns() / 1e6
    ahead_ms = utc_ms - asyncio.get_running_loop().time() * 1000
    shown = Shown(ahead_ms, as_lines)
    simulation = Simulation(floor, None, seed=seed, utc_ms=utc_ms, parcels=parcels, tap=shown, hurried=True)
    items = None if floor.mixed else Items(wishes, lambda: simulation.flowing)
    try:
        opened = partial(_head, sections, as_lines)
        code = await simulation.run(items.fd if items else None, wait=wait, real=real, opened=opened)
    finally:
        if items:
            items.close()
    return 0 if simulation.stopped else code


def _usage(
    words: tuple[str, ...],
    link: str | None,
    every: float | None,
    again: tuple[str, ...],
    mix: bool,
    floor: Path | None,
    stub: str | None,
) -> None:
    if (floor is None) != (stub is None):
        raise click.UsageError("--floor and --stub go together")
    if floor is None and not (words and link):
        raise click.UsageError("write a KIND and a --link, as in: floorsim device line --link pty:///tmp/scanner")
    if (again or mix) and every is None:
        raise click.UsageError(f"{'--mix' if mix else '--code'} goes with --every S")
    if mix and (again or words[floor is None :]):
        raise click.UsageError("--mix draws the codes; leave out those that you give")


def _document(
    words: tuple[str, ...], link: str | None, settings: tuple[str, ...], floor: Path | None, stub: str | None
) -> tuple[dict[str, Any], str]:
    """The floor file of the stub, and its kind."""
    if floor is None:
        own = dict(lone_device.setting(text, words[0]) for text in settings)
        return lone_device.made(words[0], link or "", own), words[0]
    try:
        document = tomllib.loads(floor.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FloorError(f"{floor}: {error}") from error
    kind = str(document.get("stub", {}).get(stub, {}).get("kind", ""))
    own = dict(lone_device.setting(text, kind) for text in settings)
    return lone_device.taken_out(document, stub or "", link, own), kind


def _place(floor: floor_file.Floor) -> dict[str, str | int]:
    (stub,) = floor.stubs
    return {"line": stub.place} if stub.family == "plc" else {"point": stub.place, "after_ms": READER_MS}


def _head(sections: str, as_lines: bool) -> None:
    if as_lines:
        print(json.dumps({"floord": sections}), flush=True)
    else:
        print(f"# for the floor file of floord:\n{sections}", flush=True)


class Shown(Listener):
    """Prints what passes, as it passes."""

    def __init__(self, ahead_ms: float, as_lines: bool) -> None:
        """`ahead_ms`: UTC less the times that it is told."""
        self._ahead_ms, self._as_lines = ahead_ms, as_lines

    def wire(self, now: float, stub: str, side: str, piece: Piece) -> None:
        """Said or heard."""
        self._show(Seen(stub, now, "says" if side == "device" else "hears", piece))

    def lost(self, now: float, stub: str) -> None:
        """Said to nobody."""
        self._show(Seen(stub, now, "lost"))

    def link(self, now: float, stub: str, up: bool, why: str) -> None:
        """A client came, or went."""
        self._show(Seen(stub, now, "connected" if up else "gone"))

    def _show(self, seen: Seen) -> None:
        at = datetime.datetime.fromtimestamp((seen.at + self._ahead_ms) / 1000, datetime.UTC)
        if self._as_lines:
            print(json.dumps(as_json(seen, at.isoformat(timespec="milliseconds"))), flush=True)
            return
        for row in rows(seen, at.astimezone().isoformat(timespec="milliseconds")[11:23]):
            print(row, flush=True)
