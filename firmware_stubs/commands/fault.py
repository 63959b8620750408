"""Strike a running floor with a fault, end one, or list them."""

from __future__ import annotations

import re
import shutil
import textwrap
import tomllib
from typing import Any

import click

from firmware_stubs.commands._running import as_json as print_json
from firmware_stubs.commands._running import ask, floor_option, left

_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "": 1.0}


class Duration(click.ParamType[float]):
    """`90`, `90s`, `500ms`, `5m`, `1h`; in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(ms|s|min|m|h|)", str(value))
        if not found:
            self.fail(f"{value!r} is no time: write 90s, 500ms, 5m or 1h", param, ctx)
        return float(found[1]) * _SECONDS[found[2]]


class Setting(click.ParamType[tuple[str, Any]]):
    """`key=value`; the value as in TOML, or a text."""

    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Key and value."""
        key, equals, text = str(value).partition("=")
        if not (equals and key):
            self.fail(f"{value!r}: write key=value, such as rate=0.3", param, ctx)
        try:
            return key, tomllib.loads(f"value = {text}")["value"]
        except (tomllib.TOMLDecodeError, KeyError):
            return key, text


@click.command("fault")
@click.argument("name", required=False)
@click.argument("target", required=False)
@click.option("--for", "for_s", type=Duration(), help="How long it stands: 90s, 5m, 1h.")
@click.option("--count", type=click.IntRange(1), help="How often it strikes, in place of how long.")
@click.option("--set", "settings", type=Setting(), multiple=True, help="One of its settings.")
@click.option("--end", metavar="ID|all", help="End one that stands, or all.")
@click.option("--list", "listed", is_flag=True, help="What faults there are, and which stand.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for scripts.")
@floor_option
def command(
    name: str | None,
    target: str | None,
    for_s: float | None,
    count: int | None,
    settings: tuple[tuple[str, Any], ...],
    end: str | None,
    listed: bool,
    as_json: bool,
    floor: str,
) -> None:
    """Strike the machine, line, point or lane TARGET of a running floor with the fault NAME.

    It ends by itself, after its time or its count; each has a default. `floorsim fault --list` names all.
    """
    if bool(name) + bool(end) + listed != 1 or bool(name) != bool(target):
        raise click.UsageError("give NAME and TARGET, or --end ID, or --list")
    if end:
        path = "/v1/faults" if end == "all" else f"/v1/faults/{end}"
        answer = ask(floor, "DELETE", path)
        text = [f"ended: {', '.join(answer['ended'])}" if answer["ended"] else "none stood"]
    elif listed:
        answer = ask(floor, "GET", "/v1/faults")
        text = _listed(answer)
    else:
        wishes = {"for_s": for_s, "count": count, "settings": dict(settings) or None}
        body = {"fault": name, "target": target} | {key: wish for key, wish in wishes.items() if wish is not None}
        answer = ask(floor, "POST", "/v1/faults", body)
        text = [f"{answer['id']}: {name} at {target}; `floorsim fault --end {answer['id']}` ends it before its time"]
    if as_json:
        print_json(answer)
    else:
        click.echo("\n".join(text))


def _listed(answer: dict[str, Any]) -> list[str]:
    width, rows = shutil.get_terminal_size().columns, []
    for kind in answer["kinds"]:
        head = f"{kind['name']:<15} {kind['target']:<7} "
        rows += textwrap.wrap(head + kind["what"], width, subsequent_indent=" " * len(head))
    standing = [f"  {one['id']:<6} {one['fault']} at {one['target']}, {left(one)}" for one in answer["standing"]]
    return [*rows, "", *(["standing:", *standing] if standing else ["none stands"])]
