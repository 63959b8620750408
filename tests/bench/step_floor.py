"""A floor without machines, for `step`: parcels ride over its lines by what a PLC and readers would say of them.

Run as a program it is what callgrind counts: batches of lives, each kind of step for itself, with a call of `getppid`
between two of them, at which the counts are written and begin anew.
"""

from __future__ import annotations

import gc
import itertools
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from controller.advice import Advice, CustomsHead, CustomsRecord
from controller.config import load
from controller.floor import Advised, CameBack, Connection, Floor, Heard, Input, Reached, Tick, Told
from controller.plan import load_plan
from devices import types as said
from tests.bench.subjects import advice_of, code_of

UTC_MS = 1_790_000_000_000.0
TUNNEL_MM, DECISION_MM, GATES_MM = 40_000, 80_000, 6_000_000
APART_MS = 1000.0
"""Between two items of a batch; the belt goes 1 mm a ms."""
LEFT_MS = 600_000
BATCH = 16
"""Lives that are on the belt at once: all of them between two places, so that each kind of step has its turn."""
COUNTED_BATCHES = 6
NOT_HERE = 50_000_000
"""Numbers of parcels that never come."""

HEAD = """\
site = "lgg"
node = "bench"
mode = "test"
state_dir = "state"
plan = "plan.toml"
[broker]
url = "mqtt://127.0.0.1:1"
[customs]
stale_s = 86400
"""

LINE = """\
[line.{line}]
kind = "line"
speed_mm_s = 1000
length_mm = 9000000
default_lane = "{line}-EX"
[point.{line}-IND]
line = "{line}"
position_mm = 0
induction = true
[point.{line}-T]
line = "{line}"
position_mm = {tunnel}
[point.{line}-DEC]
line = "{line}"
position_mm = {decision}
decision = true
[scanner.t-{line}]
kind = "line"
link = "tcp://127.0.0.1:{port}"
point = "{line}-T"
match = "{match}"
{index}
prefix = "\\u0002"
suffix = "\\u0003"
[plc.plc-{line}]
kind = "telegram"
link = "tcp://127.0.0.2:{port}"
line = "{line}"
plc = "P{number:03}"
"""

DEFAULT = """\
[lane.{line}-EX]
line = "{line}"
position_mm = 8900000
roles = ["exception", "overflow"]
supervised = true
"""
LANE = '[lane.{line}-L{lane}]\nline = "{line}"\nposition_mm = {position}\n'
RULE = '[[rule]]\ncountry = "{country}"\npostcode = "{postcode}"\ndestination = "D{country}"\n'
COUNTRIES = ("FR", "BE", "DE", "NL")


@dataclass(frozen=True)
class Size:
    """How large a floor is. `open`: travels that wait behind their decision points, over all lines."""

    lines: int = 1
    lanes: int = 10
    rules: int = 10
    advices: int = 100
    open: int = 0
    match: str = "time"


@dataclass(frozen=True)
class Parcel:
    """An item of a batch; `late` = how much later than the first it comes to each place, ms."""

    line: str
    track: int
    code: str
    late: float


Said = Callable[["Ground", Parcel, float], Input]
Life = dict[str, tuple[float, Said]]
"""Name of a step -> ms after the first one, what is said."""


def induction(ground: Ground, one: Parcel, now: float) -> Input:
    """INDU."""
    point = f"{one.line}-IND"
    return Heard(f"plc-{one.line}", said.Inducted(point, one.track, None, 0, 200, now, now, token=(1, one.track)))


def scan(ground: Ground, one: Parcel, now: float) -> Input:
    """A code in the tunnel."""
    index = one.track if ground.size.match == "index" else None
    return Heard(f"t-{one.line}", said.Read(one.code, one.code.encode(), now, index=index))


