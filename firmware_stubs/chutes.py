"""Behind the gates of a line: what lies in each lane, what its state is, and which container stands there.

A chute is FULL when all its places are taken and FREE again when emptied to half. A lane that leads to another line
keeps nothing. A parcel belongs to the container that stands there when it lands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from firmware_stubs.bagging import Bagger
from firmware_stubs.floor_lines import ChuteSettings, Line
from firmware_stubs.rides import HandedOver, Ride, Told
from firmware_stubs.spells import Spell
from firmware_stubs.stub import PlcStub

KEPT = 10_000  # parcels of a lane that are still known
BUTTONS = ("CLOS", "LOCK", "FREE")
_TOLD = {"FULL": "full", "FREE": "free", "LOCK": "locked"}

After = Callable[[float, Callable[[float], None]], None]


@dataclass(slots=True)
class Lane:
    """One lane. `fails`: so many of its gate's next commands are not obeyed."""

    name: str
    chute: ChuteSettings | None
    taken: int = 0
    full: bool = False
    said_full: bool = False  # by somebody, whatever lies there
    locked: bool = False
    shown: str = "FREE"
    container: str | None = None
    fails: int = 0
    spells: list[Spell] = field(default_factory=list)  # in which its gate does not obey
    drops: int = 0  # parcels that ever fell into it
    content: deque[tuple[str, str | None]] = field(default_factory=lambda: deque(maxlen=KEPT))  # parcel, its container

    @property
    def state(self) -> str:
        """What the lane is."""
        return "LOCK" if self.locked else "FULL" if self.full or self.said_full else "FREE"


class Chutes:
    """All lanes of a line. Drops come in, states go to the PLC, parcels that lead on go to `handed`."""

    def __init__(
        self, line: Line, plc: PlcStub, tell: Callable[[Told], None], after: After, seed: int | str = 0
    ) -> None:
        """`seed` of the people who bag."""
        self.lanes = {name: Lane(name, line.chutes.get(name)) for name in line.lanes}
        self.handed: list[HandedOver] = []
        self._line = line
        self._plc = plc
        self._tell = tell
        self._after = after
        self.baggers = {
            lane: Bagger(lane, settings, f"{seed}/{lane}", self, after) for lane, settings in line.bagging.items()
        }

    def land(self, ride: Ride, name: str, at: float) -> None:
        """A parcel comes down in a lane and passes its eye."""
        lane = self.lanes[name]
        lane.drops += 1
        overfilled = lane.chute is not None and lane.taken >= lane.chute.capacity
        self._tell(Told("lane", at, ride, name, overfilled, container=lane.container))
        self._plc.lane_eye(name, at)
        if transfer := self._line.transfers.get(name):
            ready = at + transfer.after_ms
            self.handed.append(HandedOver(ride.parcel, name, self._line.name, ride.epoch, ride.track or 0, ready))
            return
        lane.content.append((ride.parcel.parcel, lane.container))
        if bagger := self.baggers.get(name):
            bagger.dropped(at)
        if lane.chute is None:
            return
        lane.taken += 1
        if lane.taken == 1:
            self._after(at + lane.chute.empty_every_ms, partial(self._empty, lane, lane.chute))
        lane.full = lane.full or lane.taken >= lane.chute.capacity
        self.settle(lane, at)

    def settle(self, lane: Lane, at: float) -> None:
        """Tell the lane's state if it is another one now."""
        if lane.state != lane.shown:
            lane.shown = lane.state
            self._tell(Told(_TOLD[lane.state], at, place=lane.name))
            self._plc.lane_state(lane.name, lane.state, at)

    def button(self, name: str, button: str, at: float) -> None:
        """Somebody presses a button; the PLC sees that and changes the lane's state itself."""
        lane = self.lanes[name]
        self._plc.button(name, button, at)
        if button in ("LOCK", "FREE"):
            lane.locked = button == "LOCK"
            lane.shown = button
            self.settle(lane, at)

    def container(self, name: str, code: str | None, at: float, said: str | None = None) -> None:
        """A container is put at a lane, or (None) taken away; `said`: what was scanned of it, if not its code."""
        self.lanes[name].container = code
        said = code if said is None else said
        self._plc.container(name, (said or "").encode("latin-1"), at, unlabelled=said == "")
        if name in self.baggers:
            self._tell(Told("bag", at, place=name, container=code, said=said))

    def _empty(self, lane: Lane, chute: ChuteSettings, at: float) -> None:
        """One parcel is taken out of the chute."""
        lane.taken -= 1
        if lane.taken:
            self._after(at + chute.empty_every_ms, partial(self._empty, lane, chute))
        lane.full = lane.full and lane.taken > chute.capacity // 2
        self.settle(lane, at)
