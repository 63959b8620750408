"""python -m tests.plc_load: how many parcels an hour one telegram line carries before answers come late.

The real driver and the PLC stub with nothing but the wire between them: 10 bits a character, both directions at once.
Each parcel is one ARRV with `left` = 1,300 ms, one DEST with two lanes, one DIVC. The rate is raised until a
destination is at the PLC too late, or does not leave at all.

The arithmetic limit: a direction has one unanswered request at a time (PLC interface v1 §2, rule 1). So the PLC's own
requests follow each other, and each waits for its answer: ARRV 85 characters, its A 37, DIVC 81, its A 37. Everything
else (DEST 84 and its A 31) fits into the other direction meanwhile: no rate is possible beyond one parcel every 240
characters, whatever the controller does. Neither side needs time to think in it, and nothing waits for its turn.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from collections.abc import Iterator
from itertools import count

from devices.plcs.telegram import Driver, Settings
from devices.types import Arrived, Destination, Kept
from firmware_stubs.bad_line import BadLine, Faults
from firmware_stubs.plcs.telegram import Geometry, Plc
from firmware_stubs.plcs.telegram import Settings as PlcSettings

CHARACTERS = 85 + 37 + 81 + 37
BITS = 10
LEFT_MS, RESERVE_MS = 1300, 50
SPEED = 20_000
"""mm/s: fast enough to keep the items of any rate apart."""
GATE_MM = (LEFT_MS + RESERVE_MS) * SPEED // 1000
DISK_MS = 5.0
WANTED = 0.85
LINE = Geometry(
    points={"DEC": 0},
    inductions=("DEC",),
    decisions=("DEC",),
    lanes={"L01": GATE_MM, "L02": GATE_MM + 4000, "EX": GATE_MM + 8000},
    default_lane="EX",
    speed_mm_s=SPEED,
    length_mm=GATE_MM + 9000,
)


def limit(baud: int) -> float:
    """Parcels an hour that the wire can carry at most."""
    return 3_600_000 / (CHARACTERS * BITS * 1000 / baud)


class Line:
    """A driver, a PLC and their cable in virtual time."""

    def __init__(self, baud: int) -> None:
        self.now = 0.0
        self.plc = Plc(PlcSettings(plc="PLC1", controller="HUB", baud=baud, late_ms=RESERVE_MS), LINE, 1, 0.0)
        self.driver = Driver(Settings(baud=baud))
        self._up, self._down = BadLine(Faults(), 1, baud), BadLine(Faults(), 2, baud)
        self._confirms: list[tuple[float, tuple[int, int]]] = []
        self.decide_by: dict[int, float] = {}
        """track -> until when its destination must be at the PLC"""
        self.left = 0
        self.driver.opened(0.0, Kept())

    def run(self, until: float) -> None:
        """Everything that happens until then."""
        while True:
            self._exchange()
            due = min((at for at in self._dues() if at is not None), default=until)
            if due > until:
                self.now = until
                return
            self.now = max(self.now, due)

    def _dues(self) -> Iterator[float | None]:
        yield from (self.plc.next_at(), self.driver.next_at(), self._up.next_at(), self._down.next_at())
        yield self._confirms[0][0] if self._confirms else None

    def _exchange(self) -> None:
        now, driver, plc = self.now, self.driver, self.plc
        plc.tick(now)
        for fired in plc.gates(now):
            plc.lane_eye(fired.lane, now)
            self.left += 1
        if data := self._down.take(now):
            plc.feed(data, now)
        said = plc.take()
        assert isinstance(said, bytes)
        self._up.feed(said, now)
        data = self._up.take(now)
        for item in [*(driver.feed(data, now) if data else ()), *driver.tick(now)]:
            if isinstance(item, Arrived):
                assert item.edge is not None
                self.decide_by[item.track] = item.edge + item.left
                dest = Destination(item.point, item.track, 1, "PLAN", ("L01", "L02"))
                driver.send(dest, now, item.edge + item.left)
            token = getattr(item, "token", None)
            if token is not None:
                heapq.heappush(self._confirms, (now + DISK_MS, token))
        while self._confirms and self._confirms[0][0] <= now:
            driver.confirm(heapq.heappop(self._confirms)[1], now)
        self._down.feed(driver.take(), now)


def carries(baud: int, per_hour: float, seconds: float) -> bool:
    """Whether every parcel gets its destination in time, at this rate for so long."""
    line = Line(baud)
    line.run(3000.0)
    assert line.plc.in_session
    parcels, begin = round(seconds * per_hour / 3600), line.now
    for number in range(parcels):
        line.run(begin + number * 3_600_000 / per_hour)
        line.plc.edge("DEC", 300, line.now)
    line.run(line.now + 4 * LEFT_MS)
    obeyed = [one for one in line.plc.taken() if one.refusal is None]
    return len(obeyed) == parcels and line.left == parcels


def most(baud: int, seconds: float = 60.0) -> float:
    """Parcels an hour, to 1 % of the wire's limit."""
    step = limit(baud) / 100
    low = next(percent for percent in count(100, -1) if carries(baud, percent * step, seconds))
    return low * step


def main() -> int:
    """0 when every speed reaches its share."""
    parser = argparse.ArgumentParser(prog="python -m tests.plc_load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each trial")
    wanted = parser.parse_args()
    print(f"{'baud':>8} {'parcels/h':>10} {'limit':>10} {'share':>6}")
    shares = []
    for baud in (9_600, 115_200):
        found = most(baud, wanted.seconds)
        shares.append(found / limit(baud))
        print(f"{baud:>8} {found:>10.0f} {limit(baud):>10.0f} {shares[-1]:>6.0%}")
    return 0 if min(shares) >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
