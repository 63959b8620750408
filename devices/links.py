"""Links: what carries a machine's bytes, and what every kind of link promises.

A link opens by itself and for ever: after a loss at once, then with backoff up to 5 s and jitter. It stamps what
arrives once, with the monotonic ms of the moment it was read. It never blocks the loop, and never closes another link.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from devices.fd_link import Loop

HELD_S = 5.0  # a connection that held so long was a good one
FIRST_S, LONGEST_S = 0.2, 5.0

BYTE_SIZES = {"5": 5, "6": 6, "7": 7, "8": 8}
STOP_BITS = {"1": 1.0, "1.5": 1.5, "2": 2.0}
PARITIES = {"N": "none", "E": "even", "O": "odd", "M": "mark", "S": "space"}
FLOWS = ("none", "xonxoff", "rtscts")
SERIAL_KEYS = ("baud", "bytesize", "flow", "parity", "stopbits")


@dataclass(slots=True)
class Health:
    """How a link is. `since` (of `up`) and `last_byte` are monotonic ms; `why` is the reason of the last loss.

    `damaged` counts bytes that arrived with a parity or framing error, where parity is used.
    """

    up: bool = False
    since: float = 0.0
    last_byte: float | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    damaged: int = 0
    reopened: int = 0
    why: str = ""


class Link(Protocol):
    """One machine's cable."""

    health: Health

    def start(self) -> None:
        """Open it, and keep it open from now on."""

    def write(self, data: bytes) -> None:
        """Send; what is written while the link is down is dropped: the driver learns of it by `down`."""

    def hang_up(self, why: str) -> None:
        """Break the connection; `down` follows, and the link opens again by itself."""

    def stop(self) -> None:
        """Close it; the handler is not called any more."""


class LinkHandler(Protocol):
    """Who listens to links. `at` is monotonic ms. Nothing is called from inside `Link.write` or `Link.start`."""

    def up(self, link_name: str, at: float) -> None:
        """It is open; what arrives from now on is received."""

    def down(self, link_name: str, why: str, at: float) -> None:
        """It was lost, or its first opening failed; `why` in plain words. Once until the next `up`."""

    def received(self, link_name: str, data: bytes, at: float) -> None:
        """Bytes arrived, never none."""


class Backoff:
    """How long to wait before opening again."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._tries = 0

    def next(self, held_s: float) -> float:
        """Seconds to wait now; `held_s` = how long the last connection held, 0.0 if it never came to be."""
        if held_s >= HELD_S:
            self._tries = 0
        self._tries += 1
        if self._tries == 1:
            return 0.0
        longest = min(LONGEST_S, FIRST_S * 2.0 ** min(self._tries - 2, 10))
        return longest * self._rng.uniform(0.5, 1.0)


@dataclass(frozen=True, slots=True)
class LinkUrl:
    """`serial:///dev/…?baud=115200&parity=N&bytesize=8&stopbits=1&flow=none` or `tcp://host:port`, as parsed."""

    scheme: str
    path: str = ""
    host: str = ""
    port: int = 0
    baud: int = 9600
    parity: str = "N"
    bytesize: int = 8
    stopbits: float = 1.0
    flow: str = "none"


def parse(url: str) -> LinkUrl:
    """The link that a URL names. Raises ValueError, saying what to write instead."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"link {url!r}: {error}; write serial:///dev/… or tcp://host:port") from None
    if parts.scheme == "serial":
        return _serial(url, parts.netloc, parts.path, parts.query)
    if parts.scheme == "tcp":
        if not parts.hostname or not port or parts.path or parts.query or parts.username is not None:
            raise ValueError(f"link {url!r}: write tcp://host:port, for example tcp://192.0.2.7:2112")
        return LinkUrl("tcp", host=parts.hostname, port=port)
    raise ValueError(f"link {url!r}: unknown scheme {parts.scheme!r}; write serial:///dev/… or tcp://host:port")


def _serial(url: str, netloc: str, path: str, query: str) -> LinkUrl:
    if netloc or len(path) < 2:
        raise ValueError(f"link {url!r}: write three slashes and the whole path: serial:///dev/serial/by-id/…")
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    if len(given) < len(pairs):
        raise ValueError(f"link {url!r}: a setting stands twice")
    if unknown := sorted(given.keys() - set(SERIAL_KEYS)):
        raise ValueError(f"link {url!r}: unknown setting {unknown[0]!r}; known are: {', '.join(SERIAL_KEYS)}")

    def chosen(key: str, default: str, allowed: tuple[str, ...]) -> str:
        if (value := given.get(key, default)) not in allowed:
            raise ValueError(f"link {url!r}: {key} = {value!r}; write one of: {', '.join(allowed)}")
        return value

    baud = given.get("baud", "9600")
    if not (baud.isascii() and baud.isdigit() and 50 <= int(baud[:9]) <= 4_000_000):
        raise ValueError(f"link {url!r}: baud = {baud!r}; write a number from 50 to 4000000, for example 115200")
    return LinkUrl(
        "serial",
        path=path,
        baud=int(baud),
        parity=chosen("parity", "N", tuple(PARITIES)),
        bytesize=BYTE_SIZES[chosen("bytesize", "8", tuple(BYTE_SIZES))],
        stopbits=STOP_BITS[chosen("stopbits", "1", tuple(STOP_BITS))],
        flow=chosen("flow", "none", FLOWS),
    )


def open_link(name: str, url: str, handler: LinkHandler, loop: Loop, rng: Random) -> Link:
    """A link for a URL, not yet started. Imports what its scheme needs. Raises ValueError as `parse`."""
    parsed = parse(url)
    if parsed.scheme == "tcp":
        from devices.tcp_link import tcp_link

        return tcp_link(name, parsed, handler, loop, rng)
    from devices.serial_link import serial_link

    return serial_link(name, parsed, handler, loop, rng)
