"""Links: what carries a machine's bytes, and what every kind of link promises.

A link opens by itself and for ever: after a loss at once, then with backoff up to 5 s and jitter. It stamps what
arrives once, with the monotonic ms of the moment it was read. It never blocks the loop, and never closes another link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from devices import link_words
from devices.types import Message
from devices.value import value

if TYPE_CHECKING:
    from devices.fd_link import Loop

HELD_S = 5.0  # a connection that held so long was a good one
FIRST_S, LONGEST_S = 0.2, 5.0

BYTE_SIZES = {"5": 5, "6": 6, "7": 7, "8": 8}
STOP_BITS = {"1": 1.0, "1.5": 1.5, "2": 2.0}
PARITIES = {"N": "none", "E": "even", "O": "odd", "M": "mark", "S": "space"}
FLOWS = ("none", "xonxoff", "rtscts")
ECHOES = {"keep": False, "strip": True}
LEVELS = {"on": True, "off": False}
LINE_KEYS = ("baud", "bytesize", "echo", "flow", "parity", "stopbits")
PORT_KEYS = (*LINE_KEYS, "dtr", "rts")
USB_FORM = (
    "usb://VID:PID, usb://VID:PID:SERIAL or usb://VID:PID:SERIAL:INTERFACE with VID, PID, INTERFACE in hex digits"
)


@dataclass(slots=True)
class Health:
    """How a link is. `since` (of `up`) and `last_byte` are monotonic ms; `why` is the reason of the last loss,
    `files` that why files which are new since cannot be used ("" = there are none).

    `damaged` counts bytes that arrived with a parity or framing error, and breaks, where parity is used; `errors` what
    the port itself counts since it was first opened (frame, overrun, parity, break, buffer), where it counts.
    A link over a broker counts there what it dropped because the broker had too much to answer (dropped).
    `collisions`: transmissions whose echo came back otherwise or not at all, where echo is stripped.
    """

    up: bool = False
    since: float = 0.0
    last_byte: float | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    damaged: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    collisions: int = 0
    reopened: int = 0
    why: str = ""
    files: str = ""


class Link(Protocol):
    """One machine's cable."""

    health: Health

    def start(self) -> None:
        """Open it, and keep it open from now on."""

    def write(self, data: bytes | Sequence[Message]) -> None:
        """Send bytes, or messages where the link is a broker; what is written while it is down is dropped: the driver
        learns of it by `down`."""

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

    def received(self, link_name: str, data: bytes | Message, at: float) -> None:
        """Bytes arrived, never none; or a message, where the link is a broker."""


class Backoff:
    """How long to wait before opening again."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._tries = 0

    def begin_anew(self) -> None:
        """What was tried is gone; something else is there."""
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


@value
class UsbName:
    """A USB port by what the adapter says of itself; hex digits in lower case. Empty = whatever it says.

    `serial` is compared as udev and lsusb show it; `interface` = bInterfaceNumber, for adapters with several ports.
    """

    vid: str
    pid: str
    serial: str = ""
    interface: str = ""

    def __str__(self) -> str:
        return ":".join(("usb", self.vid, self.pid, self.serial, self.interface)).rstrip(":").replace("usb:", "usb://")


@value
class LinkUrl:
    """What a link's URL says; see `FORMS`. `dtr`, `rts`: the level at opening; None = as the system does it, on.

    `echo`: what is sent comes back, as on a two-wire bus, and is to be taken out.
    """

    scheme: str
    path: str = ""
    host: str = ""
    port: int = 0
    baud: int = 9600
    parity: str = "N"
    bytesize: int = 8
    stopbits: float = 1.0
    flow: str = "none"
    echo: bool = False
    dtr: bool | None = None
    rts: bool | None = None
    usb: UsbName | None = None

    @property
    def transport(self) -> str:
        """How the machine's protocol is framed on it: `serial`, `tcp` or `mqtt`."""
        return {"rfc2217": "serial", "usb": "serial", "tcp-listen": "tcp", "mqtts": "mqtt"}.get(
            self.scheme, self.scheme
        )

    @property
    def is_connection(self) -> bool:
        """Whether breaking it means something to the machine: a serial line has no connection to break."""
        return self.transport == "tcp"


FORMS = {
    "serial": "serial:///dev/serial/by-id/…?baud=115200",
    "usb": "usb://VID:PID:SERIAL?baud=115200",
    "tcp": "tcp://host:port",
    "tcp-listen": "tcp-listen://address:port",
    "rfc2217": "rfc2217://host:port?baud=115200",
    "mqtt": "mqtt://broker:1883",
    "mqtts": "mqtts://broker:8883",
}
"""Every form of a link. Serial ports, also those behind a device server (RFC 2217), take the settings
`baud bytesize echo flow parity stopbits`, ports of this machine also `dtr rts`; with `tcp-listen` the machine connects
to us."""


