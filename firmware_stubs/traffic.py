"""Between the world and its wires: every piece goes over a cable, is noticed by who watches, and waits while the world
stands.

What the tap tells is what floord's port says and hears: a piece of the machine after the faults of its cable, a piece
of floord before them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from firmware_stubs.api.watch import Watch
from firmware_stubs.cables import Cables
from firmware_stubs.coupling import CENTRE, Listener
from firmware_stubs.medium import WireMedium
from firmware_stubs.stub import Knock, Message, Piece
from firmware_stubs.wire import Job, Side, Wire, say
from firmware_stubs.world import World
from firmware_stubs.world_clock import WorldClock

UNHEARD_MOST = 10_000
"""Pieces on all wires that machines have not heard yet, because the world stands."""


class Traffic:
    """Everything that comes and goes on the wires of one floor."""

    def __init__(
        self,
        world: World,
        clock: WorldClock,
        cables: Cables,
        taps: tuple[Watch, Listener],
        guarded: Callable[[Callable[[], None]], None],
        turn: tuple[Callable[[], object], Callable[[], object]],
        start: Callable[[Job, str], None],
        *,
        centre_heard: bool,
    ) -> None:
        """`guarded` does something whose error ends the run; `turn`: let everything go on, now or as the next thing;
        `start` makes a task of a job, with a name. `centre_heard`: somebody tells the listener what the centre says."""
        self.wires: dict[str, Wire] = {}  # by stub
        self._others: dict[str, Sequence[str]] = {}  # by stub: who hangs on its wire beside it
        self.cables = cables
        self.medium = WireMedium(self.wires, self._others, cables, start)
        self._world, self._clock = world, clock
        self._watch, self._tap = taps
        self._centre_heard = centre_heard
        self._guarded = guarded
        self._turn, self._turn_soon = turn
        self._unheard: deque[Callable[[], None]] = deque()
        self._unheard_lost = False

    def add(self, wire: Wire, names: Sequence[str]) -> None:
        """A wire is open, with these stubs on it."""
        self.wires.update(dict.fromkeys(names, wire))
        self._others.update({name: [other for other in names if other != name] for name in names})

    def side(self, names: Sequence[str]) -> Side:
        """The stubs of a wire as it sees them: all of them hear what comes. What they answer at once leaves in a turn
        of its own: the wire goes first."""
        world, now = self._world, self._clock.now

        def heard(data: Piece) -> None:
            self._noticed(names, "host", data)
            for name in names:
                self._reach(partial(self._from_host, name, data))
            self._turn()

        def connected(there: bool) -> None:
            if not world.stub(names[0]).subscriptions():  # of a client's own connection to a broker nobody else knows
                self._tap.link(self._clock.machine(), names[0], there, "" if there else "the connection is gone")
            for name in names:
                self._watch.talks[name].connected = there
                self._reach(partial(self._connected, name, there))
            self._turn_soon()

        def knock(data: bytes, new: bool) -> Knock:
            answer = Knock()

            def ask() -> None:
                nonlocal answer
                for name in names:
                    answer = world.knock(name, data, now(), new=new)

            self._guarded(ask)
            self._turn_soon()
            return answer

        stub = world.stub(names[0])
        return Side(heard, connected, knock, tuple(stub.subscriptions()), stub.will())

    def links(self) -> dict[str, str]:
        """By stub: what the other side opens."""
        return {name: wire.where for name, wire in self.wires.items()}

    def carry(self) -> None:
        """Everything that has come over the cables by now, both ways, and what it brings about."""
        while self._unheard and not self._clock.stands:
            self._unheard.popleft()()
        while self._carried(self._clock.now()):
            pass
        for name in self._world.hang_ups():
            self.wires[name].hang_up()

    def next_at(self) -> float | None:
        """When something comes over a cable; None = nothing is on its way."""
        return self.cables.next_at()

    def _carried(self, now: float) -> bool:
        """One round; False = there was nothing."""
        come = self.cables.to_stub(now)
        for name, piece in come:
            if self.medium.carries(name):
                self._world.feed(name, piece, now)
        for name, piece in self._world.output():
            self.cables.from_stub(name, piece, now)
        gone = self.cables.to_host(now)
        for name, piece in gone:
            if self.medium.carries(name):
                self._noticed([name], "device", piece)
                self._write(name, piece)
                for other in self._others[name]:
                    self.cables.from_host(other, piece, now)
        return bool(come or gone)

    def _write(self, name: str, piece: Piece) -> None:
        wire = self.wires[name]
        dropped = wire.dropped
        wire.write(piece)
        if wire.dropped > dropped:
            self._tap.lost(self._clock.machine(), name)

    def _from_host(self, name: str, piece: Piece) -> None:
        self.cables.from_host(name, piece, self._clock.now())

    def _connected(self, name: str, there: bool) -> None:
        self._world.connected(name, there, self._clock.now())
        if not there:
            self.cables.cut_off(name)

    def _reach(self, act: Callable[[], None]) -> None:
        """Something comes to a machine from its wire; while the world stands it waits, as in the buffer of a port."""
        if not self._clock.stands:
            self._guarded(act)
        elif len(self._unheard) < UNHEARD_MOST:
            self._unheard.append(act)
        elif not self._unheard_lost:
            self._unheard_lost = True
            say(f"the floor stands and {UNHEARD_MOST} messages wait for its machines; what comes now is lost")

    def _noticed(self, names: Sequence[str], side: str, piece: Piece) -> None:
        """A piece passed floord's end of a wire. For the listener what the centre hears is none of a machine, and what
        it says is heard at the broker, if that is listened to."""
        at = self._clock.machine()
        for name in names:
            self._watch.wire(name, piece, by_device=side == "device", now=self._clock.now(), at=at)
        if not (isinstance(piece, Message) and piece.topic.startswith(CENTRE)):
            self._tap.wire(at, names[0], side, piece)
        elif side == "device" and not self._centre_heard:
            self._tap.centre(at, piece.topic, piece.payload, piece.retain)
