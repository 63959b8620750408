"""A TCP connection with faults, commanded by the test: what happens to a cable, a switch, a firewall or a tired server.

Faults act on connections that stand and on those that come. Bytes are never lost: TCP would repeat them, so what was
held back flows on when the fault is over, unless the connection was cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from dataclasses import dataclass, field
from types import TracebackType

from tests.faults.threads import LoopThread

LOOPBACK = "127.0.0.1"
UP, DOWN = "up", "down"
"""From the client to the server; from the server to the client."""
SLICE_S = 0.05
PIECE = 65_536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: close sends RST


@dataclass(eq=False)
class Pair:
    """One connection through the proxy."""

    client: socket.socket
    server: socket.socket
    pumps: list[asyncio.Task[None]] = field(default_factory=list)


class Proxy:
    """Listens on `port` of loopback and connects each caller to `target`. A context manager."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.accepted = 0
        """connections that ever came"""
        self.arrivals: list[float] = []
        """monotonic s of each of them"""
        self.passed = {UP: 0, DOWN: 0}
        """bytes that went through"""
        self._pairs: set[Pair] = set()
        self._delay_s = 0.0
        self._rate: float | None = None
        self._cut: dict[str, int] = {}
        self._fillers: list[socket.socket] = []
        self._thread = LoopThread("proxy")
        self._flow: dict[str, asyncio.Event] = {UP: asyncio.Event(), DOWN: asyncio.Event()}
        for gate in self._flow.values():
            gate.set()
        self._listener = self._bound(0)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor: asyncio.Task[None] | None = None
        self._thread.call(self._listen)

    @property
    def url(self) -> str:
        """As in `[broker] url`."""
        return f"mqtt://{LOOPBACK}:{self.port}"

    @property
    def open(self) -> int:
        """Connections that stand."""
        return len(self._pairs)

    # --- faults ----------------------------------------------------------------------------------------------------

    def normal(self) -> None:
        """Every fault is over; what was held back flows on."""

        def heal() -> None:
            self._delay_s, self._rate, self._cut = 0.0, None, {}
            for filler in self._fillers:
                filler.close()
            self._fillers.clear()
            for gate in self._flow.values():
                gate.set()
            self._listen()

        self._thread.call(heal)

    def delay(self, ms: float) -> None:
        """Each piece comes so much later, and a piece behind it as much behind that at most."""
        self._thread.call(lambda: setattr(self, "_delay_s", ms / 1000))

    def trickle(self, bytes_per_s: float) -> None:
        """So many bytes a second in each direction."""
        self._thread.call(lambda: setattr(self, "_rate", bytes_per_s))

    def blackhole(self, *directions: str, connects: bool = True) -> None:
        """Packets stop in these directions (none named: in both): no FIN, no RST. `connects`: SYNs are dropped, too."""

        def stop() -> None:
            for name in directions or (UP, DOWN):
                self._flow[name].clear()
            if connects and not self._fillers:
                self._deafen()

        self._thread.call(stop)

    def reset(self) -> None:
        """RST to both sides of every connection."""
        self._thread.each(lambda pair: self._end(pair, reset=True), lambda: self._pairs)

    def half_close(self) -> None:
        """FIN to the client; what it sends still passes."""

        def fin() -> None:
            for pair in self._pairs:
                pair.pumps[1].cancel()
                with contextlib.suppress(OSError):
                    pair.client.shutdown(socket.SHUT_WR)

        self._thread.call(fin)

    def refuse(self) -> None:
        """Cut what stands; nobody listens, the port stays ours."""

        def away() -> None:
            self._unlisten()
            for pair in [*self._pairs]:
                self._end(pair, reset=True)

        self._thread.call(away)

    def cut_after(self, count: int, direction: str = UP) -> None:
        """RST to both sides after so many more bytes, of all connections together; once."""
        self._thread.call(lambda: self._cut.update({direction: count}))

    # --- the wire --------------------------------------------------------------------------------------------------

    def _bound(self, port: int) -> socket.socket:
        made = socket.socket()
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((LOOPBACK, port))
        return made

    def _listen(self) -> None:
        if self._acceptor is None:
            self._listener.listen(64)
            self._acceptor = self._thread.loop.create_task(self._accept())

    def _unlisten(self) -> None:
        if self._acceptor is not None:
            self._acceptor.cancel()
            self._acceptor = None
        self._listener.close()
        self._listener = self._bound(self.port)

    def _deafen(self) -> None:
        """Nobody accepts and the queue is full: the kernel drops SYNs, as a dead route does."""
        if self._acceptor is not None:
            self._acceptor.cancel()
            self._acceptor = None
        self._listener.listen(0)
        for _ in range(2):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((LOOPBACK, self.port))
            self._fillers.append(filler)

    async def _accept(self) -> None:
        loop = self._thread.loop
        while True:
            client, _ = await loop.sock_accept(self._listener)
            client.setblocking(False)
            self.accepted += 1
            self.arrivals.append(time.monotonic())
            server = socket.socket()
            server.setblocking(False)
            try:
                await loop.sock_connect(server, (LOOPBACK, self.target))
            except OSError:  # nobody there: the caller is told so in the only way that is left
                server.close()
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                client.close()
                continue
            pair = Pair(client, server)
            self._pairs.add(pair)
            for origin, goal, name in ((client, server, UP), (server, client, DOWN)):
                goal.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                pair.pumps.append(loop.create_task(self._pump(pair, origin, goal, name)))

    async def _pump(self, pair: Pair, origin: socket.socket, goal: socket.socket, name: str) -> None:
        try:
            while True:
                await self._flow[name].wait()
                size = PIECE if self._rate is None else max(1, round(self._rate * SLICE_S))
                data = await self._thread.loop.sock_recv(origin, size)
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._flow[name].wait()
                if not data:
                    goal.shutdown(socket.SHUT_WR)
                    break
                while data:
                    data = await self._some(pair, goal, name, data)
        except OSError:
            self._end(pair, reset=True)
            return
        if all(pump.done() or pump is asyncio.current_task() for pump in pair.pumps):
            self._end(pair, reset=False)

    async def _some(self, pair: Pair, goal: socket.socket, name: str, data: bytes) -> bytes:
        """Pass on as much as may pass now; the rest. Raises ConnectionResetError when it has cut the connection."""
        await self._flow[name].wait()
        piece = data
        if self._rate is not None:
            piece = data[: max(1, round(self._rate * SLICE_S))]
            await asyncio.sleep(len(piece) / self._rate)
        left = self._cut.get(name)
        piece = piece if left is None else piece[:left]
        await self._thread.loop.sock_sendall(goal, piece)
        self.passed[name] += len(piece)
        if left is not None:
            self._cut[name] = left - len(piece)
            if not self._cut[name]:
                del self._cut[name]
                raise ConnectionResetError
        return data[len(piece) :]

    def _end(self, pair: Pair, *, reset: bool) -> None:
        self._pairs.discard(pair)
        for pump in pair.pumps:
            if pump is not asyncio.current_task():
                pump.cancel()
        for side in (pair.client, pair.server):
            if reset:
                with contextlib.suppress(OSError):
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            side.close()

    def close(self) -> None:
        """End every connection and the proxy."""

        def end() -> None:
            self._unlisten()
            self._listener.close()
            for pair in [*self._pairs]:
                self._end(pair, reset=True)
            for filler in self._fillers:
                filler.close()

        self._thread.call(end)
        self._thread.close()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
