"""Every order of what can happen to one parcel under customs, up to so many steps: `python -m tests.customs_orders`.

The steps: advice, read, status, decision, hold, release, restart, feed gap, drop; each at most once, hold and release
at most twice. The first hold and release are of the parcel by its import authority, the second ones of its consignment
by another authority. After each step a model written from the rules' words says whether the parcel is released; what
the PLC obeys at the drop, and each recall after it, is judged by that model, never by the floor's own book.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import Pool

from controller import kept
from controller.config import Config
from controller.floor import Connection
from controller.plan import Plan
from devices import types as said
from tests.floor_fixture import TUNNEL, Bench, advice, small_floor

STEPS = ("advice", "read", "status", "decision", "hold", "release", "restart", "gap", "drop")
TWICE = ("hold", "release")
PARCEL, CONSIGNMENT = ("parcel", "P1"), ("consignment", "K1")
AUTHORITIES = ((PARCEL, "H7", "BE"), (CONSIGNMENT, "ICS2", "EU"))


@cache
def floor() -> tuple[Config, Plan]:
    return small_floor()


@dataclass
class Model:
    """What is true, in the rules' words."""

    advised: bool = False
    read: bool = False
    known: dict[tuple[str, str], str] = field(default_factory=dict)
    """subject -> last status of its one authority"""
    gap: bool = False
    arrived: bool = False
    lane: str | None = None
    dropped_in: str | None = None
    recalls: int = 0
    held: bool = False

    def latched(self) -> bool:
        """All that customs said of the parcel and its consignment is release, and something was said."""
        return bool(self.known) and set(self.known.values()) == {"release"}

    def released(self) -> bool:
        """Identified, released, and nothing of the feed is missing."""
        return self.advised and self.read and self.latched() and not self.gap


class Case:
    """One order, step by step, on a real floor and on the model."""

    def __init__(self) -> None:
        self.model = Model()
        self.bench = Bench.of(*floor())
        self.bench.session()
        self._up()
        self.bench.indu(1)
        self.sequence = {PARCEL: 0, CONSIGNMENT: 0}
        self.count = {"hold": 0, "release": 0}

    def _up(self) -> None:
        self.bench.step(Connection(TUNNEL, True))
        self.bench.reach()
        self.bench.head()

    def do(self, step: str) -> str | None:
        """One step; what is wrong after it, None = nothing."""
        getattr(self, f"_{step}")()
        self._obey()
        return self._judge()

    def _advice(self) -> None:
        self.model.advised = True
        self.bench.advise(advice(belongs={"consignment": "K1"}))

    def _read(self) -> None:
        if self.model.dropped_in is None:
            self.model.read = True
            self.bench.plc(said.Codes("S1-DEC", 1, "R", (said.Code(b"CP1"),), self.bench.now))

    def _status(self) -> None:
        self._say("info_requested", 0)

    def _hold(self) -> None:
        self._say("hold", self.count["hold"])
        self.count["hold"] += 1

    def _release(self) -> None:
        self._say("release", self.count["release"])
        self.count["release"] += 1

    def _say(self, status: str, number: int) -> None:
        subject, scheme, authority = AUTHORITIES[number]
        self.sequence[subject] += 1
        self.model.known[subject] = status
        self.bench.customs(status, self.sequence[subject], subject, scheme=scheme, authority=authority)

    def _gap(self) -> None:
        self.model.gap = True
        self.bench.feed += 1  # a record that never came
        self.bench.head()
        self.bench.after(1500)  # longer than a head may be ahead of its records

    def _decision(self) -> None:
        if self.model.dropped_in is None:
            self.model.arrived = True
            self.bench.arrv(1, left=30_000)

    def _restart(self) -> None:
        old = self.bench
        state = {place: kept.dump(value) for place, value in old.kept.items()}
        self.bench = again = Bench.of(*floor())
        again.now, again.feed, again.store, again.events = old.now, old.feed, old.store, old.events
        again.kept = dict(old.kept)
        again.floor.sequence = len(old.events)
        kept.restore(again.floor, state, same_boot=True)
        again.floor.lines["S1"].epoch = 7
        if self.model.dropped_in is None:
            number = max((n for n, *_ in old.dests()), default=0)
            point = "S1-DEC" if self.model.arrived else "S1-IND"
            again.session(said.TrackOnBelt(1, point, self.model.lane, number, "S", 0, again.now))
        else:
            again.session()
        self._up()

    def _drop(self) -> None:
        lane = self.model.lane or "S1-EX"
        number = max((n for n, *_ in self.bench.dests()), default=0)
        travel = self.bench.travel()
        self.bench.divc(1, lane, travel.obeyed or number)
        self.model.dropped_in = lane
        self.model.held = not self.model.latched()

    def _obey(self) -> None:
        """The PLC takes each destination at once."""
        for send in self.bench.destinations():
            assert isinstance(send.command, said.Destination)
            if self.model.dropped_in is None:
                self.model.lane = send.command.lanes[0]
                self.bench.answer(None, send)
        self.bench.sent = []

    def _judge(self) -> str | None:
        model, bench = self.model, self.bench
        lane = model.lane if model.dropped_in is None else None
        if lane is not None and not supervised(lane) and not model.released():
            return f"it would go into {lane} without a release"
        if model.dropped_in is None or supervised(model.dropped_in):
            return "a recall for a parcel that lies under customs" if bench.named("parcel/recall") else None
        held = model.advised and not model.latched()
        model.recalls += held and not model.held
        model.held = held
        told = len(bench.named("parcel/recall"))
        if told != model.recalls:
            return f"{told} recalls, {model.recalls} were due"
        return "an escape" if bench.named("parcel/held_escaped") else None


def supervised(lane: str) -> bool:
    return floor()[0].lane[lane].supervised


def orders(most: int, begun: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every order of exactly `most` steps; shorter ones are judged on the way."""
    if len(begun) == most:
        yield begun
        return
    for step in STEPS:
        if begun.count(step) < (2 if step in TWICE else 1):
            yield from orders(most, (*begun, step))


def failure(order: tuple[str, ...]) -> str | None:
    """What is wrong with an order, None = nothing."""
    case = Case()
    for number, step in enumerate(order, 1):
        wrong = case.do(step)
        if wrong is not None:
            return f"{' '.join(order[:number])}: {wrong}"
    return None


def share(task: tuple[int, tuple[str, ...]]) -> tuple[int, list[str]]:
    """All orders that begin so: how many, and what is wrong."""
    most, begun = task
    found = [(order, failure(order)) for order in orders(most, begun)]
    return len(found), [wrong for _, wrong in found if wrong]


def main(most: int, processes: int) -> int:
    """Judge them all; the exit code."""
    begins = [(most, begun) for begun in orders(min(2, most))]
    total = 0
    wrongs: list[str] = []
    with Pool(processes) as pool:
        for count, wrong in pool.imap_unordered(share, begins):
            total += count
            wrongs += wrong
    print(f"{total} orders of {most} steps, {len(wrongs)} wrong")
    for text in sorted(set(wrongs))[:20]:
        print(" ", text)
    return 1 if wrongs else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 7, int(sys.argv[2]) if len(sys.argv) > 2 else 2))
