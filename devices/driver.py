"""The one shape of a driver, and how a `kind` of the configuration becomes one.

A driver is a value that turns bytes into items and commands into bytes. It does no I/O and has no clock: whoever owns
it (the controller's Node, a test, `floord decode`) gives it bytes with their arrival time and takes what it wants to
write. All times are monotonic milliseconds.

A family is one module `devices/<family>/<kind>.py` with two names:

- `Settings`: a frozen dataclass; it is the schema of the device's section in the configuration, defaults included;
- `Driver(settings)`: an object with the methods of `Driver` below. A machine whose bytes are frames subclasses `Framed`
  and writes `_frame`, any other that only talks `TalkOnly` and `feed`.

A module may add `join(drivers)`, called once for those that share one serial port (a bus): they then take turns. Each
of them is fed all that is heard there and ignores what is not for it, and after anything happened to one of them the
others may have something to write.

A module may add `Sniffer(settings)`, for a wire on which both sides speak: `feed(data, at)` and `close(now)`
return items for what it hears of either side, without a session. `floord decode` prefers it to the driver.

A module whose driver takes commands states them as `TAKES`, a tuple of their classes.

A module may have `untimely(settings)`: None, or (what, instead) when results may come late and nothing tells which;
such a scanner cannot stand at a belt where the moment says whose they are.

A module may state `UNPROVEN`, a tuple of sentences: what it does by guess, because no manual or recording proves it.
`floord check --unproven` lists them, and they are logged at every start of a daemon that uses the kind.

`BINARY = True`: any byte may stand in what the machine says, so its line cannot have flow=xonxoff. `GUESSES` holds
settings, as mappings, with which `floord ports --listen` tries the kind on bytes it has heard; `guesses(data)` in its
place returns them for these bytes. Without either the defaults are tried. A control character that may be a
`separator` is tried as such beside them. Where nothing in them proves a code, each check digit and a measured length is
tried beside them.

Nothing is registered anywhere: `load("sick_cola")` imports `devices.scanners.sick_cola`. A module whose name begins
with `_` is a part of its family and no kind.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from types import MappingProxyType, ModuleType
from typing import Any, Protocol, cast, runtime_checkable

from devices.framing import Bad, Frame, Framer, Piece
from devices.types import Command, Counters, Garbled, Item, Kept, Message, Token

FAMILIES = ("scanners", "plcs", "scales", "robots")


class Driver(Protocol):
    """One machine on one channel."""

    counters: Counters

    def opened(self, now: float, kept: Kept) -> None:
        """The channel is open; `kept` is what the journal holds for it. Forget every partial frame."""

    def feed(self, data: bytes | Message, at: float) -> Sequence[Item]:
        """Take what arrived at `at`, in any split, and return the items it completes. Never raises on any bytes."""

    def send(self, command: Command, now: float, expires: float | None) -> int:
        """Queue a command and return its number; an Answered or GivenUp item with that number follows.

        After `expires` (monotonic ms, None = never) it is neither sent nor repeated. A command the machine's family
        does not know raises TypeError: that is the caller's mistake.
        """

    def confirm(self, token: Token, now: float) -> None:
        """Everything of this channel up to `token` is durable; the machine may be told from the next `take()` on."""

    def tick(self, now: float) -> Sequence[Item]:
        """Time has passed: do what is due (repeats, life signs, time-outs, discarding partial frames)."""

    def next_at(self) -> float | None:
        """When `tick` wants to be called next; None = only after input."""

    def take(self) -> bytes | list[Message]:
        """What shall be written now; empty when nothing. Each byte is given once."""

    def closed(self, now: float) -> Sequence[Item]:
        """The channel is gone; partial frames and unanswered commands with it."""


@runtime_checkable
class SpeaksMqtt(Protocol):
    """What a driver whose machine speaks MQTT has beside: its `feed` takes messages and its `take` gives them."""

    def subscriptions(self) -> Sequence[tuple[str, int]]:
        """(topic filter, QoS) of what it wants to hear. The channel is `opened` when the broker has granted them."""

    def will(self) -> Message | None:
        """What the broker shall publish when the connection breaks."""


class TalkOnly:
    """Base of a driver for a machine that talks and never listens: write `feed`, keep the rest."""

    def __init__(self) -> None:
        self.counters = Counters()

    def opened(self, now: float, kept: Kept) -> None:
        """Nothing to begin."""

    def send(self, command: Command, now: float, expires: float | None) -> int:
        """This machine takes no commands."""
        raise TypeError(f"{type(self).__module__} takes no {type(command).__name__}")

    def confirm(self, token: Token, now: float) -> None:
        """This machine does not wait for anything."""

    def tick(self, now: float) -> Sequence[Item]:
        """Nothing is due."""
        return ()

    def next_at(self) -> float | None:
        """Never."""
        return None

    def take(self) -> bytes | list[Message]:
        """Nothing to write."""
        return b""

    def closed(self, now: float) -> Sequence[Item]:
        """Nothing to end."""
        return ()


class Framed(TalkOnly):
    """Base of a driver for a machine that speaks in frames: give it a framer, write `_frame`, keep the rest.

    Frames that say something and garbled ones are counted here. Silence and the end of the channel end half a frame.
    """

    def __init__(self, frames: Framer) -> None:
        super().__init__()
        self._frames = frames

    def opened(self, now: float, kept: Kept) -> None:
        """The channel is open: nothing of the last one counts."""
        self._frames.close(now)

    def feed(self, data: bytes | Message, at: float) -> Sequence[Item]:
        """Items of the frames that `data` completes."""
        assert isinstance(data, bytes)
        return self._items(self._frames.feed(data, at))

    def tick(self, now: float) -> Sequence[Item]:
        """Half a frame is garbled after silence."""
        return self._items(self._frames.silence(now))

    def next_at(self) -> float | None:
        """When silence has lasted long enough."""
        return self._frames.deadline()

    def closed(self, now: float) -> Sequence[Item]:
        """Half a frame is garbled."""
        return self._items(self._frames.close(now))

    def _frame(self, frame: Frame) -> Sequence[Item]:
        """What a whole frame says."""
        raise NotImplementedError

    def _bad(self, bad: Bad) -> Sequence[Item]:
        """What bytes that are no frame become."""
        return [Garbled(bad.raw, bad.why, bad.at)]

    def _items(self, pieces: Sequence[Piece]) -> list[Item]:
        items: list[Item] = []
        for piece in pieces:
            said = self._bad(piece) if isinstance(piece, Bad) else self._frame(piece)
            self.counters.frames += bool(said) and isinstance(piece, Frame)
            for item in said:
                if isinstance(item, Garbled):
                    self.counters.bad(item.why)
            items += said
        return items


def earliest(*dues: float | None) -> float | None:
    """The first of these times; None stands for never."""
    first: float | None = None
    for due in dues:
        if due is not None and (first is None or due < first):
            first = due
    return first


def wire(name: str, text: str) -> bytes:
    """A text of the settings as it stands on the wire, one byte a character; ValueError names the setting."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"{name} = {text!r}: only characters up to \\u00ff, each is one byte on the wire") from None


