"""Room on the disk that is kept for the worst moment: a file that is given up when the disk is full.

So the alarm, and the last events of what is on the belts, are still recorded. It is made again when there is room for
it twice, so that a full disk does not swing between full and not full.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

NAME = "reserve"
MB = 1024 * 1024


class Reserve:
    """The file `reserve` in a folder, `mb` large; 0 = none."""

    def __init__(self, folder: Path, mb: int) -> None:
        self._path = folder / NAME
        self._bytes = mb * MB

    def whole(self) -> bool:
        """Whether it is there, as large as it shall be."""
        try:
            return self._path.stat().st_size >= self._bytes
        except OSError:
            return not self._bytes

    def give_up(self) -> bool:
        """Let go of it. False: there was none."""
        try:
            found = self._path.stat().st_size > 0
            self._path.unlink()
        except OSError:
            return False
        return found

    def make(self) -> bool:
        """Allocate it, if it is not there and there is room for it twice. Whether it is there now."""
        try:
            if self.whole():
                if not self._bytes or self._path.stat().st_size == self._bytes:
                    return True
                self._path.unlink()
            disk = os.statvfs(self._path.parent)
            if disk.f_bavail * disk.f_frsize < 2 * self._bytes:
                return False
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._bytes)
        except OSError:
            with contextlib.suppress(OSError):
                self._path.unlink()
            return False
        return True
