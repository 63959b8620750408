"""What readers beside the belt say and hear: handhelds, scales and dimensioners, RFID portals; imported from types.py.

Units stand beside their values as the machine gave them: nothing is converted, rounded or filled in here.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from devices.value import value

Token: TypeAlias = tuple[int, int]

Verdict: TypeAlias = Literal["ok", "wrong", "hold"]
"""What a hand may do: go on; not here; stop and wait for people."""

PROCESSES = ("identify", "unload", "inspect", "put", "load", "depart", "exception")
"""What hands do everywhere; a site may have others."""


@value
class Hand:
    """Who asks with a scan: it waits for a HandAnswer with this `ref`, within 300 ms.

    `process` (one of PROCESSES, or the site's own), `station` and `actor` are ids of the site, `ref`
    the device's own id of this scan, the same when it asks again. `target`: the container, departure or lane that the
    hand works at, as it says it. `time`: when it scanned by its own clock (RFC 3339, a label). Empty = not said.
    `stored`: scanned while nobody could answer, and already done.
    """

    process: str
    station: str
    actor: str
    ref: str
    target: str = ""
    time: str = ""
    stored: bool = False


@value
class HandAnswer:
    """The answer to the hand of `device` that asked with `ref`: `words` for its display, at most 64 characters; `tone`
    is `short`, `long` or `triple`."""

    device: str
    ref: str
    verdict: Verdict
    words: str
    tone: Literal["short", "long", "triple"]


Quality: TypeAlias = Literal["ok", "under", "over", "unstable", "zeroed", "outside", "error"]
"""`ok` is the only one with which a value is a value; `zeroed`: the machine says 0 where it has none."""


@value
class Quantity:
    """One measurement as received: `value` the machine's own digits, `unit` as on the wire (or as the manual states it
    where the wire leaves it out), `approved` = legal for trade, None = the machine does not say."""

    what: Literal["weight", "length", "width", "height", "volume", "dim_weight", "dim_factor"]
    value: str
    unit: str
    quality: Quality
    approved: bool | None = None


@value
class Sized:
    """What a scale or a dimensioner says of one item. `record`: the number under which its alibi memory keeps it,
    empty = none. `index`: the item's number, where the machine echoes it."""

    quantities: tuple[Quantity, ...]
    raw: bytes
    at: float
    record: str = ""
    index: int | None = None
    token: Token | None = None


@value
class Passage:
    """One tag went through a portal: all its reads in one, told when it has been silent for long enough.

    `text`: the code that the tag carries (an SSCC as 20 digits with its 00, a GTIN as 14 digits, …), else its EPC;
    `epc` in upper-case hex. `direction`: `in`, `out`, or empty when the order of antennas does not prove one. `first`,
    `last`: monotonic ms of the first and the last of `count` reads. `rssi`: the strongest, in dBm, None = not said.
    `antennas`: those that saw it, in the order in which they did first.
    """

    text: str
    epc: str
    portal: str
    direction: Literal["in", "out", ""]
    first: float
    last: float
    count: int
    raw: bytes
    at: float
    rssi: float | None = None
    antennas: tuple[int, ...] = ()
    token: Token | None = None


@value
class Condition:
    """How a machine is, said when it changes: by its own status, or by the heartbeat that does not come.

    `what` in plain words, the reason where it is not ok. `part`: which one, where one channel has several machines.
    """

    ok: bool
    what: str
    raw: bytes
    at: float
    part: str = ""
