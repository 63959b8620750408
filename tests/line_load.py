"""One PLC, one controller and the wire between them in virtual time, for `tests.plc_load`.

The PLC is the stub, with one decision point and gates just far enough behind it that `left` is 1,300 ms. The controller
is the driver with ten lines of answers, or the whole Node with its journal. Nothing else is there, and neither side
needs time to think. A telegram or frame is there when its last character is; a message takes `TRIP_MS` over the broker.
"""

from __future__ import annotations

import re
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

from controller.journal_rows import Batch
from controller.node import Node, Start
from controller.plans import load_floor
from devices.driver import Driver, load
from devices.types import Arrived, Destination, Item, Kept, Message
from firmware_stubs.plcs import modbus as modbus_plc
from firmware_stubs.plcs import mqtt_json as json_plc
from firmware_stubs.plcs import telegram as telegram_plc
from firmware_stubs.stub import Message as Said
from tests.hub import MemoryJournal

LEFT_MS, RESERVE_MS = 1300, 50
"""`left` of each arrival; what a destination must be at the PLC earlier than that."""
DISK_MS = 5.0
TRIP_MS = 10.0
SPEED = 20_000
"""mm/s: fast enough to keep the items of any rate apart."""
LAST_GATE_MM = (LEFT_MS + RESERVE_MS) * SPEED // 1000
GEOMETRY = telegram_plc.Geometry(
    points={"DEC": 0},
    inductions=("DEC",),
    decisions=("DEC",),
    lanes={"L01": LAST_GATE_MM - 2, "L02": LAST_GATE_MM - 1, "EX": LAST_GATE_MM},
    default_lane="EX",
    speed_mm_s=SPEED,
    length_mm=LAST_GATE_MM + 1000,
)
NUMBERS = {"DEC": 10, "L01": 101, "L02": 102, "EX": 103}
TELEGRAM = re.compile(rb"\x02[^\x03]*\x03")
LINK, UTC_MS = "plc-1", 1_790_000_000_000.0
Piece = bytes | Message
Plc = telegram_plc.Plc | modbus_plc.Plc | json_plc.Plc


@dataclass(frozen=True)
class Kind:
    """An encoding on its wire. `baud` 0: over a broker."""

    encoding: str
    baud: int
    bits: int = 10
    """of a character"""

    @property
    def char_ms(self) -> float:
        """What a character needs."""
        return self.bits * 1000 / self.baud if self.baud else 0.0

    def plc(self) -> Plc:
        """A new PLC."""
        if self.encoding == "telegram":
            spoken = telegram_plc.Settings(plc="PLC1", controller="HUB", baud=self.baud, late_ms=RESERVE_MS)
            return telegram_plc.Plc(spoken, GEOMETRY, 1, 0.0)
        if self.encoding == "modbus":
            served = modbus_plc.Settings(transport="rtu", baud=self.baud, numbers=NUMBERS, late_ms=RESERVE_MS)
            return modbus_plc.Plc(served, GEOMETRY, 1, 0.0)
        return json_plc.Plc(json_plc.Settings(base="plc/1", late_ms=RESERVE_MS), GEOMETRY, 1, 0.0)

    def section(self) -> str:
        """The PLC's section of a floor file."""
        url = f"serial:///sim/tty-1?baud={self.baud}" if self.baud else "mqtt://127.0.0.1:1"
        own = {
            "telegram": 'plc = "PLC1"',
            "modbus": "numbers = {" + ", ".join(f"{name} = {number}" for name, number in NUMBERS.items()) + "}",
            "mqtt_json": 'base = "plc/1"',
        }[self.encoding]
        return f'[plc.{LINK}]\nkind = "{self.encoding}"\nline = "B"\nlink = "{url}"\n{own}\n'


class Controller(Protocol):
    """The other end of the wire."""

    def hear(self, piece: Piece, now: float) -> None:
        """Something came from the PLC."""

    def tick(self, now: float) -> None:
        """Time has passed."""

    def take(self, now: float) -> list[Piece]:
        """What it says."""

    def next_at(self) -> float | None:
        """When it wants to be called."""