class UnknownKind(LookupError):
    """No module of that name in any family; the message says which was meant, or lists the known kinds."""


@cache
def kinds() -> Mapping[str, str]:
    """Every known kind -> its family, found by listing the family folders once (nothing is imported but packages).

    A module whose name begins with `_` is shared by kinds of its family and is none itself.
    """
    found: dict[str, str] = {}
    for family in FAMILIES:
        try:
            package = importlib.import_module(f"devices.{family}")
        except ModuleNotFoundError:
            continue
        names = (info.name for info in pkgutil.iter_modules(package.__path__))
        found.update({name: family for name in names if not name.startswith("_")})
    return MappingProxyType(found)


def meant(word: str, among: Collection[str]) -> str:
    """What to write in place of a kind that is not known, with the machine: kinds whose machine is called so, one that
    is spelt nearly so, else all of `among`."""
    titles = {kind: title(kind) for kind in sorted(among)}
    called = re.compile(rf"\b(?=[A-Z0-9])(?i:{re.escape(word)})")
    found = [kind for kind in titles if word[:1].isalnum() and called.search(_first_line(kind))]
    found = found or difflib.get_close_matches(word.casefold(), titles, n=1)
    if found:
        return f"did you mean {' or '.join(f'{kind!r} ({titles[kind]})' for kind in found)}?"
    return f"known kinds are: {', '.join(f'{kind} ({words})' for kind, words in titles.items())}"


def title(kind: str) -> str:
    """The machine of a kind in a few words."""
    return re.split(r"[,:]", re.sub(r" \(.*?\)", "", _first_line(kind)))[0].rstrip(".")


def _first_line(kind: str) -> str:
    return (load(kind).__doc__ or "").partition("\n")[0].removeprefix(f"`{kind}`: ")


def load(kind: str) -> ModuleType:
    """The module of a kind, with `Settings` and `Driver`. Raises UnknownKind, saying what to write instead."""
    known = kinds()
    if kind not in known:
        raise UnknownKind(f"unknown kind {kind!r}; {meant(kind, known)}")
    return importlib.import_module(f"devices.{known[kind]}.{kind}")


def make(kind: str, settings: Any) -> Driver:
    """A driver of that kind; the one place where the import by name meets the type checker."""
    return cast(Driver, load(kind).Driver(settings))
