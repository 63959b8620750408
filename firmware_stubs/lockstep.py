"""A simulated floor and the daemons that run it, coupled in virtual time: as fast as the machine, and exact.

Nothing here waits. Whatever wants to happen next, in the world, on a cable, by a fault or in a daemon, happens at its
own time, and then everybody hears at once what was said. A daemon is anything of the shape `Daemon`: an object in the
same process, or a child that speaks `floord rehearse` (rehearsed_child.py). Which wire leads to which port of a daemon:
coupling.py. There is one broker; the centre is a stub on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial

from firmware_stubs.coupling import CENTRE, Cables, Daemon, Engine, Line, Listener, LockstepError, couple
from firmware_stubs.stub import Message, Piece
from firmware_stubs.virtual_broker import VirtualBroker
from firmware_stubs.world import World

__all__ = ["Cables", "Daemon", "Engine", "Listener", "Lockstep", "LockstepError"]

AGAIN_MS = 200.0
"""A connection that one side closed stands again after this time."""

SPINS = 10_000
"""things said without the time moving on"""

STUBS, PORTS, DAEMONS = "stubs", "ports", "daemons"
"""who is on the broker: machines, ports of daemons for machines, daemons for the centre"""


class Lockstep:
    """One run. It is the `medium` of faults too: `unplug`, `plug`, `flow`."""

    def __init__(
        self,
        world: World,
        wires: Iterable[tuple[str, Sequence[str]]],
        daemons: Sequence[Daemon],
        *,
        now: float,
        engine: Engine | None = None,
        cables: Cables | None = None,
        listener: Listener | None = None,
    ) -> None:
        """`wires`: link and stubs of each, as `Floor.wires` gives them. Every port of the daemons that has a wire is
        opened now. Raises LockstepError for a wire without a port."""
        self.world, self.now = world, now
        self.daemons = list(daemons)
        self.engine, self.cables = engine, cables
        self.listener = listener or Listener()
        self.lines = [Line(link, names) for link, names in wires]
        self._by_stub = {name: line for line in self.lines for name in line.stubs}
        self._by_port = couple(self.lines, self.daemons)
        self._broker = VirtualBroker()
        ports = self._subscribe()
        for line in self.lines:
            self._open(line)
        for daemon, port in ports:
            daemon.link_up(port, now)
        self._settle()

    def _subscribe(self) -> list[tuple[Daemon, str]]:
        """Everybody on the broker; the ports of daemons that are."""
        ports = []
        for line in self.lines:
            for stub in line.stubs if line.on_broker else ():
                for filter_, _ in self.world.stub(stub).subscriptions():
                    self._broker.subscribe(STUBS, stub, filter_, partial(self._brought, stub))
        for number, daemon in enumerate(self.daemons):
            for filter_ in daemon.subscriptions():
                self._broker.subscribe(DAEMONS, str(number), filter_, partial(self._tell, daemon))
            for port in daemon.ports:
                filters = daemon.subscriptions(port)
                for filter_ in filters:
                    self._broker.subscribe(PORTS, f"{number} {port}", filter_, partial(self._bring, daemon, port))
                ports += [(daemon, port)] if filters else []
        return ports

    # --- the run ------------------------------------------------------------------------------------------------------

    def run(self, until: float) -> None:
        """Everything that happens until then."""
        self._settle()
        while (due := self.next_at()) <= until:
            self.now = max(self.now, due)
            self._advance()
            self._settle()
        self.now = max(self.now, until)
        self.world.advance(self.now)
        for daemon in self.daemons:
            daemon.advance(self.now)
        self._settle()

    def next_at(self) -> float:
        """When something happens next; infinity = only after input."""
        dues = [self.world.next_at(), *(daemon.next_at() for daemon in self.daemons)]
        if self.engine is not None:
            dues.append(self.engine.next_at())
        if self.cables is not None:
            dues.append(self.cables.next_at())
        agains = (line.again_at for line in self.lines)
        return min((*(due for due in dues if due is not None), *agains), default=math.inf)

    def _advance(self) -> None:
        now = self.now
        if self.engine is not None:
            self.engine.advance(now)
        self.world.advance(now)
        for line in self.lines:
            if line.again_at <= now:
                self._open(line)
        for daemon in self.daemons:
            due = daemon.next_at()
            if due is not None and due <= now:
                daemon.advance(now)

    def _settle(self) -> None:
        """Hand over what was said until nobody says anything more."""
        for _ in range(SPINS):
            if not self._hand_over():
                return
        raise LockstepError(f"the moment {self.now:.3f} never ends: machines and daemons answer each other for ever")

    def _hand_over(self) -> bool:
        moved = False
        for stub, piece in self.world.output():
            moved = True
            if self.cables is None:
                self._to_host(stub, piece)
            else:
                self.cables.from_stub(stub, piece, self.now)
        for stub in self.world.hang_ups():
            moved = True
            if self._by_stub[stub].connects:  # a cable has no connection to close
                self._break(self._by_stub[stub], "closed by the machine")
        for number, daemon in enumerate(self.daemons):
            moved |= self._take(number, daemon)
        if self.cables is not None:
            for stub, piece in self.cables.to_host(self.now):
                moved = True
                self._to_host(stub, piece)
            for stub, piece in self.cables.to_stub(self.now):
                moved = True
                self._to_stub(stub, piece)
        return moved

    def _take(self, number: int, daemon: Daemon) -> bool:
        said, published, hang_ups = daemon.said(), daemon.published(), daemon.hang_ups()
        for port, piece in said:
            if isinstance(piece, Message):
                self._broker.publish(piece, STUBS)
            elif (line := self._by_port.get((number, port))) is not None:
                for stub in line.stubs:
                    self.listener.wire(self.now, stub, "host", piece)
                    self._from_host(stub, piece)
        for topic, payload, retain in published:
            self.listener.published(self.now, topic, payload, retain)
            self._broker.publish(Message(topic, payload, retain=retain), STUBS)
        for port, why in hang_ups:
            if (line := self._by_port.get((number, port))) is not None:
                self._break(line, why)
            else:  # of a port on a broker: the driver begins anew
                daemon.link_down(port, self.now, why)
                daemon.link_up(port, self.now)
        return bool(said or published or hang_ups)

    # --- wires --------------------------------------------------------------------------------------------------------

    def unplug(self, stub: str) -> None:
        """The stub's wire is pulled out."""
        line = self._by_stub[stub]
        if line.plugged:
            line.plugged = False
            self._break(line, "unplugged")

    def plug(self, stub: str) -> None:
        """It is put in again."""
        line = self._by_stub[stub]
        if not line.plugged:
            line.plugged = True
            self._open(line)

    def flow(self, stub: str, stopped: bool) -> None:
        """The machine takes nothing for now (XOFF), or again: then comes what waited."""
        line = self._by_stub[stub]
        line.stopped = stopped
        if not stopped:
            waiting, line.waiting = line.waiting, []
            for name, piece in waiting:
                self._from_host(name, piece)

    def _open(self, line: Line) -> None:
        line.again_at = math.inf
        if line.up or not line.plugged:
            return
        line.up = True
        if line.on_broker:
            for stub in line.stubs:
                self.world.connected(stub, True, self.now)
                self._broker.greet(STUBS, stub)
        elif line.daemon is not None:
            if line.connects:
                for stub in line.stubs:
                    self.world.connected(stub, True, self.now)
            self.listener.link(self.now, line.stubs[0], True, "")
            line.daemon.link_up(line.port, self.now)

    def _break(self, line: Line, why: str) -> None:
        if not line.up:
            return
        line.up = False
        line.waiting.clear()
        line.again_at = self.now + AGAIN_MS if line.plugged else math.inf
        if line.connects:
            for stub in line.stubs:
                self.world.connected(stub, False, self.now)
        if line.on_broker:
            for stub in line.stubs:
                if (will := self.world.stub(stub).will()) is not None:
                    self._from_machine(stub, will)
        elif line.daemon is not None:
            self.listener.link(self.now, line.stubs[0], False, why)
            line.daemon.link_down(line.port, self.now, why)

    def _to_host(self, stub: str, piece: Piece) -> None:
        line = self._by_stub[stub]
        if not line.up:
            return
        if isinstance(piece, Message):
            self._from_machine(stub, piece)
            return
        self.listener.wire(self.now, stub, "device", piece)
        for other in line.stubs:
            if other != stub:
                self.world.feed(other, piece, self.now)
        if line.daemon is not None:
            line.daemon.received(line.port, piece, self.now)

    def _from_host(self, stub: str, piece: Piece) -> None:
        line = self._by_stub[stub]
        if line.stopped:
            line.waiting.append((stub, piece))
        elif self.cables is None:
            self._to_stub(stub, piece)
        else:
            self.cables.from_host(stub, piece, self.now)

    def _to_stub(self, stub: str, piece: Piece) -> None:
        if self._by_stub[stub].up:
            self.world.feed(stub, piece, self.now)

    def say(self, topic: str, payload: bytes) -> None:
        """The centre says something now, where no stub is the centre."""
        self.listener.centre(self.now, topic, payload, False)
        self._broker.publish(Message(topic, payload), DAEMONS)
        self._settle()

    # --- the broker ---------------------------------------------------------------------------------------------------

    def _from_machine(self, stub: str, message: Message) -> None:
        """A stub publishes; the centre is one."""
        if message.topic.startswith(CENTRE):
            self.listener.centre(self.now, message.topic, message.payload, message.retain)
        else:
            self.listener.wire(self.now, stub, "device", message)
        self._broker.publish(message, STUBS, PORTS, DAEMONS)

    def _brought(self, stub: str, message: Message) -> None:
        """The broker has something for a stub."""
        if not message.topic.startswith(CENTRE):
            self.listener.wire(self.now, stub, "host", message)
        self._from_host(stub, message)

    def _bring(self, daemon: Daemon, port: str, message: Message) -> None:
        daemon.received(port, message, self.now)

    def _tell(self, daemon: Daemon, message: Message) -> None:
        daemon.message(message.topic, message.payload, self.now, message.retain)
