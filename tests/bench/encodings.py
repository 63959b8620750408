"""What PLCs in the three encodings cost: CPU a parcel through the whole Node, and parcels an hour that a wire carries.

Virtual time, the PLC stub at the other end of the wire (tests/line_load.py); nothing else is there. The stub's own CPU
is in the figure, so ratios are to telegrams with the same stub logic behind them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from tests.bench.figures import Figure, Options
from tests.line_load import LEFT_MS, Kind, Line, Whole
from tests.plc_load import SYNC_MS, limit, most

KINDS = {
    "telegram": Kind("telegram", 115_200),
    "Modbus RTU": Kind("modbus", 115_200, 11),
    "MQTT JSON": Kind("mqtt_json", 0),
}
PER_HOUR = 3600.0
"""Of one line: a parcel a second, what a PLC's belt can do at most without a break."""


def measure(options: Options) -> Iterable[Figure]:
    """See the module."""
    parcels = 200 if options.quick else 1000
    rounds = [{name: _cpu_us(kind, parcels) for name, kind in KINDS.items()} for _ in range(options.rounds)]
    for name in KINDS:
        yield Figure(f"{name}: CPU a parcel, Node and stub", "µs", tuple(times[name] for times in rounds))
    for name in list(KINDS)[1:]:
        ratios = tuple(times[name] / times["telegram"] for times in rounds)
        yield Figure(f"{name} / telegram", "x", ratios)
    for name, kind in KINDS.items():
        found = most(kind, "node", 300 if options.quick else 1000)
        yield Figure(
            f"{name}, parcels an hour on one line", "1/h", (found,), note=f"{found / limit(kind):.0%} of the wire"
        )


def _cpu_us(kind: Kind, parcels: int) -> float:
    line = Line(kind, Whole(kind))
    line.run(SYNC_MS)
    began = time.process_time()
    for number in range(parcels):
        line.run(SYNC_MS + number * 3_600_000 / PER_HOUR)
        line.arrive()
    line.run(line.now + 4 * LEFT_MS)
    if line.left != parcels:
        raise RuntimeError(f"{kind.encoding}: {line.left} of {parcels} parcels have left")
    return (time.process_time() - began) / parcels * 1e6