def parse(url: str) -> LinkUrl:
    """The link that a URL names. Raises ValueError, saying what to write instead."""
    try:
        parts = urlsplit(url)
        port = parts.port if parts.scheme != "usb" else None
    except ValueError as error:
        raise ValueError(f"link {url!r}: {error}; write one of: {', '.join(FORMS.values())}") from None
    form = FORMS.get(parts.scheme)
    if form is None:
        raise ValueError(f"link {url!r}: {link_words.unknown_scheme(url, parts.scheme, FORMS)}")
    if parts.scheme == "serial":
        if parts.netloc or len(parts.path) < 2:
            raise ValueError(f"link {url!r}: write three slashes and the whole path: serial:///dev/serial/by-id/…")
        return _with_line(url, parts.query, LinkUrl("serial", path=parts.path), PORT_KEYS)
    if parts.scheme == "usb":
        return _with_line(url, parts.query, LinkUrl("usb", usb=_usb_name(url, parts)), PORT_KEYS)
    if parts.scheme.startswith("mqtt") and port is None:
        port = 8883 if parts.scheme == "mqtts" else 1883
    if parts.username is not None:
        whose = f"{parts.scheme}://…@{parts.hostname}"  # no password is printed
        raise ValueError(f"link {whose!r}: no name or password in it; write username = … and password_file = …")
    if parts.scheme.startswith("mqtt") and parts.hostname and parts.path.strip("/"):
        raise ValueError(f"link {url!r}: {link_words.topic_in(parts)}")
    if not parts.hostname or not port or parts.path.rstrip("/"):
        raise ValueError(f"link {url!r}: write {form}")
    made = LinkUrl(parts.scheme, host=parts.hostname, port=port)
    if parts.scheme == "rfc2217":
        return _with_line(url, parts.query, made, LINE_KEYS)
    if parts.query:
        raise ValueError(f"link {url!r}: it takes no settings; write {form}")
    return made


def _usb_name(url: str, parts: SplitResult) -> UsbName:
    fields = [unquote(field) for field in parts.netloc.split(":")]
    if not 2 <= len(fields) <= 4 or parts.path.rstrip("/"):
        raise ValueError(f"link {url!r}: write {USB_FORM}")
    vid, pid, serial, interface = (*fields, "", "")[:4]
    for text, digits in ((vid, 4), (pid, 4), (interface or "00", 2)):
        if len(text) != digits or not set(text) <= set("0123456789abcdefABCDEF"):
            raise ValueError(f"link {url!r}: {text!r} is not {digits} hex digits; write {USB_FORM}")
    return UsbName(vid.lower(), pid.lower(), serial, interface.lower())


def _with_line(url: str, query: str, made: LinkUrl, keys: tuple[str, ...]) -> LinkUrl:
    """The settings of a serial line."""
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    if len(given) < len(pairs):
        raise ValueError(f"link {url!r}: a setting stands twice")
    if unknown := sorted(given.keys() - set(keys)):
        raise ValueError(f"link {url!r}: {link_words.unknown_setting(unknown[0], keys)}")

    def chosen(key: str, default: str, allowed: tuple[str, ...]) -> str:
        if (value := given.get(key, default)) not in allowed:
            raise ValueError(f"link {url!r}: {link_words.wrong_choice(key, value, allowed)}")
        return value

    baud = given.get("baud", "9600")
    if not (baud.isascii() and baud.isdigit() and 50 <= int(baud[:9]) <= 4_000_000):
        raise ValueError(f"link {url!r}: baud = {baud!r}; write a number from 50 to 4000000, for example 115200")
    flow = chosen("flow", "none", FLOWS)
    if flow == "rtscts" and "rts" in given:
        raise ValueError(f"link {url!r}: with flow=rtscts the port drives RTS itself; leave rts out")
    return replace(
        made,
        baud=int(baud),
        parity=chosen("parity", "N", tuple(PARITIES)),
        bytesize=BYTE_SIZES[chosen("bytesize", "8", tuple(BYTE_SIZES))],
        stopbits=STOP_BITS[chosen("stopbits", "1", tuple(STOP_BITS))],
        flow=flow,
        echo=ECHOES[chosen("echo", "keep", tuple(ECHOES))],
        dtr=LEVELS[chosen("dtr", "on", tuple(LEVELS))] if "dtr" in given else None,
        rts=LEVELS[chosen("rts", "on", tuple(LEVELS))] if "rts" in given else None,
    )


@value
class OnBroker:
    """What a link over a broker needs beside its URL."""

    client_id: str
    subscriptions: Sequence[tuple[str, int]] = ()
    will: Message | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


def open_link(
    name: str, url: str, handler: LinkHandler, loop: Loop, rng: Random, on_broker: OnBroker | None = None
) -> Link:
    """A link for a URL, not yet started. Imports what its scheme needs. Raises ValueError as `parse`, and where
    `on_broker` is missing for a broker or given for anything else."""
    parsed = parse(url)
    if (parsed.transport == "mqtt") != (on_broker is not None):
        raise ValueError(f"link {url!r}: this kind of device is {'not ' if on_broker is None else ''}on a broker")
    if on_broker is not None:
        from devices.mqtt_link import mqtt_link

        return mqtt_link(name, parsed, on_broker, handler, loop, rng)
    if parsed.transport == "tcp":
        from devices.tcp_link import tcp_link

        return tcp_link(name, parsed, handler, loop, rng)
    if parsed.scheme == "rfc2217":
        from devices.rfc2217_link import Rfc2217Link

        return Rfc2217Link(name, parsed, handler, loop, rng)
    from devices.serial_link import serial_link

    return serial_link(name, parsed, handler, loop, rng)
