"""`floord check`: everything that is wrong with a floor file and its sort plans, at once."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from dataclasses import asdict
from pathlib import Path

import click
from click.core import ParameterSource

from controller import config_devices
from controller.config import Floor, read
from controller.plan import Plan
from controller.plans import read_plans
from controller.sheet import Problem, in_order
from controller.wording import counted

EXIT_CONFIG = 78


@click.command("check")
@click.argument("floor_file", metavar="[FLOOR.toml]", required=False, type=click.Path(path_type=Path))
@click.option(
    "-f",
    "--floor",
    "named",
    type=click.Path(path_type=Path),
    default=Path("floor.toml"),
    envvar="FLOORD_FLOOR",
    show_default=True,
    help="The same, as other commands take it; or its folder.  [env: FLOORD_FLOOR]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for scripts.")
@click.option("--unproven", is_flag=True, help="List, too, what the kinds of this floor do by guess.")
@click.pass_context
def command(context: click.Context, floor_file: Path | None, named: Path, as_json: bool, unproven: bool) -> None:
    """Check a floor file, its sort plans and the customs closure; nothing is started.

    Exit code 0: all is well. 78: the problems are listed with file, line, key and what to write instead.
    """
    if floor_file is not None and context.get_parameter_source("named") is ParameterSource.COMMANDLINE:
        raise click.UsageError(f"two floor files, {floor_file} and {named}; write one")
    named = floor_file or named
    floor = read(named / "floor.toml" if named.is_dir() else named)
    plans, in_plans = read_plans(floor)
    problems = in_order([*floor.sheet.problems, *in_plans, *floor.untimely])
    if as_json:
        click.echo(json.dumps(_json(problems, floor, list(plans.values())), indent=2, ensure_ascii=False))
    elif problems:
        for problem in problems:
            click.echo(_wrapped(str(problem)))
        click.echo(f"{counted(len(problems), 'problem')} found", err=True)
    else:
        click.echo(_summary(floor, list(plans.values())))
    for warning in floor.warnings if not as_json else ():
        click.echo(_wrapped(f"warning: {warning}"), err=True)
    for what in _unproven(floor) if unproven and not as_json else ():
        click.echo(_wrapped(f"unproven: {what}"))
    if problems:
        sys.exit(EXIT_CONFIG)


def _unproven(floor: Floor) -> list[str]:
    return config_devices.unproven([*floor.scanner.values(), *floor.plc.values()])


def _wrapped(text: str) -> str:
    """Broken between words for a person at a terminal; one line for everything else."""
    if not sys.stdout.isatty():
        return text
    width = max(40, shutil.get_terminal_size((80, 24)).columns)
    return textwrap.fill(text, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _summary(floor: Floor, plans: list[Plan]) -> str:
    supervised = sum(lane.supervised for lane in floor.lane.values())
    counts = (
        counted(len(floor.line), "line"),
        counted(len(floor.point), "point"),
        counted(len(floor.lane), "lane"),
        counted(len(floor.scanner) + len(floor.plc), "device"),
    )
    labels = f"plan{'s' * (len(plans) > 1)} {', '.join(plan.label for plan in plans)}"
    return f"{floor.sheet.file}: {', '.join(counts)}; {labels}; closed, {supervised} supervised"


def _json(problems: list[Problem], floor: Floor, plans: list[Plan]) -> dict[str, object]:
    return {
        "ok": not problems,
        "problems": [asdict(problem) for problem in problems],
        "warnings": [asdict(warning) for warning in floor.warnings],
        "unproven": _unproven(floor),
        "lines": sorted(floor.line),
        "points": sorted(floor.point),
        "lanes": sorted(floor.lane),
        "devices": sorted((*floor.scanner, *floor.plc)),
        "supervised": sorted(name for name, lane in floor.lane.items() if lane.supervised),
        "plan": plans[0].label if plans and not problems else None,
        "plans": [plan.label for plan in plans],
    }
