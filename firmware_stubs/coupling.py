"""What lockstep couples: the shapes of a daemon, of faults and of cables, and which wire belongs to which port.

`pty://P` belongs to `serial://P`, `tcp-listen://H:P` to `tcp://H:P`, `rfc2217-listen://` to `rfc2217://`, each also the
other way round; else a wire belongs to the port that has the stub's name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from firmware_stubs.stub import Piece

CENTRE = "hub/v1/"
"""Topics of the centre's contract begin so; no machine speaks there."""


class LockstepError(Exception):
    """World and daemons do not fit; the text says what, and what to write instead."""


class Daemon(Protocol):
    """A whole daemon in virtual time. Times are monotonic ms that never go back; before anything that it is told, what
    is due until then happens first."""

    ports: Mapping[str, Sequence[str]]
    """port -> the devices on it"""

    def link(self, port: str) -> str:
        """The port's link, as the floor file has it."""

    def subscriptions(self, port: str = "") -> Sequence[str]:
        """Topic filters of a port on a broker; without a port, those of the centre's messages."""

    def link_up(self, port: str, now: float) -> None:
        """A port is open."""

    def link_down(self, port: str, now: float, why: str) -> None:
        """A port is gone."""

    def received(self, port: str, piece: Piece, now: float) -> None:
        """A piece of a machine arrived."""

    def message(self, topic: str, payload: bytes, now: float, retained: bool = False) -> None:
        """A message of the centre arrived."""

    def advance(self, now: float) -> None:
        """Do everything that is due until now."""

    def next_at(self) -> float | None:
        """When it has something to do next; None = only after input."""

    def said(self) -> list[tuple[str, Piece]]:
        """(port, piece) to machines, since the last call."""

    def published(self) -> list[tuple[str, bytes, bool]]:
        """(topic, payload, retain) on the centre's broker, since the last call."""

    def hang_ups(self) -> list[tuple[str, str]]:
        """(port, why) of connections that it closes, since the last call."""


class Engine(Protocol):
    """What strikes faults (faults/)."""

    def advance(self, now: float) -> None:
        """Do what is due."""

    def next_at(self) -> float | None:
        """When something is due next."""


class Cables(Protocol):
    """What cables do to what passes them (cables.py)."""

    def from_stub(self, stub: str, piece: Piece, now: float) -> None:
        """A stub says something."""

    def from_host(self, stub: str, piece: Piece, now: float) -> None:
        """Something is said to a stub."""

    def to_host(self, now: float) -> list[tuple[str, Piece]]:
        """What arrives at the host by now."""

    def to_stub(self, now: float) -> list[tuple[str, Piece]]:
        """What arrives at stubs by now."""

    def next_at(self) -> float | None:
        """When something arrives next."""


class Listener:
    """Hears what passes, for a recording or a count; each method may be left as it is."""

    def wire(self, now: float, stub: str, side: str, piece: Piece) -> None:
        """A piece passed the host's end of a stub's wire; `side`: `device` or `host`, who said it."""

    def lost(self, now: float, stub: str) -> None:
        """Nobody took the piece that was told last: the wire keeps no more, or nobody is there."""

    def link(self, now: float, stub: str, up: bool, why: str) -> None:
        """The host's end of a stub's wire was opened, or is gone."""

    def centre(self, now: float, topic: str, payload: bytes, retain: bool) -> None:
        """The centre said something to the daemons."""

    def published(self, now: float, topic: str, payload: bytes, retain: bool) -> None:
        """A daemon published something."""


@dataclass(slots=True)
class Line:
    """A wire: its stubs, one but on a bus; who is at its other end (nobody on a broker)."""

    link: str
    stubs: Sequence[str]
    daemon: Daemon | None = None
    port: str = ""
    plugged: bool = True
    up: bool = False
    again_at: float = math.inf
    stopped: bool = False
    waiting: list[tuple[str, Piece]] = field(default_factory=list)

    @property
    def on_broker(self) -> bool:
        """Whether it leads to the broker."""
        return self.link.startswith("mqtt:")

    @property
    def connects(self) -> bool:
        """Whether the machine sees that somebody is at the other end."""
        return not self.link.startswith(("pty:", "serial:"))


def couple(lines: Iterable[Line], daemons: Sequence[Daemon]) -> dict[tuple[int, str], Line]:
    """Give each line that leads to no broker its daemon and port; the line of each (number of a daemon, port). Raises
    LockstepError."""
    by_port: dict[tuple[int, str], Line] = {}
    ports = {(number, port): daemon.link(port) for number, daemon in enumerate(daemons) for port in daemon.ports}
    for line in lines:
        if line.on_broker:
            continue
        place = _end(line.link)
        found = [key for key, link in ports.items() if _end(link) == place]
        found = found or [key for key in ports if key[1] in line.stubs]
        if len(found) != 1 or found[0] in by_port:
            there = ", ".join(f"{port} at {link}" for (_, port), link in ports.items()) or "none"
            what = "no port" if not found else "a port that another stub has" if len(found) == 1 else "several ports"
            raise LockstepError(
                f"stub {line.stubs[0]} at {line.link} has {what} at its other end; ports are {there}. Give it the "
                f"other end of a port's link, such as pty:///dir/tty for serial:///dir/tty, or a port's name"
            )
        by_port[found[0]] = line
        line.daemon, line.port = daemons[found[0][0]], found[0][1]
    return by_port


def _end(link: str) -> tuple[str, str]:
    """What a link and that of its other end have in common."""
    url = urlsplit(link)
    if url.scheme in ("pty", "serial"):
        return "cable", url.path
    host = "127.0.0.1" if url.hostname in (None, "", "localhost", "0.0.0.0") else url.hostname
    try:
        return url.scheme.removesuffix("-listen"), f"{host}:{url.port}"
    except ValueError:
        return url.scheme, link
