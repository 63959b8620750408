"""Serial ports: pyserial configures, the pump reads and writes.

pyserial keeps five descriptors a port and selects on them, which ends at about 200 ports, and its write never returns
after an XOFF. So it is used for what it knows, the settings of the line, which stay while our own descriptor is open.

- **One program a port**: flock, then a look whether somebody has said TIOCEXCL, then TIOCEXCL, as by termios(3) and
  ioctl_tty(2), and only then is anything set: a port that is in use is left as it is. To root the kernel opens a port
  in spite of TIOCEXCL, hence the look. Not TIOCEXCL on a pseudo-terminal: there it outlives a killed program, because
  the other side keeps the terminal alive.
- **Nothing old**: what piled up while nobody listened has no known time of arrival and is flushed at opening.
- **Parity**: without INPCK a byte with a parity error is delivered as if good. With INPCK and PARMRK it comes as
  FF 00 xx, a good FF as FF FF, a break as FF 00 00 (termios(3)). A damaged byte becomes SUB (1A, ASCII's
  "substitute"), and so does a break: a code that holds one keeps its length and is never another valid code.
- **Breaks**: with BRKINT, which `stty sane` sets, a break would throw away what has arrived, so it is cleared.
- **DTR and RTS**: the kernel raises both when it opens a port; `dtr=off` and `rts=off` lower them at once after that.
- **Closing** flushes, never drains. It runs beside the loop, as does opening: both can hang in a driver. They have
  threads of their own, so that hung ports hold up no name resolution.
"""

from __future__ import annotations

import array
import asyncio
import errno
import fcntl
import functools
import os
import termios
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random

import serial

from devices import serial_ports
from devices.echo import Echo
from devices.fd_link import FdLink, Loop, Port
from devices.links import LinkHandler, LinkUrl
from devices.parity import ParityMarks
from devices.serial_counts import LineErrors, line_counts

TIOCGEXCL = 0x80045440  # ioctl_tty(2); the termios module of Python has no name for it
TIOCGICOUNT = getattr(termios, "TIOCGICOUNT", 0x545D)
COUNTED = {"frame": 6, "overrun": 7, "parity": 8, "break": 9, "buffer": 10}
"""What a port counts, and where it stands in struct serialline_counts_struct (20 ints, linux/serial.h)."""

PSEUDO_TERMINALS = range(136, 144)  # majors of Unix98 pty slaves, Linux Documentation/admin-guide/devices.txt
IFLAG, CC = 0, 6  # in what termios.tcgetattr gives
LOOK_S = 0.2
"""So often it is looked whether a port that is away has come back."""

HANDS = 32
"""So many ports can be opened or closed at a time; of one that hangs there is only one hand held."""

OPEN_S = 10.0


def serial_link(name: str, url: LinkUrl, handler: LinkHandler, loop: Loop, rng: Random) -> FdLink:
    """A link over the serial port of `url`."""
    return FdLink(name, SerialPort(url, loop), handler, loop, rng)


@functools.cache
def _hands() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(HANDS, thread_name_prefix="port")


class SerialPort(Port):
    """One serial port; found by its name each time, so a stable one (by-id, by-path, usb) survives replugging.

    `damaged`: bytes with a parity or framing error and breaks; always 0 without parity.
    """

    stuck = "blocked by flow control: the other side takes nothing"
    look_s = LOOK_S

    def __init__(self, url: LinkUrl, loop: Loop) -> None:
        self._url = url
        self._loop = loop
        self._marks = ParityMarks() if url.parity != "N" else None
        self._echo = Echo(url.baud) if url.echo else None
        self._errors = LineErrors()
        self._opening = False
        self._waiting: tuple[Callable[[int], None], Callable[[str], None]] | None = None
        self._patience: asyncio.TimerHandle | None = None

    def place(self) -> object:
        """What the name leads to now: another one when an adapter is plugged in again, or may be opened at last."""
        if self._url.usb:
            return serial_ports.there()
        try:
            found = os.stat(self._url.path)
        except OSError:
            return None
        return found.st_rdev, found.st_ino, found.st_ctime_ns, found.st_mode, found.st_gid

    def errors(self, fd: int) -> dict[str, int]:
        """What the port has counted; empty where it does not count."""
        return self._errors.since_first(line_counts(fd))

    def begin(self, opened: Callable[[int], None], failed: Callable[[str], None]) -> None:
        """Open it beside the loop. An opening that hangs is told as failed, and never begun a second time."""
        if self._marks:
            self._marks.reset()
        if self._echo:
            self._echo.reset()
        self._waiting = opened, failed
        self._patience = self._loop.call_later(OPEN_S, self._hangs)
        if not self._opening:
            self._opening = True
            _hands().submit(open_port, self._url).add_done_callback(self._over)

    def _over(self, opening: Future[int]) -> None:
        """In a thread of the hands."""
        try:
            self._loop.call_soon_threadsafe(self._done, opening)
        except RuntimeError:  # the loop is closed
            if not opening.exception():
                os.close(opening.result())

    def _done(self, opening: Future[int]) -> None:
        self._opening = False
        waiting, error = self._waiting, opening.exception()
        self.cancel()
        if error is None and waiting is None:
            self.end(opening.result())
        elif error is None and waiting:
            self._errors.opened(line_counts(opening.result()))
            waiting[0](opening.result())
        elif waiting:
            waiting[1](str(error))

    def _hangs(self) -> None:
        waiting = self._waiting
        self.cancel()
        if waiting:
            name = str(self._url.usb or self._url.path)
            waiting[1](f"{name}: its driver has hung for {OPEN_S:g} s at opening; pull the adapter out and plug it in")

    def cancel(self) -> None:
        """What is being opened is closed as soon as it is open, unless somebody has begun anew until then."""
        self._waiting = None
        if self._patience:
            self._patience.cancel()
            self._patience = None

    def end(self, fd: int) -> None:
        """Unlock it at once, close it beside the loop."""
        for unlock in (lambda: fcntl.flock(fd, fcntl.LOCK_UN), lambda: fcntl.ioctl(fd, termios.TIOCNXCL)):
            try:
                unlock()
            except OSError:
                pass  # hung up
        _hands().submit(_flush_and_close, fd)

    def sent(self, data: bytes | bytearray, at: float) -> None:
        """It comes back where the line has an echo."""
        if self._echo:
            self._echo.sent(data, at)

    def clean(self, data: bytes, at: float) -> bytes:
        """Without the marks of parity checking, and without the echo of what was sent."""
        if self._marks:
            data = self._marks.feed(data)
            self.damaged = self._marks.damaged
        if self._echo:
            data = self._echo.strip(data, at)
            self.collisions = self._echo.collisions
        return data


