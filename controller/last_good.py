"""The last floor file and plans that were in force, kept in the state_dir: a start finds a floor also when somebody has
saved a file that is none, and the power goes before it is mended.

It holds texts, and is read as the files are: what a newer hubfloor refuses of it is no floor any more.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from pathlib import Path

from controller.config import Config, read
from controller.plan import Plan, plan_of_text
from controller.recording_file import texts
from controller.sheet import ConfigErrors

GOOD = "good.json"
STATE_DIR = re.compile(r"""^state_dir\s*=\s*["']([^"'\n]+)["']""", re.MULTILINE)
"""Where it is written: read so, it is found in a file that is no TOML, too."""


def keep(floor_file: Path, config: Config) -> None:
    """This is in force. Raises OSError: then the one before it is there still, as where somebody has saved another one
    since it was read."""
    in_force = texts(floor_file, config)
    now = json.dumps(asdict(in_force), ensure_ascii=False).encode()
    path = config.state_dir / GOOD
    if (path.exists() and path.read_bytes() == now) or read(floor_file, in_force.floor).config != config:
        return
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        os.fchmod(file.fileno(), 0o640)
        file.write(now)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def found(floor_file: Path) -> tuple[Config, dict[str, Plan]] | None:
    """What was in force when this floor file was good; None where nobody knows."""
    try:
        named = STATE_DIR.search(floor_file.read_text(errors="replace"))
        if named is None:
            return None
        kept = json.loads((floor_file.parent / named[1] / GOOD).read_bytes())
        config = read(floor_file, kept["floor"]).config
        if config is None:
            return None
        plans = [plan_of_text(text, "plan", config) for text in kept["plans"]]
    except (OSError, ValueError, KeyError, TypeError, ConfigErrors):
        return None
    return config, {plan.plan: plan for plan in plans}
