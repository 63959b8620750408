"""Serial ports: pyserial opens and configures, the pump reads and writes.

pyserial keeps five descriptors a port and selects on them, which ends at about 200 ports, and its write never returns
after an XOFF. So it is used for what it knows, the settings, and its descriptor is taken over.

- **One program a port**: flock, then TIOCEXCL, as by termios(3) and ioctl_tty(2). Not TIOCEXCL on a pseudo-terminal:
  there it outlives a killed program, because the other side keeps the terminal alive.
- **Nothing old**: what piled up while nobody listened has no known time of arrival and is flushed at opening.
- **Parity**: without INPCK a byte with a parity error is delivered as if good. With INPCK and PARMRK it comes as
  FF 00 xx, a good FF as FF FF (termios(3)). A damaged byte becomes SUB (1A, ASCII's "substitute"), so a code that
  holds one keeps its length and is never another valid code.
- **Closing** flushes, never drains, and runs beside the loop, as does opening: both can hang in a driver.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import termios
from collections.abc import Callable
from random import Random

import serial

from devices.fd_link import FdLink, Loop
from devices.links import LinkHandler, LinkUrl

MARK, SUBSTITUTE = 0xFF, 0x1A
PSEUDO_TERMINALS = range(136, 144)  # majors of Unix98 pty slaves, Linux Documentation/admin-guide/devices.txt
IFLAG, CC = 0, 6  # in what termios.tcgetattr gives


def serial_link(name: str, url: LinkUrl, handler: LinkHandler, loop: Loop, rng: Random) -> FdLink:
    """A link over the serial port of `url`."""
    return FdLink(name, SerialPort(url, loop), handler, loop, rng)


class SerialPort:
    """One serial port; opened by its path each time, so a stable path (by-id, by-path) survives replugging."""

    stuck = "blocked by flow control: the other side takes nothing"

    def __init__(self, url: LinkUrl, loop: Loop) -> None:
        self._url = url
        self._loop = loop
        self._marks = ParityMarks() if url.parity != "N" else None
        self._attempt = 0

    @property
    def damaged(self) -> int:
        """Bytes with a parity or framing error so far; always 0 without parity."""
        return self._marks.damaged if self._marks else 0

    def begin(self, opened: Callable[[int], None], failed: Callable[[str], None]) -> None:
        """Open it beside the loop."""
        self._attempt = attempt = self._attempt + 1
        if self._marks:
            self._marks.reset()

        def done(future: asyncio.Future[int]) -> None:
            if future.cancelled():
                return
            error = future.exception()
            if attempt != self._attempt:
                if not error:
                    self.end(future.result())
            elif error:
                failed(str(error))
            else:
                opened(future.result())

        self._loop.run_in_executor(None, open_port, self._url).add_done_callback(done)

    def cancel(self) -> None:
        """What is being opened is closed as soon as it is open."""
        self._attempt += 1

    def end(self, fd: int) -> None:
        """Unlock it at once, close it beside the loop."""
        for unlock in (lambda: fcntl.flock(fd, fcntl.LOCK_UN), lambda: fcntl.ioctl(fd, termios.TIOCNXCL)):
            try:
                unlock()
            except OSError:
                pass  # hung up
        self._loop.run_in_executor(None, _flush_and_close, fd)

    def clean(self, data: bytes) -> bytes:
        """Without the marks of parity checking."""
        return self._marks.feed(data) if self._marks else data


class PortUnusable(Exception):
    """A port that cannot be opened; the message names it, says why, and what to do."""


def open_port(url: LinkUrl) -> int:
    """Open, lock and configure; the descriptor is non-blocking. Raises PortUnusable."""
    try:
        port = serial.Serial(
            url.path,
            url.baud,
            bytesize=url.bytesize,
            parity=url.parity,
            stopbits=url.stopbits,
            xonxoff=url.flow == "xonxoff",
            rtscts=url.flow == "rtscts",
            timeout=0,
            exclusive=True,
        )
    except (OSError, ValueError, termios.error) as error:
        raise PortUnusable(f"{url.path}: {_why(error)}") from error
    try:
        try:
            port.set_low_latency_mode(True)
        except (OSError, ValueError):
            pass  # not every driver knows it
        fd = os.dup(port.fileno())  # the rest of pyserial's descriptors goes
    finally:
        port.close()
    try:
        _configure(fd, url)
    except (OSError, termios.error) as error:
        os.close(fd)
        raise PortUnusable(f"{url.path}: {_why(error)}") from error
    return fd


def _configure(fd: int, url: LinkUrl) -> None:
    if os.major(os.fstat(fd).st_rdev) not in PSEUDO_TERMINALS:
        fcntl.ioctl(fd, termios.TIOCEXCL)
    settings = termios.tcgetattr(fd)
    if url.parity != "N":
        settings[IFLAG] = settings[IFLAG] & ~(termios.IGNPAR | termios.ISTRIP) | termios.INPCK | termios.PARMRK
    settings[CC][termios.VMIN] = 1  # with 0, as pyserial sets it, "nothing there yet" reads like a hang-up
    termios.tcsetattr(fd, termios.TCSANOW, settings)
    termios.tcflush(fd, termios.TCIFLUSH)


def _why(error: Exception) -> str:
    reasons = {
        errno.ENOENT: "not there: unplugged, or another path (ls -l /dev/serial/by-id lists them)",
        errno.EACCES: "no permission: add this user to the group that owns it, usually dialout",
        errno.EBUSY: "in use by another program",
        errno.EAGAIN: "in use by another program",
        errno.ENOTTY: "not a serial port",
    }
    return reasons.get(getattr(error, "errno", None) or 0, str(error))


def _flush_and_close(fd: int) -> None:
    try:
        termios.tcflush(fd, termios.TCIOFLUSH)
    except termios.error:
        pass  # hung up
    os.close(fd)


class ParityMarks:
    """Un-escapes what PARMRK puts into the input, across any split."""

    def __init__(self) -> None:
        self.damaged = 0
        self._held = b""

    def reset(self) -> None:
        """Forget half an escape."""
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """The bytes as sent, a damaged one as SUB."""
        data = self._held + data
        self._held = b""
        out = bytearray()
        start = 0
        while (mark := data.find(MARK, start)) >= 0:
            out += data[start:mark]
            escape = data[mark : mark + 3]
            if escape in (b"\xff", b"\xff\x00"):
                self._held = escape
                return bytes(out)
            if escape[1] == MARK:
                out.append(MARK)
                start = mark + 2
            else:
                out.append(SUBSTITUTE)
                self.damaged += 1
                start = mark + 3
        return bytes(out + data[start:])
