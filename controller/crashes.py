"""The file `state_dir/crashes`: the last ends by an exception of our own, one JSON object a line."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from controller.poison import NOTED, Crash


def read(path: Path) -> list[Crash]:
    """What is noted, the oldest first; a line that is none is left out, and so is a file that cannot be read."""
    found = []
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return []
    for line in lines[-NOTED:]:
        try:
            one = json.loads(line)
            found.append(Crash(int(one["utc_ms"]), str(one["about"]), str(one["mark"]), str(one["why"])))
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
    return found


def note(path: Path, crash: Crash) -> None:
    """Add one, and forget the oldest beyond NOTED. Raises OSError."""
    kept = [*read(path), crash][-NOTED:]
    made = path.with_suffix(".new")
    with made.open("w") as file:
        file.writelines(json.dumps(asdict(one)) + "\n" for one in kept)
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)