class Alone:
    """The driver, and the first decision that comes to mind."""

    def __init__(self, kind: Kind) -> None:
        folder = tempfile.TemporaryDirectory()
        with folder:
            config = load_floor(_floor_file(Path(folder.name), kind))[0].plc[LINK]
        self._driver: Driver = load(config.kind).Driver(config.settings)
        self._confirms: deque[tuple[float, tuple[int, int]]] = deque()
        self._driver.opened(0.0, Kept(utc_ms=UTC_MS))

    def hear(self, piece: Piece, now: float) -> None:
        """See Controller."""
        self._items(self._driver.feed(piece, now), now)

    def tick(self, now: float) -> None:
        """See Controller."""
        while self._confirms and self._confirms[0][0] <= now:
            self._driver.confirm(self._confirms.popleft()[1], now)
        self._items(self._driver.tick(now), now)

    def _items(self, items: Sequence[Item], now: float) -> None:
        for item in items:
            if isinstance(item, Arrived) and item.edge is not None:
                dest = Destination(item.point, item.track, 1, "PLAN", ("L01", "L02"))
                self._driver.send(dest, now, item.edge + item.left)
            if (token := getattr(item, "token", None)) is not None:
                self._confirms.append((now + DISK_MS, token))

    def take(self, now: float) -> list[Piece]:
        """See Controller."""
        out = self._driver.take()
        return [out] if isinstance(out, bytes) else [*out]

    def next_at(self) -> float | None:
        """See Controller."""
        return _least(self._driver.next_at(), self._confirms[0][0] if self._confirms else None)


class Whole:
    """The whole Node: identity, plan, customs, lanes, journal; the broker is away."""

    def __init__(self, kind: Kind) -> None:
        with tempfile.TemporaryDirectory() as folder:
            config, plans = load_floor(_floor_file(Path(folder), kind))
        self._journal = MemoryJournal()
        start = Start(0.0, UTC_MS, True, Random(1))
        self._node = Node(config, plans, self._journal.restored(), self._journal.look, start)
        self._batch: tuple[float, Batch] | None = None
        self._node.link_up(LINK, 0.0)

    def hear(self, piece: Piece, now: float) -> None:
        """See Controller."""
        self._node.received(LINK, piece, now)

    def tick(self, now: float) -> None:
        """See Controller."""
        self._node.tick(now)
        if self._batch is not None and self._batch[0] <= now:
            batch, self._batch = self._batch[1], None
            self._journal.commit(batch)
            self._node.committed(batch, now)

    def take(self, now: float) -> list[Piece]:
        """See Controller."""
        out = self._node.take(LINK)
        if self._batch is None and (batch := self._node.rows()) is not None:
            self._batch = now + DISK_MS, batch
        return [out] if isinstance(out, bytes) else [*out]

    def next_at(self) -> float | None:
        """See Controller."""
        return _least(self._node.next_at(), self._batch[0] if self._batch else None)


def _least(*times: float | None) -> float | None:
    return min((at for at in times if at is not None), default=None)


def _floor_file(folder: Path, kind: Kind) -> Path:
    """Nobody reads codes here, so every item is unknown, and where those may go is supervised."""
    lanes = "".join(
        f'[lane.{name}]\nline = "B"\nposition_mm = {at}\nsupervised = true\n'
        + ('roles = ["exception", "overflow"]\n' if name == "EX" else "")
        for name, at in GEOMETRY.lanes.items()
    )
    (folder / "plan.toml").write_text(
        'plan = "day"\nversion = "1"\nwave = "w1"\n[[rule]]\ndestination = "ALL"\n'
        '[special]\nheld = "ALL"\nunknown = "ALL"\nno_read = "ALL"\noverflow = "ALL"\n'
        '[waves.w1]\nALL = ["L01", "L02"]\n'
    )
    path = folder / "floor.toml"
    path.write_text(
        'site = "lgg"\nnode = "load"\nmode = "simulated"\nstate_dir = "state"\nplan = "plan.toml"\n'
        '[broker]\nurl = "mqtt://127.0.0.1:1"\n[customs]\nfeed = false\n'
        f'[line.B]\nkind = "line"\nspeed_mm_s = {SPEED}\nlength_mm = {GEOMETRY.length_mm}\ndefault_lane = "EX"\n'
        '[point.DEC]\nline = "B"\nposition_mm = 0\ninduction = true\ndecision = true\n' + lanes + kind.section()
    )
    return path


