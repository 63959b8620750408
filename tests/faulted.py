"""A small floor with a daemon in virtual time, parcels that come all the time, and an engine of faults."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from controller.config import Config
from controller.plan import Plan
from controller.plans import load_floor
from firmware_stubs import floor_file
from firmware_stubs.cables import Cables
from firmware_stubs.faults.engine import Engine
from firmware_stubs.floor_file import Floor
from firmware_stubs.lockstep import Lockstep
from firmware_stubs.rides import Parcel
from firmware_stubs.world import World
from tests.rehearsed import NOW, UTC_MS, Published, Rehearsed

PLCS = {
    "telegram": ('link = "{}"\nplc = "PL01"\n', 'controller = "HUB"\n'),
    "modbus": (
        'link = "{}"\nnumbers = { S1-IND = 2, S1-T1 = 3, S1-DEC = 4, S1-L1 = 5, S1-L2 = 6, S1-BOND = 7, S1-EX = 8 }\n',
        "",
    ),
    "mqtt_json": ('link = "mqtt://127.0.0.1:1"\nbase = "floor/S1"\n', ""),
}
"""kind -> what floord and the stub are told, and what only the stub is"""

FLOOR = """\
site = "lgg"
node = "n1"
mode = "simulated"
state_dir = "state"
plan = "plan.toml"
[broker]
url = "mqtt://127.0.0.1:1"
[customs]
feed = false
[line.S1]
kind = "line"
speed_mm_s = 2000
length_mm = 10000
default_lane = "S1-EX"
[point.S1-IND]
line = "S1"
position_mm = 0
induction = true
[point.S1-T1]
line = "S1"
position_mm = 1200
[point.S1-DEC]
line = "S1"
position_mm = 2000
decision = true
[point.DOCK]
kind = "presence"
[lane.S1-L1]
line = "S1"
position_mm = 5000
[lane.S1-L2]
line = "S1"
position_mm = 6500
[lane.S1-BOND]
line = "S1"
position_mm = 8000
supervised = true
[lane.S1-EX]
line = "S1"
position_mm = 9500
roles = ["exception", "overflow"]
supervised = true
[induction.S1]
point = "S1-IND"
gap_mm = 200
rate_per_s = 1.5
[scanner.tunnel-1]
kind = "sick_cola"
link = "tcp://127.0.0.1:2111"
point = "S1-T1"
window_mm = 120
heartbeat = "HB"
heartbeat_s = 3
[stub.tunnel-1]
kind = "sick_cola"
link = "tcp-listen://127.0.0.1:2111"
point = "S1-T1"
heartbeat = "HB"
heartbeat_s = 1
boot_ms = 1000
[plc.plc-1]
kind = "PLC"
line = "S1"
HOST[stub.plc-1]
kind = "PLC"
line = "S1"
STUB"""

PLAN = """\
plan = "day"
version = "1"
wave = "w1"
[[rule]]
country = "FR"
destination = "FRANCE"
[[rule]]
destination = "REST"
[special]
held = "BOND"
unknown = "EXCEPTION"
no_read = "EXCEPTION"
overflow = "EXCEPTION"
[waves.w1]
FRANCE = ["S1-L1", "S1-L2"]
REST = ["S1-L2", "S1-L1"]
BOND = ["S1-BOND", "S1-EX"]
EXCEPTION = ["S1-EX"]
"""

PARCELS = 100
PARCELS_AFTER_S = 1.0
"""The daemon is there before them."""


def write(folder: Path, plc: str = "telegram") -> Path:
    """The files of the floor; `plc`: one of `PLCS`."""
    both, stub = PLCS[plc]
    host = both.replace("{}", "tcp://127.0.0.1:2000")
    there = both.replace("{}", "tcp-listen://127.0.0.1:2000") + stub
    (folder / "plan.toml").write_text(PLAN)
    path = folder / "floor.toml"
    path.write_text(FLOOR.replace('"PLC"', f'"{plc}"').replace("HOST", host).replace("STUB", there))
    return path


@cache
def loaded(plc: str) -> tuple[Config, Mapping[str, Plan], Floor]:
    """The floor with this PLC as both sides read it, once."""
    with TemporaryDirectory() as folder:
        path = write(Path(folder), plc)
        return *load_floor(path), floor_file.load(path)


class Faulted:
    """Parcels are advised and come after `PARCELS_AFTER_S`: every second one for France. A container stands at L2."""

    def __init__(self, plc: str = "telegram", seed: int = 1) -> None:
        config, plans, floor = loaded(plc)
        self.heard = Published()
        self.ledger: list[dict[str, Any]] = []
        self.daemon = Rehearsed(config, plans, seed=seed)
        self.world = World(floor, self.ledger.append, seed=seed, now=NOW, utc_offset_ms=UTC_MS - NOW)
        on_broker = ["plc-1"] if plc == "mqtt_json" else []
        self.cables = Cables(self.world.stubs, on_broker, seed=seed)
        wires = floor.wires()
        self.lockstep = Lockstep(self.world, wires, [self.daemon], now=NOW, cables=self.cables, listener=self.heard)
        self.engine = Engine(self.world, self.cables, self.lockstep, self.ledger.append, seed)
        self.lockstep.engine = self.engine
        advice = []
        for number in range(PARCELS):
            name = f"P{number:03}"
            advice.append({"parcel": name, "aliases": [f"C{name}"], "country": "FR" if number % 2 else "DE"})
            advice[-1]["customs"] = "none"
            self.world.add(Parcel(name, "S1", (f"C{name}".encode(),), 300, 900), NOW)
        for start in range(0, PARCELS, 50):
            self.daemon.message("hub/v1/lgg/advice", json.dumps(advice[start : start + 50]).encode(), NOW)
        self.world.container("S1-L2", "CAGE-1", NOW)
        self.run(PARCELS_AFTER_S)
        self.world.release(self.now)

    def run(self, seconds: float) -> None:
        """So long from now on."""
        self.lockstep.run(self.now + seconds * 1000)

    @property
    def now(self) -> float:
        return self.lockstep.now

    def events(self, since: float) -> list[tuple[float, str, dict[str, Any]]]:
        """Time in s after `since`, name and data of what was published since then."""
        return [
            ((at - since) / 1000, topic.split("/event/")[1], json.loads(payload)["data"])
            for at, topic, payload, _ in self.heard.all
            if at >= since and "/event/" in topic
        ]

    def state(self, subject: str) -> dict[str, Any]:
        """What the broker keeps of a subject."""
        kept = [payload for _, topic, payload, _ in self.heard.all if topic.endswith(f"/state/{subject}")]
        found: dict[str, Any] = json.loads(kept[-1])
        return found

    @property
    def alarms(self) -> dict[str, str]:
        """What `floord status` says that stands."""
        return self.daemon.node.alarms
