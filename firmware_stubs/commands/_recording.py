"""The files of wire recordings, for the commands that write and read them."""

from __future__ import annotations

import contextlib
import gzip
import os
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from firmware_stubs.floor_file import Floor
from firmware_stubs.wire_recording import (
    FloorText,
    Header,
    NotARecordingError,
    Recorder,
    Recording,
    Wired,
    new_header,
    read,
)

MODE = 0o640
"""It holds codes, advice and customs data."""


def opened(paths: Sequence[Path], floor: Floor, file: Path, files: contextlib.ExitStack) -> Recorder:
    """A new recording of simulated floors; it begins now. Raises OSError, also where the file is there."""
    write = created(file, files).write
    return Recorder(write, header_of(paths, floor, time.time() * 1000), time.monotonic() * 1000)


def header_of(paths: Sequence[Path], floor: Floor, utc_ms: float) -> Header:
    """The first line for simulated floors. Raises OSError."""
    links = {stub.name: Wired(stub.module.__name__.rsplit(".", 1)[1], stub.link) for stub in floor.stubs}
    return new_header(utc_ms, links, [floor_text(path) for path in paths])


def created(file: Path, files: contextlib.ExitStack) -> TextIO:
    """A new file, line by line on the disk. Raises OSError."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    return files.enter_context(open(descriptor, "w", encoding="utf-8", buffering=1))


def floor_text(path: Path) -> FloorText:
    """A floor file and the plans that it names. Raises OSError."""
    text = path.read_text(encoding="utf-8")
    document = tomllib.loads(text)
    named = [document.get("plan"), *(document.get("plans") or ())]
    plans = {name: (path.parent / name).read_text(encoding="utf-8") for name in named if isinstance(name, str)}
    return FloorText(path.name, text, plans)


def whole(file: Path) -> Recording:
    """A recording, plain or gzipped as *.gz. Raises OSError, NotARecordingError."""
    opener = gzip.open if file.suffix == ".gz" else open
    try:
        with opener(file, "rt", encoding="utf-8", newline="\n") as lines:
            return read(lines)
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
        raise NotARecordingError(f"no text: {error}") from None
