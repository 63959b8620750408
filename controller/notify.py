"""The service manager, told by datagram how the daemon does (sd_notify(3), without its library).

Where NOTIFY_SOCKET is not set nobody is told, and nothing is done. A manager that does not listen is not waited for.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

from controller.logs import escaped


class Notify:
    """The way to a service manager, as `environment` names it: NOTIFY_SOCKET (a path, or abstract with `@` before it),
    WATCHDOG_USEC and WATCHDOG_PID."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._status = ""
        usec, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
        mine = self._address and usec.isdigit() and pid in ("", str(os.getpid()))
        self.watchdog_s = int(usec) / 1e6 if mine else 0.0
        """without a sign of life for so long we are killed; 0 = nobody watches"""

    @property
    def every_s(self) -> float:
        """How often to give a sign of life: well below half of what is allowed, and once a second is enough."""
        return min(1.0, self.watchdog_s * 0.4) if self.watchdog_s else 1.0

    def ready(self) -> None:
        """The start is over."""
        self._send("READY=1")

    def alive(self) -> None:
        """Progress is made."""
        if self.watchdog_s:
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; sent when it has changed."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={escaped(text)}")

    def reloading(self) -> None:
        """The configuration is read anew; `ready` follows."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as way:
                way.sendto(text.encode(), address)
        except OSError:
            self._status = ""  # it is not there, or takes nothing now; the next status is sent in any case