class PortUnusable(Exception):
    """A port that cannot be opened; the message names it, says why, and what to do."""


def open_port(url: LinkUrl) -> int:
    """Open, lock and configure; the descriptor is non-blocking. Raises PortUnusable."""
    path = url.path
    try:
        path = serial_ports.find(url.usb) if url.usb else path
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except serial_ports.NotFound as error:
        raise PortUnusable(str(error)) from None
    except OSError as error:
        raise PortUnusable(f"{path}: {_why(error)}") from error
    try:
        _lock(fd)
        _set_line(path, url)
        _configure(fd, url)
    except (OSError, ValueError, termios.error) as error:
        os.close(fd)
        raise PortUnusable(f"{path}: {_why(error)}") from error
    except BaseException:
        os.close(fd)
        raise
    return fd


def _lock(fd: int) -> None:
    """Raises OSError: a program has it, or it is none. Nothing of the port was changed then."""
    if not os.isatty(fd):
        raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    taken = array.array("i", [0])
    try:
        fcntl.ioctl(fd, TIOCGEXCL, taken)
    except OSError as error:
        if error.errno not in (errno.ENOTTY, errno.EINVAL):
            raise
    if taken[0]:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def _set_line(path: str, url: LinkUrl) -> None:
    port = serial.Serial(
        baudrate=url.baud,
        bytesize=url.bytesize,
        parity=url.parity,
        stopbits=url.stopbits,
        xonxoff=url.flow == "xonxoff",
        rtscts=url.flow == "rtscts",
        timeout=0,
    )
    port.port = path
    if url.dtr is not None:
        port.dtr = url.dtr
    if url.rts is not None:
        port.rts = url.rts
    port.open()
    try:
        port.set_low_latency_mode(True)
    except (OSError, ValueError):
        pass  # not every driver knows it
    finally:
        port.close()


def _configure(fd: int, url: LinkUrl) -> None:
    if os.major(os.fstat(fd).st_rdev) not in PSEUDO_TERMINALS:
        fcntl.ioctl(fd, termios.TIOCEXCL)
    settings = termios.tcgetattr(fd)
    settings[IFLAG] &= ~(termios.BRKINT | termios.IGNBRK)
    if url.parity != "N":
        settings[IFLAG] = settings[IFLAG] & ~(termios.IGNPAR | termios.ISTRIP) | termios.INPCK | termios.PARMRK
    settings[CC][termios.VMIN] = 1  # with 0, as pyserial sets it, "nothing there yet" reads like a hang-up
    termios.tcsetattr(fd, termios.TCSANOW, settings)
    termios.tcflush(fd, termios.TCIFLUSH)


def _why(error: Exception) -> str:
    reasons = {
        errno.ENOENT: "not there: unplugged, or another path (floord ports lists them)",
        errno.EACCES: "no permission: add this user to the group that owns it, usually dialout",
        errno.EBUSY: "in use by another program (floord ports says by which)",
        errno.EAGAIN: "in use by another program (floord ports says by which)",
        errno.ENOTTY: "not a serial port",
    }
    number = getattr(error, "errno", None) or (error.args[0] if isinstance(error, termios.error) else 0)
    return reasons.get(number, str(error))


def _flush_and_close(fd: int) -> None:
    try:
        termios.tcflush(fd, termios.TCIOFLUSH)
    except termios.error:
        pass  # hung up
    os.close(fd)
