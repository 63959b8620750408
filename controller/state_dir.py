"""The folder of one daemon: held by one process at a time, and what it notes there beside the journal."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TextIO


class AlreadyRunning(RuntimeError):
    """Another floord holds the state_dir."""


class UnusableStateDir(RuntimeError):
    """The state_dir cannot be used; the message says why and what to do. `disk`: the disk failed, not the setting."""

    def __init__(self, path: Path, error: OSError) -> None:
        self.disk = not isinstance(error, FileExistsError | FileNotFoundError | NotADirectoryError | PermissionError)
        what = {
            FileExistsError: "it is a file: name a folder in state_dir, or move the file away",
            NotADirectoryError: "a part of the path is a file: name a folder in state_dir",
            PermissionError: f"user {os.geteuid()} may not write there: give it the folder, or name another state_dir",
        }.get(type(error), "name a folder on a local disk in state_dir" if not self.disk else "look after the disk")
        super().__init__(f"state_dir {path}: {error.strerror or error}; {what}")


def take(folder: Path) -> TextIO:
    """Make the folder where it is not there, and hold it for this process, for as long as it lives.

    Raises AlreadyRunning and UnusableStateDir.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _lock(folder / "lock")
    except OSError as error:
        raise UnusableStateDir(folder, error) from None


def _lock(path: Path) -> TextIO:
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise AlreadyRunning(f"{path.parent} is in use by the floord with process id {holder}") from None
    try:
        file.truncate(0)
        os.write(file.fileno(), f"{os.getpid()}\n".encode())
    except OSError:
        pass  # a full disk: the lock holds without the number in it
    return file


def free(folder: Path) -> int | None:
    """Bytes that its disk has left for this user; None where nobody knows."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def free_for(folder: Path) -> int | None:
    """The same of a folder that may still have to be made."""
    for there in (folder.absolute(), *folder.absolute().parents):
        if (bytes_ := free(there)) is not None:
            return bytes_
    return None


def same_boot(path: Path) -> bool:
    """Whether the machine has not been rebooted since the last start; notes the boot for the next one.

    Raises UnusableStateDir.
    """
    kernel = Path("/proc/sys/kernel/random/boot_id")
    now = kernel.read_text().strip() if kernel.exists() else ""
    try:
        before = path.read_text(errors="replace").strip() if path.exists() else ""
    except OSError as error:
        raise UnusableStateDir(path.parent, error) from None
    if now != before:
        try:
            path.write_text(now + "\n")
        except OSError:
            pass  # a full disk: the next start takes it for another boot, which is the safe way
    return bool(now) and now == before
