"""Where the interface listens: a unix socket beside the floor file, and a loopback address if one is asked for."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import ipaddress
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

NAME = "floorsim.sock"
BACKLOG = 64
_LONGEST_PATH = 100  # bytes that the system surely takes for the path of a unix socket


class BusyError(Exception):
    """Somebody else listens there; the text says where, and what to do."""


class UnixSocket:
    """`floorsim.sock`, mode 0660: who may write to it may operate the floor."""

    def __init__(self, folder: Path) -> None:
        """A socket that a dead run left is replaced. Raises BusyError where a living one is, and OSError."""
        self.path = folder / NAME
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            with _alone(folder), _short(folder) as short:
                if _lives(short):
                    raise BusyError(f"{self.path}: a floorsim serves this folder already; stop it, or use another one")
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(short)
                before = os.umask(0o117)
                try:
                    self.socket.bind(short)
                finally:
                    os.umask(before)
                self.socket.listen(BACKLOG)
                self._mine = _identity(short)
        except BaseException:
            self.socket.close()
            raise

    def close(self) -> None:
        """Nobody shall find it any more; another one that is there now stays."""
        self.socket.close()
        with contextlib.suppress(OSError):
            if _identity(self.path) == self._mine:
                os.unlink(self.path)


def connect(path: Path) -> socket.socket:
    """To a unix socket, however long its path is. Raises OSError."""
    found = socket.socket(socket.AF_UNIX)
    try:
        with _short(path.parent) as short:
            found.connect(f"{Path(short).parent}/{path.name}")
    except BaseException:
        found.close()
        raise
    return found


def loopback(where: str) -> socket.socket:
    """Listens on HOST:PORT; port 0 = one that is free. Raises ValueError for what is not loopback, and OSError."""
    host, colon, port = where.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isdecimal() and int(port) < 65536):
        raise ValueError(f"--http {where}: give HOST:PORT, such as 127.0.0.1:8080")
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as error:
        raise ValueError(f"--http {where}: give an address, such as 127.0.0.1, or localhost") from error
    if not address.is_loopback:
        raise ValueError(
            f"--http {where}: {host} can be reached from elsewhere, and whoever reaches it can stop the floor; give"
            " 127.0.0.1 or [::1], and forward the port with ssh -L if you sit elsewhere"
        )
    found = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((str(address), int(port)))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise BusyError(f"--http {where}: another program listens there; give another port") from error
        raise
    return found


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two runs that start at once do not replace one another's socket."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BusyError(f"{folder}: another floorsim is just starting there; try again") from error
    finally:
        os.close(lock)


@contextlib.contextmanager
def _short(folder: Path) -> Iterator[str]:
    """A path of the socket that is short enough for the system."""
    if len(os.fsencode(folder / NAME)) <= _LONGEST_PATH:
        yield str(folder / NAME)
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{NAME}"
    finally:
        os.close(handle)


def _identity(path: str | Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_ino, found.st_mtime_ns


def _lives(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            if not stat.S_ISSOCK(os.lstat(path).st_mode):
                raise BusyError(f"{path}: is there and is no socket; remove it")
            probe.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:  # it is there and does not answer in time
            pass
    return True