class Wire:
    """One direction."""

    def __init__(self, char_ms: float) -> None:
        self._char_ms = char_ms
        self._coming: deque[tuple[float, Piece]] = deque()
        self._free_at = 0.0
        self.characters = 0

    def send(self, piece: Piece, now: float) -> None:
        """What leaves now; telegrams in one piece arrive one after the other."""
        if isinstance(piece, Message):
            self._coming.append((now + TRIP_MS, piece))
            return
        parts = TELEGRAM.findall(piece) if piece[:1] == b"\x02" else [piece]
        assert b"".join(parts) == piece
        for part in parts:
            self.characters += len(part)
            self._free_at = max(self._free_at, now) + len(part) * self._char_ms
            self._coming.append((self._free_at, part))

    def take(self, now: float) -> Iterator[Piece]:
        """What has arrived by now."""
        while self._coming and self._coming[0][0] <= now:
            yield self._coming.popleft()[1]

    def next_at(self) -> float | None:
        """When the next piece arrives."""
        return self._coming[0][0] if self._coming else None


class Line:
    """All of it. Times are ms from 0."""

    def __init__(self, kind: Kind, controller: Controller) -> None:
        self.now = 0.0
        self.plc, self._hub = kind.plc(), controller
        self.up, self.down = Wire(kind.char_ms), Wire(kind.char_ms)
        self.left = 0
        """items in lanes"""
        self.slowest = 0.0
        """ms from an item's edge to the first destination for it that the PLC took"""
        self._open: dict[int, float] = {}
        """track -> edge of items without a destination"""
        self.plc.opened(0.0)

    def run(self, until: float) -> None:
        """Everything that happens until then."""
        while True:
            self._exchange()
            parts = (self.plc, self._hub, self.up, self.down)
            due = _least(*(part.next_at() for part in parts))
            if due is None or due > until:
                self.now = until
                return
            self.now = max(self.now, due)

    def arrive(self) -> None:
        """An item is at the decision point."""
        self._open[self.plc.edge("DEC", 300, self.now)] = self.now

    @property
    def waiting(self) -> int:
        """Events that the PLC has not been able to say."""
        return len(self.plc.buffer.waiting)

    @property
    def late(self) -> bool:
        """Whether an answer that must be there by now is not, or came late."""
        due = LEFT_MS - RESERVE_MS
        return self.slowest > due or any(self.now - edge > due for edge in self._open.values())

    def _exchange(self) -> None:
        now, plc = self.now, self.plc
        for piece in self.down.take(now):
            plc.feed(Said(piece.topic, piece.payload) if isinstance(piece, Message) else piece, now)
        plc.tick(now)
        for fired in plc.gates(now):
            plc.lane_eye(fired.lane, now)
            self.left += 1
        for taken in plc.taken():
            if taken.refusal is None and taken.track in self._open:
                self.slowest = max(self.slowest, taken.at - self._open.pop(taken.track))
        said = plc.take()
        for out in [said] if isinstance(said, bytes) else said:
            if out:
                self.up.send(out if isinstance(out, bytes) else Message(out.topic, out.payload, out.qos), now)
        for piece in self.up.take(now):
            self._hub.hear(piece, now)
        self._hub.tick(now)
        for piece in self._hub.take(now):
            if piece:
                self.down.send(piece, now)
