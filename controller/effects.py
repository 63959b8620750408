"""What a step wants done, in order. The floor never does anything itself."""

from __future__ import annotations

from typing import TypeAlias

from controller.events import Data
from devices.types import Command
from devices.value import value


@value
class Send:
    """Give a command to the PLC of a line; after `expires` (monotonic ms) it must not be sent. `ref` comes back."""

    line: str
    command: Command
    expires: float | None
    ref: tuple[str, int] | None = None
    """(travel id, decision number) of a DEST; else what was asked, and a number of its own"""


@value
class Tell:
    """Give a command to another device than a PLC, when everything reported so far is durable, or `at_once`; after
    `expires` (monotonic ms) it must not be sent."""

    device: str
    command: Command
    expires: float
    ref: tuple[str, int] | None = None
    """comes back with the answer, where somebody waits for one"""
    at_once: bool = False
    """it says nothing that has to be on disk"""


@value
class Emit:
    """Report an event; `seq` is its place in the node's stream, `at` the monotonic ms when it happened."""

    seq: int
    name: str
    subject: str
    at: float
    data: Data


@value
class Keep:
    """Durable floor state changed: `value` stays in force until the next Keep of the same (kind, key); None = gone.

    It is written when the batch is made, so that only the last state of a transaction costs anything.
    """

    kind: str
    key: str
    value: object | None


@value
class Ask:
    """Ask the centre for the advice of a code, at once; an answer after `until` (monotonic ms) is too late."""

    code: str
    travel: str
    until: float


@value
class Reply:
    """Tell the centre what became of its command, after the commit of what it caused."""

    verb: str
    command: str
    done: bool
    why: str = ""


Effect: TypeAlias = Send | Tell | Emit | Keep | Ask | Reply
