"""Parcel lives through a whole Node in one process: drivers, floor, encoding, outbox; no sockets, no disk, no broker.

The PLCs are the bench's own (plc_end.py), their bytes handed over in memory. A life is arrival, a code, the destination
and its answer, a second code, discharge: five events.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

from controller.journal_memory import MemoryJournal
from controller.journal_rows import Batch
from controller.node import Node, Start
from controller.plans import load_floor
from tests.bench.load import LEFT_MS, PER_PLC, line_names
from tests.bench.plc_end import PlcEnd
from tests.bench.subjects import SITE, Terminals, code_of, lane_of, write_floor

UTC_MS = 1_790_000_000_000.0
WAITING = 60
"""Items between arrival and code."""


class _Plc(PlcEnd):
    """A PLC whose terminal is a buffer."""

    def __init__(self, name: str, on_dest: Callable[[int, str, int], None]) -> None:
        super().__init__(-1, name, on_dest)
        self.out = b""

    def _write(self, data: bytes) -> None:
        self.out += data


class Lives:
    """A floor of so many ports, synchronised and online. `fetch`: committed advice, as the journal's `look`; `commit`
    writes a transaction. `period_ms`: virtual time between two arrivals."""

    def __init__(
        self,
        ports: int,
        fetch: Callable[[str], Iterable[tuple[str, bytes]]],
        commit: Callable[[Batch], object] = lambda batch: None,
        period_ms: float = 1.0,
    ) -> None:
        self._commit = commit
        self._lines, self._period_ms = line_names(ports), period_ms
        self._now, self._rng = 0.0, Random(3)
        self._numbers = itertools.count(1)
        self._dests: dict[int, str] = {}
        self._batches: list[Batch] = []
        self._unanswered: list[int] = []
        with tempfile.TemporaryDirectory() as folder:
            paths = tuple(f"/dev/pts/{9000 + number}" for number in range(ports))
            config, plans = load_floor(write_floor(Path(folder), Terminals(self._lines, paths), "mqtt://127.0.0.1:1"))
        start = Start(0.0, UTC_MS, True, Random(1))
        self.node = Node(config, plans, MemoryJournal("benchmem").restored(), fetch, start)
        self._plcs = {
            f"plc-{line}": _Plc(f"P{number + 1:03}", lambda track, lane, at: self._dests.__setitem__(track, lane))
            for number, line in enumerate(self._lines)
        }
        for port in self.node.ports:
            self.node.link_up(port, 0.0)
            self._pump()
        self.node.connected(0.0, "mqtt://127.0.0.1:1")
        for _ in range(10):
            self._now += 1.0
            for name in self._plcs:
                self._heard(name)
        if not all(plc.synchronised for plc in self._plcs.values()):
            raise RuntimeError("a PLC has no session")

    def run(self, count: int) -> float:
        """CPU µs of each of so many lives. Raises RuntimeError where a parcel is not sent as its advice says."""
        waiting: list[tuple[int, int, str]] = []
        began = time.process_time()
        for _ in range(count):
            waiting.append(self._arrives())
            if len(waiting) > WAITING:
                self._goes_on(*waiting.pop(0))
        for one in waiting:
            self._goes_on(*one)
        return (time.process_time() - began) / count * 1e6

    def advise(self, payload: bytes) -> None:
        """A message with advice comes and is committed."""
        self.node.message(f"hub/v1/{SITE}/advice", payload, 1, self._now)
        self._pump()
        self._settle()

    def _arrives(self) -> tuple[int, int, str]:
        self._now += self._period_ms
        parcel = next(self._numbers)
        track, line = (parcel - 1) % 999_999 + 1, self._rng.choice(self._lines)
        self._plcs[f"plc-{line}"].arrived(f"{line}-DEC", track, LEFT_MS, lambda: None)
        self._heard(f"plc-{line}")
        return parcel, track, line

    def _goes_on(self, parcel: int, track: int, line: str) -> None:
        lane = f"{line}-{lane_of(parcel)}"
        self._read(track, line, parcel, 0)
        if self._dests.pop(track, None) != lane:
            raise RuntimeError(f"parcel {parcel} was not sent to {lane}")
        self._heard(f"plc-{line}")
        self._read(track, line, parcel, 1)
        self._plcs[f"plc-{line}"].discharged(track, lane, lambda: None)
        self._heard(f"plc-{line}")

    def _read(self, track: int, line: str, parcel: int, which: int) -> None:
        port = f"{line}-{(track + which) % PER_PLC + 1}"
        self.node.received(port, b"\x02%06d%s\x03" % (track, code_of(parcel)[which]), self._now)
        self._pump()
        self._settle()

    def _heard(self, name: str) -> None:
        plc = self._plcs[name]
        while plc.out:
            data, plc.out = plc.out, b""
            self.node.received(name, data, self._now)
            self._pump()
        self._settle()

    def _settle(self) -> None:
        """The disk and the broker answer at once."""
        for batch in self._batches:
            self._commit(batch)
            self.node.committed(batch, self._now)
        self._batches.clear()
        self._pump()
        for key in self._unanswered:
            self.node.puback(key, 0, self._now)
        self._unanswered.clear()

    def _pump(self) -> None:
        node = self.node
        while node.dirty:
            port = next(iter(node.dirty))
            data = node.take(port)
            if data and port in self._plcs:
                assert isinstance(data, bytes)
                self._plcs[port].received(0, data)
        batch = node.rows(self._now)
        if batch is not None:
            self._batches.append(batch)
        if node.outbox.wants() is not None:
            node.backlog([])
        self._unanswered += [publish.key for publish in node.publishes(self._now) if publish.key > 0]
        node.acks()
        node.alarmed()
        node.next_at()
