"""Which floor a command speaks of: the floor file, its folder, or the state_dir itself."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

JOURNAL, SOCKET = "journal.db", "control.sock"
EXIT_USAGE, EXIT_UNAVAILABLE = 2, 69
_NAMED = re.compile(r"""^[ \t]*state_dir[ \t]*=[ \t]*(["'])([^"'\\\0]+)\1""", re.MULTILINE)


def floor_option(function: F) -> F:
    """`--floor`: where the floor is. Gives the command its `state_dir` through `state_dir(floor)`."""
    return click.option(
        "-f",
        "--floor",
        "--state",
        type=click.Path(path_type=Path),
        default=Path("floor.toml"),
        envvar="FLOORD_FLOOR",
        show_default=True,
        help="The floor file, its folder, or its state_dir.  [env: FLOORD_FLOOR]",
    )(function)


class Unknown(click.ClickException):
    """Nobody knows which state_dir is meant. There is no text about usage: what matters is one sentence."""

    def __init__(self, why: str, code: int, write: str = "write --floor /path/of/state_dir, for ") -> None:
        super().__init__(f"{write}{why}")
        self.exit_code = code  # type: ignore[misc]


def state_dir(floor: Path, code: int = EXIT_USAGE) -> Path:
    """The state_dir of a floor file, of a folder with a floor.toml, or the folder itself when it is one.

    A floor file that is no TOML any more still names it, in a line of its own: what is meant is the daemon that runs.
    Raises Unknown, with this exit code.
    """
    if floor.is_dir():
        if any((floor / name).exists() for name in (JOURNAL, SOCKET)):
            return floor
        if not (floor / "floor.toml").exists() and (found := _floors(floor)):
            there = f"there are several floors in {floor}" if len(found) > 1 else f"{floor} has no floor.toml"
            one_of = "one of " if len(found) > 1 else ""
            raise Unknown(f"write {one_of}{', '.join(f'--floor {one}' for one in found)}", code, f"{there}: ")
        floor = floor / "floor.toml"
    try:
        text = floor.read_bytes().decode(errors="replace")
    except OSError as error:
        raise Unknown(f"{floor} cannot be read: {(error.strerror or str(error)).lower()}", code) from None
    try:
        state = tomllib.loads(text).get("state_dir")
    except (ValueError, RecursionError) as error:
        named = _NAMED.search(text)
        if named is None or not (floor.parent / named[2] / JOURNAL).exists():
            why = f"{floor} is not TOML: {error}; floord check {floor} says more"
            raise Unknown(why, code) from None
        state = named[2]
    if not isinstance(state, str) or not state or "\0" in state:
        raise Unknown(f"{floor} names no state_dir", code)
    return floor.parent / state


def _floors(folder: Path) -> list[Path]:
    """Floor files in a folder by their names: what names its node. Plans are TOML too."""
    found = []
    for path in sorted(folder.glob("*.toml")):
        with contextlib.suppress(OSError, ValueError, RecursionError):
            found += [path] if "node" in tomllib.loads(path.read_text(encoding="utf-8")) else []
    return found


class Unavailable(click.ClickException):
    """The daemon does not answer."""

    exit_code = EXIT_UNAVAILABLE


def ask(state: Path, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every line that the daemon answers to one request, as objects. Raises Unavailable when it is not running."""
    with socket.socket(socket.AF_UNIX) as control:
        try:
            control.connect(str(state / SOCKET))
        except OSError:
            raise Unavailable(
                f"no floord is running on {state}; start it with floord run FLOOR.toml, or, where it runs on another, "
                "write --floor /path/of/state_dir"
            ) from None
        control.sendall(json.dumps(request).encode() + b"\n")
        with control.makefile("rb") as lines:
            for line in lines:
                yield json.loads(line)
