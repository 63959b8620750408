"""Drills: a task on a running floor, hidden faults, and a score."""

from __future__ import annotations

import shutil
import textwrap
from typing import Any

import click

from firmware_stubs.commands._running import as_json as print_json
from firmware_stubs.commands._running import ask, floor_option

FAILED, USAGE = 1, 2
_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object for scripts.")


@click.group("drill")
def command() -> None:
    """Train fault finding: something is broken on a running floor; find out what, with floord's own commands.

    Start a floor (floord demo --floor wheel-30 --keep /tmp/hub), then the drill (floorsim drill start blind-eye
    --floor /tmp/hub). Look with floord status, tail, trace and view; name what is broken with floorsim drill answer.
    100 points: a wrong diagnosis costs 15, a hint 10, each minute beyond the drill's time 5; 70 pass.
    """


@command.command("list")
@_json_option
def listed(as_json: bool) -> None:
    """The drills, the floor that each needs, and the time a good technician needs."""
    from firmware_stubs.drills import find, names

    drills = {name: find(name) for name in names()}
    if as_json:
        rows = [{"name": name, "floor": one.floor, "title": one.title} for name, one in drills.items()]
        print_json({"drills": rows})
        return
    for name, one in drills.items():
        assert one.drill is not None  # find has seen to it
        click.echo(f"{name:<15} {one.floor:<10} {one.drill.par_s / 60:>3g} min  {one.title}")


@command.command()
@click.argument("name")
@_json_option
@floor_option
def start(name: str, as_json: bool, floor: str) -> None:
    """Begin the drill NAME, or that of a scenario file, on a running floor."""
    from firmware_stubs.drills.attempt import HINT_COSTS, MINUTE_COSTS, WRONG_COSTS

    _show(ask(floor, "POST", "/v1/drill", {"drill": name}), as_json)
    if not as_json:
        costs = f"a wrong diagnosis costs {WRONG_COSTS}, a hint {HINT_COSTS}, a minute over time {MINUTE_COSTS}"
        click.echo(f"100 points; {costs}")


@command.command()
@_json_option
@floor_option
def status(as_json: bool, floor: str) -> None:
    """The task again, and where the drill stands."""
    _show(ask(floor, "GET", "/v1/drill"), as_json)


@command.command()
@click.argument("fault")
@click.argument("target")
@_json_option
@floor_option
def answer(fault: str, target: str, as_json: bool, floor: str) -> None:
    """Say what is broken: a FAULT (floorsim fault --list names them) at its TARGET. Exit code 1 = wrong."""
    judged = ask(floor, "POST", "/v1/drill/answer", {"fault": fault, "target": target})
    _show(judged, as_json, judged["words"])
    if judged["verdict"] == "wrong":
        raise SystemExit(FAILED)


@command.command()
@_json_option
@floor_option
def hint(as_json: bool, floor: str) -> None:
    """The next hint; it costs points."""
    told = ask(floor, "POST", "/v1/drill/hint", {})
    _show(told, as_json, told["hint"])


@command.command("give-up")
@_json_option
@floor_option
def give_up(as_json: bool, floor: str) -> None:
    """Be told what was broken; it is repaired."""
    _show(ask(floor, "POST", "/v1/drill/give-up", {}), as_json)


def _show(told: dict[str, Any], as_json: bool, words: str = "") -> None:
    if as_json:
        print_json(told)
        return
    width = min(shutil.get_terminal_size().columns, 100)
    rows = textwrap.wrap(words, width) or [told["title"], "", *textwrap.wrap(told["task"], width)]
    rows += ["", f"score {told['score']}   {_clock(told['seconds'])} of {_clock(told['par_s'])}   {_stands(told)}"]
    rows += [f"  found   {one['fault']} at {one['target']} after {_clock(one['after_s'])}" for one in told["found"]]
    rows += [f"  wrong   {one['fault']} at {one['target']}" for one in told["wrong"]]
    rows += [f"  missed  {one['fault']} at {one['target']}" for one in told["missed"]]
    if told["over"]:
        rows += [f"  floord showed it as {_event(one)}" for one in told["shown"]]
    click.echo("\n".join(rows))


def _stands(told: dict[str, Any]) -> str:
    if told["over"]:
        return "passed" if told["passed"] else "over, not passed"
    return f"{told['to_find']} to find   hints {told['hints']}, {told['hints_left']} left"


def _event(one: dict[str, Any]) -> str:
    where = ", ".join(f"{key} {value}" for key, value in one["where"].items())
    return f"{one['event']} ({where})" if where else str(one["event"])


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
