"""Listens to a port without a word: nothing is written, nothing but the speed and the frame of the line is set.

The kernel raises DTR and RTS when a port is opened; nobody can prevent that. A port that somebody holds is refused;
not so a pty that only the process at its other end holds, as floorsim does.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from dataclasses import replace

from controller.port_holders import holders
from devices import serial_ports
from devices.links import LinkUrl, parse
from devices.parity import ParityMarks
from devices.serial_counts import LineErrors, line_counts
from devices.serial_link import PortUnusable, open_port

MOST = 65_536
"""So many bytes are enough."""


class Listening:
    """One port, open. Raises PortUnusable."""

    def __init__(self, url: LinkUrl) -> None:
        quiet = replace(url, flow="none")  # with xonxoff the kernel would write, with rtscts it would move RTS
        try:
            self.path = serial_ports.find(url.usb) if url.usb else url.path
        except serial_ports.NotFound as error:
            raise PortUnusable(str(error)) from None
        if held := [one for one in holders([self.path])[self.path] if one.reads]:
            who = ", ".join(f"{one.name} (pid {one.pid})" for one in held[:3]) + " and others" * (len(held) > 3)
            raise PortUnusable(
                f"{self.path}: held by {who}; two readers would steal each other's bytes, so end that one"
            )
        self._fd = open_port(quiet)
        self._marks = ParityMarks() if url.parity != "N" else None
        self._errors = LineErrors()
        self._errors.opened(line_counts(self._fd))

    def pieces(self, seconds: float) -> Iterator[tuple[bytes, float]]:
        """What comes, each piece with its monotonic ms; ends after so long, at a hang-up, or with MOST bytes."""
        ready = select.poll()
        ready.register(self._fd, select.POLLIN)
        until, count = time.monotonic() + seconds, 0
        while count < MOST and (left := until - time.monotonic()) > 0:
            if not ready.poll(left * 1000):
                return
            try:
                data = os.read(self._fd, 2048)
            except BlockingIOError:
                continue
            except OSError:
                return
            if not data:
                return
            count += len(data)
            clean = self._marks.feed(data) if self._marks else data
            if clean:
                yield clean, time.monotonic() * 1000

    def errors(self) -> dict[str, int]:
        """What the port counted meanwhile, and bytes with a wrong parity."""
        found = self._errors.since_first(line_counts(self._fd))
        if self._marks and self._marks.damaged:
            found["parity"] = max(found.get("parity", 0), self._marks.damaged)
        return found

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)


def local(text: str) -> LinkUrl:
    """The port of this machine that a URL or a path names. Raises ValueError."""
    url = parse(f"serial://{text}" if text.startswith("/") else text)
    if url.scheme not in ("serial", "usb"):
        raise ValueError(
            f"{text!r}: only a port of this machine can be listened to unnoticed; write its path, serial:// or usb://"
        )
    return url