def arrival(ground: Ground, one: Parcel, now: float) -> Input:
    """ARRV."""
    point = f"{one.line}-DEC"
    item = said.Arrived(point, one.track, now, LEFT_MS, 200, 0, None, 0, "S", (), now, token=(1, one.track))
    return Heard(f"plc-{one.line}", item)


def answer(ground: Ground, one: Parcel, now: float) -> Input:
    """The PLC took the destination."""
    travel = ground.floor.lines[one.line].by_track[one.track]
    return CameBack(f"plc-{one.line}", travel.id, travel.current, None)


def discharge(ground: Ground, one: Parcel, now: float) -> Input:
    """DIVC, into the lane that was decided."""
    decision = ground.floor.lines[one.line].by_track[one.track].decision
    if decision is None or decision.lanes[0] == f"{one.line}-EX":
        raise RuntimeError(f"{one.code} was not routed: {decision}")
    lane = decision.lanes[0]
    item = said.Discharged(one.track, decision.number, lane, lane, "OK", "G", 0, now, now, token=(1, one.track))
    return Heard(f"plc-{one.line}", item)


def advice(ground: Ground, one: Parcel, now: float) -> Input:
    """The centre tells of a parcel that is not here yet."""
    return Advised((Advice.model_validate(advice_of(one.track + NOT_HERE)),))


def customs(ground: Ground, one: Parcel, now: float) -> Input:
    """A customs record of such a parcel."""
    who = {"subject_kind": "parcel", "subject_id": f"P{one.track + NOT_HERE:08}", "sequence": 1}
    ground.feed += 1
    return Told(
        CustomsRecord.model_validate(
            {"scheme": "H7", "authority": "BE", "status": "release", "feed": ground.feed, **who}
        )
    )


LIFE: Life = {
    "INDU": (0.0, induction),
    "scan": (float(TUNNEL_MM), scan),
    "ARRV": (float(DECISION_MM), arrival),
    "answer": (DECISION_MM + BATCH * APART_MS, answer),
    "DIVC": (GATES_MM / 10, discharge),
}
"""A normal life: a tunnel before the decision point."""

WAITING: Life = {
    "ARRV (it waits)": (0.0, arrival),
    "scan that decides": (BATCH * APART_MS, scan),
    "answer (it waited)": (2 * BATCH * APART_MS, answer),
    "DIVC (it waited)": (3 * BATCH * APART_MS, discharge),
}
"""Items that wait at their decision point for a scan that names them by their number."""

NEWS: Life = {"advice": (0.0, advice), "customs record": (BATCH * APART_MS, customs)}


