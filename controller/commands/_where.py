"""Which floor a command speaks of: the floor file, its folder, or the state_dir itself."""

from __future__ import annotations

import json
import socket
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

JOURNAL, SOCKET = "journal.db", "control.sock"
EXIT_UNAVAILABLE = 69


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


def state_dir(floor: Path) -> Path:
    """The state_dir of a floor file, of a folder with a floor.toml, or the folder itself when it is one."""
    if floor.is_dir():
        if (floor / JOURNAL).exists():
            return floor
        floor = floor / "floor.toml"
    try:
        state = tomllib.loads(floor.read_text()).get("state_dir")
    except OSError as error:
        raise click.UsageError(
            f"{floor}: {error.strerror}; write --floor with the floor file, its folder or its state_dir"
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise click.UsageError(f"{floor}: {error}; floord check {floor} says more") from None
    if not isinstance(state, str):
        raise click.UsageError(f"{floor}: it names no state_dir")
    return floor.parent / state


class Unavailable(click.ClickException):
    """The daemon does not answer."""

    exit_code = EXIT_UNAVAILABLE


def ask(state: Path, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every line that the daemon answers to one request, as objects. Raises Unavailable when it is not running."""
    with socket.socket(socket.AF_UNIX) as control:
        try:
            control.connect(str(state / SOCKET))
        except OSError:
            raise Unavailable(f"no floord is running on {state}; start it with floord run FLOOR.toml") from None
        control.sendall(json.dumps(request).encode() + b"\n")
        with control.makefile("rb") as lines:
            for line in lines:
                yield json.loads(line)
