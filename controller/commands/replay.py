"""`floord replay`: events of the journal once more to the broker, exactly as they were."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.commands._where import EXIT_UNAVAILABLE, JOURNAL, floor_option

if TYPE_CHECKING:
    from controller.config import Config
    from controller.journal_reader import Reader
    from controller.republish import Count

EXIT_CONFIG = 78
NAMED = 20


@click.command("replay")
@click.option("--from", "first", type=click.IntRange(1), required=True, help="The first sequence.")
@click.option("--to", "last", type=click.IntRange(1), help="The last sequence; left out: the last one of the journal.")
@floor_option
@click.option("--rate", type=click.IntRange(1, 1000), help="At most so many events a second.")
@click.option("--dry-run", is_flag=True, help="Publish nothing, only count.")
def command(first: int, last: int | None, floor: Path, rate: int | None, dry_run: bool) -> None:
    """Publish events of the journal again: same topic, id, sequence and payload.

    Works with the daemon up or down, as another client (floord-SITE-NODE-replay). Consumers know by the id what they
    have. Ctrl-C ends it in order. The last line says what became of the sequences asked for.

    Exit code 0: all were published. 1: some are refused, damaged or gone, or it was stopped. 69: the broker cannot be
    reached, or was away for 30 s. 78: the floor file is wrong.
    """
    from controller.config import ConfigErrors, load
    from controller.journal_file import JournalError
    from controller.journal_reader import Reader
    from controller.republish import Count

    if last is not None and last < first:
        raise click.UsageError(f"--to {last} comes before --from {first}")
    try:
        config = load(_file(floor))
        reader = Reader(config.state_dir / JOURNAL)
        there = reader.counts().last_seq or 0
        if there < first:
            raise click.UsageError(f"--from {first}: the journal ends with {there}")
        count = Count(first, min(there, last or there))
        code = _counted(reader, count) if dry_run else asyncio.run(_published(config, reader, count, rate))
    except ConfigErrors as errors:
        click.echo(str(errors), err=True)
        sys.exit(EXIT_CONFIG)
    except JournalError as error:
        raise click.ClickException(str(error)) from None
    sys.exit(code)


def _file(floor: Path) -> Path:
    """The floor file, for it says where the broker is."""
    if not floor.is_dir():
        return floor
    if (floor / "floor.toml").exists():
        return floor / "floor.toml"
    raise click.UsageError(f"{floor}: no floor.toml in it; write --floor with the floor file, which names the broker")


def _counted(reader: Reader, count: Count) -> int:
    from controller.republish import rows

    count.met = sum(1 for _ in rows(reader, count.first - 1, count.last))
    count.read(reader)
    click.echo(f"would publish {count.met}, damaged {count.damaged}, gone {count.gone}")
    return 0 if count.met == count.asked else 1


async def _published(config: Config, reader: Reader, count: Count, rate: int | None) -> int:
    from controller.republish import Republisher
    from controller.uplink import options_of
    from controller.upward import REASONS

    run = Republisher(options_of(config), reader, count, rate, lambda line: click.echo(line, err=True))
    await run.run()
    refused = sorted(count.refused.items())
    for seq, code in refused[:NAMED]:
        click.echo(f"refused {seq}: {REASONS.get(code, 'no reason that is known')} (0x{code:02X})", err=True)
    if len(refused) > NAMED:
        click.echo(f"refused: {len(refused) - NAMED} more", err=True)
    if run.why:
        click.echo(run.why, err=True)
    click.echo(f"published {count.published}, refused {len(refused)}, damaged {count.damaged}, gone {count.gone}")
    if run.unavailable:
        return EXIT_UNAVAILABLE
    return 0 if count.published == count.asked else 1
