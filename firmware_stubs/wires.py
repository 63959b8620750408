"""The wires of the stubs, each opened by its link; the kinds have files of their own."""

from __future__ import annotations

import asyncio
import ipaddress
import termios
from pathlib import Path
from urllib.parse import urlsplit

from firmware_stubs.fd_wire import FdWire, Pty, Serial
from firmware_stubs.tcp_wires import CallingWire, TcpWire
from firmware_stubs.wire import PortError, Side, Wire

_CALLED = {"mqtt": "a broker", "tcp": "a controller"}
"""What a simulated machine calls by itself, and so may find real."""


async def open_wire(link: str, side: Side, *, real: bool, allowed: asyncio.Event | None = None) -> Wire:
    """Opens a link, or begins to where the other side may come later. Raises PortError.

    `pty:///path`, `tcp-listen://host:port`, `tcp://host:port` (calls a controller that listens), `mqtt://host:port`,
    `rfc2217-listen://host:port`, and with `real` also `serial:///dev/…?baud=`, and brokers and controllers on other
    machines. `allowed`: at a broker the machine waits for it.
    """
    url = urlsplit(link)
    if url.username is not None:
        raise PortError(f"{url.scheme}://…@{url.hostname}: give it without name and password: it is spoken to without")
    try:
        if url.scheme == "pty" and url.path.startswith("/") and not url.netloc:
            return FdWire(Pty(Path(url.path)), side.heard)
        if url.scheme == "serial" and real:
            return FdWire(Serial(url.path, url.query), side.heard)
        if url.scheme in _CALLED and not real and not is_loopback(url.hostname or ""):
            raise PortError(f"{link}: {_CALLED[url.scheme]} on another machine is simulated at only with --real")
        if url.hostname and url.port is not None and not (url.path or url.query):
            wire = await _open_network(url.scheme, url.hostname, url.port, side, allowed)
            if wire:
                return wire
    except (OSError, ValueError, termios.error) as error:
        raise PortError(f"{link}: {error}") from error
    if url.scheme == "serial":
        raise PortError(f"{link}: a real port is simulated on only with --real")
    raise PortError(
        f"{link}: give pty:///absolute/path, or tcp-listen, tcp, rfc2217-listen or mqtt with ://host:port behind it"
    )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or address as written."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _open_network(scheme: str, host: str, port: int, side: Side, allowed: asyncio.Event | None) -> Wire | None:
    """None = no such scheme. Raises OSError."""
    if scheme == "tcp-listen":
        return await TcpWire.listen(host, port, side)
    if scheme == "tcp":
        return CallingWire(host, port, side)
    if scheme == "rfc2217-listen":
        from firmware_stubs.rfc2217_wire import Rfc2217Wire

        return await Rfc2217Wire.listen(host, port, side)
    if scheme == "mqtt":
        from firmware_stubs.mqtt_wire import MqttWire

        return MqttWire(host, port, side, allowed)
    return None
