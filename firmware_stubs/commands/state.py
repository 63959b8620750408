"""Show how a running floor does."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from typing import Any

import click

from firmware_stubs.commands._running import as_json as print_json
from firmware_stubs.commands._running import ask, floor_option, left

_ROWS = 21  # of 24: the prompt and the command have the others
_SHADES = {"fault": 0, "off": 1, "quiet": 2, "ok": 3}  # what is worth a row most comes first


@click.command("state")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for scripts.")
@floor_option
def command(as_json: bool, floor: str) -> None:
    """Show lines, lanes, machines and faults of a running floor, as they really are."""
    state = ask(floor, "GET", "/v1/state")
    if as_json:
        print_json(state)
        return
    width = shutil.get_terminal_size().columns
    for row in rows(state):
        click.echo(row if len(row) <= width else row[: width - 1] + "…")


def rows(state: dict[str, Any]) -> list[str]:
    """What is shown: at most 21 rows, and how much is left out."""
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in state["counts"].items())
    found = [f"{'PAUSED   ' if state['paused'] else ''}{counts}; {state['per_hour']} an hour"]
    lines = state["lines"].items()
    tables = [
        [f"line     {name:<14} {_line(line)}" for name, line in lines],
        [f"fault    {one['id']:<14} {_fault(one)}" for one in state["faults"]],
        [
            f"machine  {name:<14} {stub['light']:<6} {stub['why']}"
            for name, stub in sorted(state["stubs"].items(), key=lambda item: _SHADES[item[1]["light"]])
        ],
        [f"lane     {name:<14} {_lane(lane)}" for name, lane in sorted(state["lanes"].items(), key=_by_need)],
    ]
    return found + _fitting(tables, _ROWS - len(found))


def _fitting(tables: list[list[str]], room: int) -> list[str]:
    """The first rows of each table; every one gets its share, and what one does not need is the others'."""
    found: list[str] = []
    tables = [table for table in tables if table]
    shares = dict(enumerate(_shares([len(table) for table in tables], room)))
    for number, table in enumerate(tables):
        share = shares[number]
        if len(table) > share:
            hidden = len(table) - share + 1
            table = [*table[: share - 1], f"{table[0].split()[0]:<8} … and {hidden} more; --json has all"]
        found += table
    return found


def _shares(sizes: Iterable[int], room: int) -> list[int]:
    sizes = list(sizes)
    shares = [0] * len(sizes)
    while room and any(share < size for share, size in zip(shares, sizes, strict=True)):
        for number, size in enumerate(sizes):
            if room and shares[number] < size:
                shares[number] += 1
                room -= 1
    return shares


def _line(line: dict[str, Any]) -> str:
    on_it, waiting = len(line["parcels"]), line["waiting"]
    return f"{line['state']:<6} {line['speed_mm_s'] / 1000:g} m/s, {on_it} parcels on it, {waiting} wait"


def _fault(fault: dict[str, Any]) -> str:
    return f"{fault['fault']} at {fault['target']}, {left(fault)}"


def _lane(lane: dict[str, Any]) -> str:
    holds = f", {lane['container']} stands there" if lane["container"] else ""
    return f"{lane['state']:<6} {lane['drops']} fell into it{holds}"


def _by_need(item: tuple[str, dict[str, Any]]) -> tuple[bool, str]:
    return item[1]["state"] == "FREE", item[0]
