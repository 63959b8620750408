"""Inputs that crash us: what an input is recognised by, and which ones shall not come in again.

Theory. An exception in the floor's step ends the process, and a machine or a broker that was not answered says the same
again to the next one. So each crash is noted with the mark of the input at which it happened; an input that has done it
twice within WITHIN_MS is dropped when it comes for the third time. A mark leaves out when something was heard: a PLC
that repeats an event states its age anew. Of what a reader says it leaves out the token, too: our own number of it,
which is another one when others on its channel were heard before it this time.

Dropped means: the floor never learns of it, and its machine or the broker is told "durable" with the commit of the
alarm, so that it is not sent for ever. Of a PLC's event the floor then lacks one fact: a travel whose end was dropped
stays open until the next synchronisation ends it as lost, one whose induction was dropped begins with what is said of
it next. A session whose SYBE or SYEN is dropped does not come to be, and its line goes on with the PLC's defaults. Of
the centre's message nothing is taken, not even the good elements of an array.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

from devices.types import Garbled, NoRead, Passage, Read, Sized

WITHIN_MS = 600_000
NOTED = 20
_MOMENTS = frozenset(("at", "edge", "since"))
_OF_READERS = _MOMENTS | {"token", "first", "last"}


@dataclasses.dataclass(frozen=True, slots=True)
class Crash:
    """One end by an exception of our own. `about`: the device or topic, empty where no input was at work."""

    utc_ms: int
    about: str
    mark: str
    why: str


def mark(about: str, what: object) -> str:
    """What this input of a device, or this payload on a topic, is recognised by."""
    return hashlib.sha256(f"{about} {_plain(what)!r}".encode(errors="replace")).hexdigest()[:16]


def suspects(crashes: Sequence[Crash], utc_ms: int) -> frozenset[str]:
    """Marks of inputs that are dropped now."""
    late = [crash.mark for crash in crashes if crash.mark and 0 <= utc_ms - crash.utc_ms <= WITHIN_MS]
    return frozenset(one for one in late if late.count(one) >= 2)


class Poison:
    """Looks at each input of the floor before it is taken."""

    def __init__(self) -> None:
        self.marks: frozenset[str] = frozenset()
        """of what is dropped"""
        self.at_work: tuple[str, object] | None = None
        """device and item, or topic and payload, of the input that was looked at last"""
        self.dropped: list[tuple[str, str]] = []
        """what was dropped and nobody has told yet: device or topic, and all of it as text, bytes as hex"""

    def drops(self, about: str, what: object) -> bool:
        """Whether this input is dropped."""
        self.at_work = about, what
        if not self.marks or mark(about, what) not in self.marks:
            return False
        self.dropped.append((about, what.hex(" ") if isinstance(what, bytes) else repr(what)))
        return True


def _plain(what: Any) -> Any:
    if dataclasses.is_dataclass(what):
        ours = _OF_READERS if isinstance(what, Read | NoRead | Garbled | Sized | Passage) else _MOMENTS
        fields = [field.name for field in dataclasses.fields(what) if field.name not in ours]
        return type(what).__name__, [_plain(getattr(what, name)) for name in fields]
    return [_plain(one) for one in what] if isinstance(what, tuple) else what
