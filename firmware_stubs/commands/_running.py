"""What the commands that speak to a running floor share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import click

from firmware_stubs.api.client import Client, NobodyError, NoError
from firmware_stubs.wire import say

NO, NOBODY = 1, 69
Act = TypeVar("Act", bound=Callable[..., Any])


def floor_option(command: Act) -> Act:
    """`--floor`."""
    return click.option(
        "--floor",
        default=".",
        envvar="FLOORSIM_FLOOR",
        show_default="FLOORSIM_FLOOR, or this folder",
        help="Of the running floor: its floor file, the folder of it, its floorsim.sock, or http://HOST:PORT.",
    )(command)


def ask(floor: str, method: str, path: str, body: Any = None) -> Any:
    """The answer of the running floor; without one, or with a no, the command ends and says why."""
    try:
        return Client(floor).ask(method, path, body)
    except NobodyError as error:
        end(str(error), NOBODY)
    except NoError as error:
        end(str(error), NO)


def end(text: str, code: int) -> NoReturn:
    """Say why, and end the command."""
    say(text)
    raise SystemExit(code)


def as_json(answer: Any) -> None:
    """For scripts."""
    click.echo(json.dumps(answer))


def left(fault: dict[str, Any]) -> str:
    """How long a fault that stands still does: so many times, or so long."""
    counted = fault["left"]
    return f"{fault['left_ms'] / 1000:.0f} s left" if counted is None else f"{counted} times left"