class Ground:
    """A floor of a size, synchronised, and its clock."""

    def __init__(self, size: Size) -> None:
        self.size = size
        with TemporaryDirectory() as folder:
            path = _written(Path(folder), size)
            config = load(path)
            self.floor = Floor(config, load_plan(config.plan, config), "jrnl0000")
        self.now, self.feed = 100_000.0, 0
        self._numbers = itertools.count(1)
        self._advised: dict[str, tuple[Advice, ...]] = dict.fromkeys(
            (code_of(parcel)[0].decode() for parcel in range(1, size.advices + 1)), ()
        )
        for line in self.floor.lines:
            self._said(Connection(f"t-{line}", True))
            for item in (said.SessionBegun(1, True, self.now), said.Synchronised(self.now)):
                self._said(Heard(f"plc-{line}", item))
        self._said(Reached(UTC_MS))
        self._said(Told(CustomsHead(sequence=0, time_ms=int(UTC_MS), since=1)))
        self._fill()

    def look(self, key: str) -> tuple[Advice, ...]:
        """As the journal's answers that are remembered."""
        return self._advised.get(key, ())

    def ride(self, life: Life) -> Iterator[tuple[str, list[tuple[Input, float]]]]:
        """A batch of lives: each kind of step with its inputs, to be taken by `take` before the next one is wanted."""
        parcels = self._parcels(BATCH)
        for one in parcels:
            self._advised[one.code] = (Advice.model_validate(advice_of(one.track) | {"postcode": "1000"}),)
        yield from self._steps(parcels, life)
        for one in parcels:
            del self._advised[one.code]

    def _steps(self, parcels: list[Parcel], life: Life) -> Iterator[tuple[str, list[tuple[Input, float]]]]:
        start = self.now
        for name, (after, what) in life.items():
            inputs = []
            for one in parcels:
                self.now = start + after + one.late
                inputs.append((what(self, one, self.now), self.now))
            yield name, inputs
        self.now += APART_MS

    def _parcels(self, count: int) -> list[Parcel]:
        """The next so many, in turns over the lines."""
        lines, numbers = list(self.floor.lines), itertools.islice(self._numbers, count)
        return [
            Parcel(lines[number % len(lines)], number, code_of(number)[0].decode(), place * APART_MS)
            for place, number in enumerate(numbers)
        ]

    def _fill(self) -> None:
        """Items whose code is not advised wait behind their decision points."""
        staying = {name: step for name, step in LIFE.items() if name != "DIVC"}
        for first in range(0, self.size.open, BATCH):
            for _, inputs in self._steps(self._parcels(min(BATCH, self.size.open - first)), staying):
                self.take(inputs)

    def take(self, inputs: list[tuple[Input, float]]) -> None:
        """All these steps, and the question after each when the floor wants to be woken."""
        floor, look = self.floor, self.look
        for what, now in inputs:
            due = floor.next_at()
            if due is not None and due <= now:
                floor.step(Tick(), now, look)
            floor.step(what, now, look)

    def _said(self, what: Input) -> None:
        self.floor.step(what, self.now, self.look)


def _written(folder: Path, size: Size) -> Path:
    names = [f"S{number:03}" for number in range(1, size.lines + 1)]
    index = "index_digits = 6" if size.match == "index" else ""
    text = HEAD
    for port, line in enumerate(names, 2000):
        places = {"tunnel": TUNNEL_MM, "decision": DECISION_MM}
        text += LINE.format(line=line, port=port, number=port - 1999, match=size.match, index=index, **places)
        text += "".join(
            LANE.format(line=line, lane=lane, position=GATES_MM + 1000 * lane) for lane in range(1, size.lanes + 1)
        )
        text += DEFAULT.format(line=line)
    rules = "".join(
        RULE.format(country=COUNTRIES[number % 4], postcode=f"1{size.rules - number - 1:05}"[: 3 + number % 3])
        for number in range(size.rules - 4)
    )
    rules += "".join(f'[[rule]]\ncountry = "{country}"\ndestination = "D{country}"\n' for country in COUNTRIES)
    waves = ""
    for place, country in enumerate(COUNTRIES, 1):
        waves += f"D{country} = {json.dumps([f'{line}-L{lane}' for line in names for lane in (place, place + 4)])}\n"
    out = json.dumps([f"{line}-EX" for line in names])
    special = "".join(f'{what} = "OUT"\n' for what in ("held", "unknown", "no_read", "overflow"))
    (folder / "plan.toml").write_text(
        f'plan = "day"\nversion = "1"\nwave = "w1"\n{rules}[special]\n{special}[waves.w1]\n{waves}OUT = {out}\n'
    )
    path = folder / "floor.toml"
    path.write_text(text)
    return path


def main() -> None:
    """What is counted: the counts of each kind of step, and before each of what makes its inputs."""
    gc.disable()
    grounds = [(Ground(Size()), LIFE), (Ground(Size(match="index")), WAITING)]
    for ground, life in grounds:
        for number in range(COUNTED_BATCHES + 1):
            for name, inputs in ground.ride(life):
                os.getppid()
                ground.take(inputs)
                os.getppid()
                if number:  # the first batch is not counted: it imports what is imported by need
                    print(name, len(inputs), flush=True)
                else:
                    print("-", len(inputs), flush=True)


if __name__ == "__main__":
    main()
