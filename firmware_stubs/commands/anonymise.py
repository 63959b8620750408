"""Take the names of parcels and people out of a recording."""

from __future__ import annotations

import contextlib
import secrets
import sys
from pathlib import Path

import click

from firmware_stubs.anonymising import anonymised
from firmware_stubs.commands._recording import created, whole
from firmware_stubs.sections import FloorError
from firmware_stubs.wire import say
from firmware_stubs.wire_recording import NotARecordingError, lines

EXIT_DATA = 65


@click.command("anonymise")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="A new file.")
@click.option("--key", help="The same key, the same replacements. Default: one that nobody knows.")
def command(file: Path, out: Path, key: str | None) -> None:
    """Write the wire recording FILE again with other codes, parcels, post codes and actors.

    The same is always replaced by the same, with the same length, and a check digit that was right is right again.
    docs/wire-recordings.md says what stays.
    """
    try:
        recording, notes = anonymised(whole(file), key or secrets.token_hex(16))
        with contextlib.ExitStack() as files:
            created(out, files).writelines(lines(recording))
    except OSError as error:
        raise click.UsageError(f"{error.filename}: {(error.strerror or str(error)).lower()}") from None
    except (NotARecordingError, FloorError) as error:
        say(f"{file}: {error}")
        sys.exit(EXIT_DATA)
    for note in notes:
        say(note)
    say(f"{len(recording.entries):,} entries in {out}; look into it before you give it away")
