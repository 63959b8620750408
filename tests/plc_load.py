"""python -m tests.plc_load: how many parcels an hour one line's wire carries before answers come late.

The real driver, alone or in the whole Node, and the PLC stub with nothing but the wire between them (`line_load`). Each
parcel is one ARRV with `left` = 1,300 ms, one DEST with two lanes, one DIVC. The rate is raised until a destination is
at the PLC later than 50 ms before `left` is over, or the PLC's events pile up.

The limit that a rate is compared with is arithmetic: what no controller could better.

Telegrams (PLC interface v1 §3), full duplex, 10 bits a character. A telegram is its body and 31 characters: STX, header
25, crc 4, ETX. ARRV without codes 54 + 31 = 85, DIVC 50 + 31 = 81, DEST with two lanes 53 + 31 = 84; the controller's A
with its durable number 6 + 31 = 37, the PLC's A 31. Up go ARRV, DIVC and the A of DEST: 197; down go DEST and two A:
158. But a direction has one unanswered request at a time (§2, rule 1): the PLC's next event leaves when the answer to
the last one is there. So neither direction is the bottleneck but the PLC's dialogue across both: ARRV 85, its A 37,
DIVC 81, its A 37, one after the other, are 240 characters a parcel. The rest (DEST 84 down, its A 31 up) fits beside it
while the other direction speaks: 240 is what a perfect controller needs, and no less is possible.

Modbus RTU (§4), half duplex, 11 bits a character. A read is 8 characters and an answer of 5 + 2 a register, a write 9 +
2 a register and an answer of 8; after each of both 3.5 characters of silence, at least 1.75 ms. A request takes at most
7 records of 16 registers. If every one were full, two records read and one written would be 2/7 and 1/7 of a request a
parcel. Finding out that there is something to read (polls), saying that a command is there and fetching its result come
on top, and full requests want parcels that wait for each other: this limit cannot be reached, and no share is asked.

JSON over MQTT (§5): one unanswered request at a time again. ARRV and DIVC wait for their answers, each for two ways
over the broker; the broker's time is all that counts.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from tests.line_load import LEFT_MS, TRIP_MS, Alone, Controller, Kind, Line, Whole

DIALOGUE = 85 + 37 + 81 + 37
RECORDS, RECORD = 7, 16
PAUSE_CHARS, LEAST_PAUSE_MS = 3.5, 1.75
WANTED = 0.85
SYNC_MS = 5000.0
PARCELS = 5_000
"""Of a trial: a rate 1 % too high leaves 50 more events waiting in its second half."""
PILED_UP = 10
"""Events: so many more that wait at the end of a trial than at its half are no accident."""
KINDS = (
    Kind("telegram", 9_600),
    Kind("telegram", 115_200),
    Kind("modbus", 9_600, 11),
    Kind("modbus", 115_200, 11),
    Kind("mqtt_json", 0),
)
CONTROLLERS: dict[str, Callable[[Kind], Controller]] = {"driver": Alone, "node": Whole}


def limit(kind: Kind) -> float:
    """Parcels an hour that the wire can carry at most."""
    if kind.encoding == "telegram":
        return 3_600_000 / (DIALOGUE * kind.char_ms)
    if kind.encoding == "mqtt_json":
        return 3_600_000 / (4 * TRIP_MS)
    pauses = 2 * max(PAUSE_CHARS * kind.char_ms, LEAST_PAUSE_MS)
    data = 2 * RECORD * RECORDS
    read, written = ((8 + 5 + data) * kind.char_ms + pauses, (9 + data + 8) * kind.char_ms + pauses)
    return 3_600_000 * RECORDS / (2 * read + written)


def carries(kind: Kind, controller: str, per_hour: float, parcels: int) -> bool:
    """Whether each of so many parcels gets its destination in time at this rate, and nothing piles up."""
    line, half = Line(kind, CONTROLLERS[controller](kind)), 0
    line.run(SYNC_MS)
    for number in range(parcels):
        line.run(SYNC_MS + number * 3_600_000 / per_hour)
        if line.late:
            return False
        if number == parcels // 2:
            half = line.waiting
        line.arrive()
    if line.waiting > half + PILED_UP:
        return False
    line.run(line.now + 4 * LEFT_MS)
    return not line.late and line.left == parcels and not line.waiting


def most(kind: Kind, controller: str, parcels: int) -> float:
    """Parcels an hour, to 1 % of the wire's limit. What is carried is carried at every lower rate, too."""
    low, high, step = 0, 101, limit(kind) / 100
    while high - low > 1:
        middle = (low + high) // 2
        if carries(kind, controller, middle * step, parcels):
            low = middle
        else:
            high = middle
    return low * step


def main() -> int:
    """0 when telegrams reach their share."""
    parser = argparse.ArgumentParser(prog="python -m tests.plc_load", description=__doc__.partition("\n")[0])
    parser.add_argument("--parcels", type=int, default=PARCELS, help="of each trial, at least 100")
    wanted = parser.parse_args()
    if wanted.parcels < 100:
        parser.error(f"--parcels {wanted.parcels}: give 100 or more")
    print(f"{'encoding':<10} {'baud':>8} {'controller':<10} {'parcels/h':>10} {'limit':>10} {'share':>6}")
    reached = True
    for kind in KINDS:
        for controller in CONTROLLERS:
            found = most(kind, controller, wanted.parcels)
            share = found / limit(kind)
            reached = reached and (kind.encoding != "telegram" or share >= WANTED)
            row = f"{found:>10,.0f} {limit(kind):>10,.0f} {share:>6.0%}"
            print(f"{kind.encoding:<10} {kind.baud or '-':>8} {controller:<10} {row}", flush=True)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
