"""Files of a connection that change while it stands: a new password, a certificate in time before the old one ends.

A connection stays with what it was made of. When a file is another one (time, size or inode), the whole new set is
proved first: each file is loaded, and over TLS the broker is greeted with it. Only then is the connection made anew;
what is half written, or does not fit together, is said once and leaves the old connection alone.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from typing import TypeAlias

from devices.mqtt_options import Options
from devices.mqtt_tls import Unusable, context, handshake, password, words

LOOK_S = 5.0

Prints: TypeAlias = tuple[tuple[str, int, int, int], ...]
"""Of each file its path, time of change in ns, size and inode; zeros for one that is not there."""


def prints(options: Options) -> Prints:
    """The files of a connection as they are now."""
    found = []
    for path in options.files.values():
        try:
            seen = os.stat(path)
            found.append((path, seen.st_mtime_ns, seen.st_size, seen.st_ino))
        except OSError:
            found.append((path, 0, 0, 0))
    return tuple(found)


class Watch:
    """Looks at the files of the connection that stands, every `LOOK_S`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, changed: Callable[[], None], unusable: Callable[[str], None]
    ) -> None:
        """`changed`: there is a new set, and it is good. `unusable`: there is one, and it is not, in words; ""
        = it is the old one again."""
        self._loop, self._changed, self._unusable = loop, changed, unusable
        self._timer: asyncio.TimerHandle | None = None
        self._options: Options | None = None
        self._used: Prints = ()
        self._bad: Prints = ()

    def begin(self, options: Options, used: Prints) -> None:
        """A connection stands, made of these files."""
        self.end()
        if used:
            self._options, self._used, self._bad = options, used, ()
            self._timer = self._loop.call_later(LOOK_S, self._look)

    def end(self) -> None:
        """It is over: the next one reads the files anyway."""
        self._options = None
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        options = self._options
        if options is not None:
            future = self._loop.run_in_executor(None, _proved, options, self._used, self._bad)
            future.add_done_callback(lambda done: self._looked(options, done))

    def _looked(self, options: Options, done: asyncio.Future[tuple[Prints, str]]) -> None:
        if done.cancelled() or options is not self._options:
            return
        found, why = done.result()
        if why:
            self._bad = found
            self._unusable(why)
        elif found != self._used and found != self._bad:
            self._used = found
            self._changed()
        elif found == self._used and self._bad:
            self._bad = ()
            self._unusable("")
        if options is self._options:
            self._timer = self._loop.call_later(LOOK_S, self._look)


def _proved(options: Options, used: Prints, bad: Prints) -> tuple[Prints, str]:
    """The files now, and why they cannot be used; "" where they can, or are known already. Runs beside the loop."""
    found = prints(options)
    if found in (used, bad):
        return found, ""
    try:
        password(options)
        if options.tls:
            context(options)
            handshake(options)
    except Unusable as error:
        return found, str(error)
    except ssl.SSLError as error:
        return found, f"{options.where}: {words(error, options)}"
    except OSError:
        return used, ""  # the broker is not reached now, which says nothing of the files
    return found, ""
