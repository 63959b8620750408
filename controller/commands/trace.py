"""`floord trace`: the whole story of one parcel."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from pathlib import Path

import click

from controller.commands import _evidence
from controller.commands._story import Event, day_of, left_out, moment, name_of, safe, say
from controller.commands._texts import json_line
from controller.commands._where import JOURNAL, floor_option, state_dir


@click.command("trace")
@click.argument("parcel")
@floor_option
@click.option("--evidence", is_flag=True, help="Also the messages about customs that concern it, as they came.")
@click.option("--json", "as_json", is_flag=True, help="The whole events, one a line; then the evidence, one a line.")
def command(parcel: str, floor: Path, evidence: bool, as_json: bool) -> None:
    """Tell what happened to PARCEL: a parcel id, a code on it, a visit or a travel.

    Reads the journal and works with the daemon down. Exit code 1 when the journal knows nothing of it.
    """
    from controller.journal_file import JournalError
    from controller.journal_reader import Reader

    try:
        reader = Reader(state_dir(floor) / JOURNAL)
        rows = reader.trace(parcel)
        about = reader.concerned(parcel, rows) if evidence else ()
        found = list(reader.evidence(*about)) if evidence else []
        kept = not evidence or reader.keeps_evidence()
    except JournalError as error:
        raise click.ClickException(str(error)) from None
    events = [json.loads(row.body) for row in rows]
    if as_json:
        for line in [*events, *({"evidence": _evidence.as_json(*one)} for one in found)]:
            click.echo(json_line(line))
    else:
        width = max(40, shutil.get_terminal_size((80, 24)).columns)
        click.echo("\n".join(told(events, width) if events else _unknown(parcel, width)))
        if evidence:
            click.echo("\n".join(["", *_evidence.told(found, about, width)]))
    if not kept:
        click.echo("this journal was made before evidence was kept; the next floord run on it begins with it", err=True)
    if reader.damaged:
        click.echo(left_out(len(reader.damaged)), err=True)
    sys.exit(0 if events or found else 1)


def _unknown(parcel: str, width: int) -> list[str]:
    texts = (
        f"the journal knows no event of {safe(parcel)}: ask for a parcel id, an advised code, a visit or a travel",
        "a parcel that was not identified has a travel only: floord tail --since 1 shows them",
    )
    return [row for text in texts for row in textwrap.wrap(text, width)]


def told(events: list[Event], width: int) -> list[str]:
    """The story in rows of at most `width` characters; times are ms after its first event."""
    events = sorted(events, key=lambda event: (moment(event), event["sequence"]))
    start = moment(events[0])
    parcels = sorted({event["data"]["parcel"] for event in events if event["data"].get("parcel")})
    rows = [f"parcel {safe(', '.join(parcels)) or 'not identified'}, began {start:%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"]
    travel, day = None, day_of(events[0])
    for event in events:
        data = event["data"]
        if day_of(event) != day:
            day = day_of(event)
            rows.append(f"-- {day}")
        if data.get("travel") not in (None, travel):
            travel = data["travel"]
            visit = data.get("visit") or travel
            rows.append(f"travel {safe(travel)}" + (f" of visit {safe(visit)}" if visit != travel else ""))
        after = (moment(event) - start).total_seconds() * 1000
        away = " (the broker was away)" if event.get("degraded") else ""
        name, what = _titled(event)
        head = f"{after:>+9.0f} ms  {name:<10} "
        rows += textwrap.wrap(what + away, width, initial_indent=head, subsequent_indent=" " * len(head))
    return [row for row in rows for row in textwrap.wrap(row, width, drop_whitespace=False)]


def _titled(event: Event) -> tuple[str, str]:
    """What happened in one word, and in many. Of an alarm "raised" alone would not tell that it is one."""
    family, name = name_of(event).split("/")
    if family != "alarm":
        return name, say(event)
    word = {"raised": "alarm", "cleared": "alarm over"}.get(name, f"alarm {name}")
    return word, f"{safe(event['data']['alarm'])}, {say(event).removeprefix('over: ')}"
