"""A simulator for the view: a floor, its state and its wires as data, and the interface on a unix socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tests import transcripts

T = 500_000.0
UTC = 1_764_176_400_000.0  # 17:00:00
SPEED = 2500


def plant(lines: int = 2, files: tuple[str, ...] = ()) -> dict[str, Any]:
    """Lines as the demo has them: eight lanes on 24 m."""
    names = [f"S{number}" for number in range(1, lines + 1)]
    stubs = {}
    for number, name in enumerate(names, 1):
        stubs[f"plc-{number}"] = _stub("telegram", "plc", name)
        stubs[f"tunnel-{number}"] = _stub("sick_cola", "scanner", f"{name}-T1")
    return {
        "title": "two lines" if lines == 2 else f"{lines} lines",
        "files": list(files),
        "lines": {name: _line(name) for name in names},
        "points": {},
        "stubs": stubs,
    }


def _stub(kind: str, family: str, place: str) -> dict[str, Any]:
    return {"kind": kind, "family": family, "link": "pty://x", "where": "serial://x", "place": place}


def _line(name: str) -> dict[str, Any]:
    lanes = {f"{name}-L{lane:02}": _lane(5000 + 2000 * lane, 40 if lane == 3 else None) for lane in range(1, 7)}
    lanes |= {f"{name}-BOND": _lane(20_000, None, True), f"{name}-EX": _lane(22_000, None, True)}
    points = {
        f"{name}-IND": {"mm": 0, "induction": True, "decision": False},
        f"{name}-T1": {"mm": 1200, "induction": False, "decision": False},
        f"{name}-DEC": {"mm": 2000, "induction": False, "decision": True},
    }
    return {
        "kind": "line",
        "length_mm": 24_000,
        "speed_mm_s": SPEED,
        "carriers": 0,
        "points": points,
        "lanes": lanes,
        "default_lane": f"{name}-EX",
        "inductions": {},
    }


def _lane(mm: int, capacity: int | None, supervised: bool = False) -> dict[str, Any]:
    return {"mm": mm, "capacity": capacity, "supervised": supervised, "leads_to": None}


def loop() -> dict[str, Any]:
    """A loop of 400 m with 666 carriers, 4 inductions and 120 chutes."""
    lanes = {f"L1-C{lane:03}": _lane(20_000 + 3000 * lane, 30) for lane in range(120)}
    lanes["L1-EX"] = _lane(395_000, None, True)
    points = {f"L1-I{at}": {"mm": 4000 * at, "induction": True, "decision": False} for at in range(1, 5)} | {
        "L1-T1": {"mm": 18_000, "induction": False, "decision": True}
    }
    line = {
        "kind": "loop",
        "length_mm": 400_000,
        "speed_mm_s": SPEED,
        "carriers": 666,
        "points": points,
        "lanes": lanes,
        "default_lane": "L1-EX",
    }
    stubs = {"plc-1": _stub("telegram", "plc", "L1"), "tunnel-1": _stub("sick_cola", "scanner", "L1-T1")}
    return {"title": "loop-400", "files": [], "lines": {"L1": line}, "points": {}, "stubs": stubs}


def state(floor: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """That floor, running; every belt carries a parcel each 2.6 m."""
    lines, lanes = {}, {}
    for name, line in floor["lines"].items():
        gates = list(line["lanes"])
        places = range(300, int(line["length_mm"]), 2600 if line["kind"] == "line" else 900)
        parcels = [
            [mm, 300, f"P{name}{number:06}", None if mm < 2000 else gates[number * 5 % len(gates)], 1]
            for number, mm in enumerate(places)
        ]
        parcels = [one for one in parcels if one[3] is None or line["lanes"][one[3]]["mm"] > one[0]]
        lines[name] = {"speed_mm_s": line["speed_mm_s"], "state": "run", "parcels": parcels, "waiting": 2}
        for number, lane in enumerate(gates):
            taken = number * 7 % (line["lanes"][lane]["capacity"] or 30)
            lanes[lane] = {"state": "FREE", "taken": taken, "drops": number * 7 % 30, "container": None}
    stubs = {
        name: {"light": "ok", "why": "", "in_session": True, "said": 4120, "heard": 3980, "age_ms": 210}
        for name in floor["stubs"]
    }
    counts = {"inducted": 412, "in_lanes": 391, "on_belts": 17, "not_inducted": 4}
    now = {"t": T, "stood_ms": 0, "utc_ms": UTC, "paused": False, "counts": counts, "per_hour": 4980}
    return {**now, "lines": lines, "lanes": lanes, "stubs": stubs, "faults": [], **changes}


def standing(id_: str, fault: str, target: str, left_ms: float = 24_000, left: int | None = None) -> dict[str, Any]:
    """A fault that stands, as the interface tells it."""
    what = {"id": id_, "fault": fault, "target": target, "since": T, "left_ms": left_ms, "left": left}
    return {**what, "by": "key", "hidden": False}


def kind(name: str, on: str, target: str, **more: Any) -> dict[str, Any]:
    """A kind of fault."""
    facts = {"name": name, "on": on, "target": target, "settings": {}, "for_s": 60.0}
    return {**facts, "what": f"what {name} is", "shows": f"what floord shows of {name}", **more}


KINDS = [
    kind("unplug", "cable", "stub", what="the cable is pulled", shows="device/offline, device/online"),
    kind("loss", "cable", "stub", settings={"rate": 0.1}),
    kind("no_read", "device", "reader", what="the reader finds no code", shows="alarm of the reader's health"),
    kind("wrong_read", "device", "reader", count=3),
    kind("eye_stuck", "device", "point", what="the eye sees something all the time", shows="line/jammed"),
    kind("jam", "belt", "line", for_s=20.0, what="a line jams", shows="line/jammed, line/started"),
    kind("estop", "belt", "line", for_s=20.0, what="the emergency stop is pressed", shows="line/estop"),
    kind("lane_full", "belt", "lane", what="the eye of a chute says full", shows="lane/full, lane/free"),
]

_TELEGRAMS = [one.raw for one in transcripts.read("telegram")[8:12]]  # ARRV, DEST and the answers to both
_READ = b"\x02RB123456785GB\x03"
_TALK: list[tuple[float, str, str, bytes]] = [
    (-980, "tunnel-1", "device", _READ),
    (-700, "plc-1", "device", _TELEGRAMS[0]),
    (-699, "plc-1", "host", _TELEGRAMS[2]),
    (-697, "plc-1", "host", _TELEGRAMS[1]),
    (-688, "plc-1", "device", _TELEGRAMS[3]),
    (-500, "plc-1", "device", _TELEGRAMS[3].replace(b"A", b"B", 1)),
]
WIRE = [{"t": T + at, "stub": stub, "from": side, "hex": data.hex()} for at, stub, side, data in _TALK]
"""A parcel is read and decided upon; then an answer arrives damaged."""


@dataclass
class FakeSimulator:
    """What the interface serves, and what it was asked."""

    floor: dict[str, Any]
    state: dict[str, Any]
    kinds: list[dict[str, Any]] = field(default_factory=lambda: list(KINDS))
    wire: list[dict[str, Any]] = field(default_factory=lambda: list(WIRE))
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    refusal: str = ""
    over: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, state: dict[str, Any]) -> None:
        """From now on that."""
        self.state = state
        self.changed.set()

    async def _floor(self, request: web.Request) -> web.Response:
        return web.json_response(self.floor)

    async def _faults(self, request: web.Request) -> web.Response:
        return web.json_response({"kinds": self.kinds, "standing": self.state["faults"]})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        assert set(request.query) <= {"state", "wire", "ledger", "stub"}
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in self.wire:
            await response.write(json.dumps({"wire": piece}).encode() + b"\n")
        while not self.over:
            self.changed.clear()
            await response.write(json.dumps({"state": self.state}).encode() + b"\n")
            await self.changed.wait()
        return response

    async def _do(self, request: web.Request) -> web.Response:
        body: Any = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path, body))
        if self.refusal:
            return web.json_response({"error": self.refusal}, status=409)
        if request.method == "DELETE":
            return web.Response(status=204)
        if request.path == "/v1/time":
            self.show({**self.state, "paused": body["do"] != "resume"})
            return web.json_response(self.state)
        stands = standing("7", body["fault"], body["target"], 1000 * body.get("for_s", 60.0), body.get("count"))
        self.show({**self.state, "faults": [*self.state["faults"], stands]})
        return web.json_response({"id": "7"}, status=201)

    @asynccontextmanager
    async def serving(self, path: Path) -> AsyncIterator[None]:
        """On this socket."""
        self.over = False
        app = web.Application()
        routes = [web.get("/v1/floor", self._floor), web.get("/v1/faults", self._faults)]
        routes += [
            web.get("/v1/stream", self._stream),
            web.post("/v1/faults", self._do),
            web.post("/v1/time", self._do),
        ]
        routes += [web.delete("/v1/faults", self._do), web.delete("/v1/faults/{id}", self._do)]
        app.add_routes(routes)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handle_signals=False)
        await runner.setup()
        await web.UnixSite(runner, str(path)).start()
        try:
            yield
        finally:
            self.over = True
            self.changed.set()
            await runner.cleanup()
