"""A running floor in the hands of who operates it: what can be seen, and what can be done. No I/O; clocks are given."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypedDict

from firmware_stubs.api import views
from firmware_stubs.api.asked import RefusedError, meant
from firmware_stubs.api.watch import Watch
from firmware_stubs.drills import find
from firmware_stubs.drills.room import NoDrillError, Room
from firmware_stubs.faults.engine import Engine
from firmware_stubs.faults.kind import FaultError
from firmware_stubs.faults.registry import FAULTS, check_kind
from firmware_stubs.floor_file import Floor
from firmware_stubs.manifest import parse
from firmware_stubs.world import World
from firmware_stubs.world_clock import WorldClock

FRESH_MS = 100.0
"""So old a state may be; it is not made anew before."""
WAITING_MOST = 10_000
STEP_MS = 100.0
_LONGEST_STEP_MS = 60_000.0


class _Wishes(TypedDict):
    for_s: float | None
    count: int | None


@dataclass(frozen=True, slots=True)
class Run:
    """A running floor as its operator needs it."""

    floor: Floor
    world: World
    clock: WorldClock
    watch: Watch
    links: Callable[[], Mapping[str, str]]  # by stub: what the other side opens
    utc_offset_ms: float  # UTC minus the machine's clock
    turn: Callable[[], None]  # let everything go on, after something was done
    stop: Callable[[], None]
    stopping: Callable[[], bool]
    engine: Engine
    room: Room


class Interface(Protocol):
    """Somebody outside who watches and operates a run: the HTTP server."""

    async def start(self, run: Run) -> None:
        """From now on."""

    async def close(self) -> None:
        """The run is over."""


class Operator:
    """Everything that the interface offers, as plain objects."""

    def __init__(self, run: Run, files: Sequence[Path]) -> None:
        self.watch = run.watch
        self._run = run
        self._files = files
        self._made: tuple[float, bytes] | None = None  # the state, and when it was made

    @property
    def stubs(self) -> list[str]:
        """Their names."""
        return list(self.watch.talks)

    def floor(self) -> dict[str, Any]:
        """What does not change."""
        title = ", ".join(path.stem for path in self._files)
        return views.floor_view(self._run.floor, title, map(str, self._files), self._run.links())

    def state(self) -> dict[str, Any]:
        """What is so now. `t`: the world's clock, which stands while it is paused; `stood_ms`: how long it stood in all
        (t + stood_ms is CLOCK_MONOTONIC, the time of ledger and wires)."""
        run, clock = self._run, self._run.clock
        now = clock.now()
        return {
            "t": round(now, 3),
            "stood_ms": round(clock.lag(), 3),
            "utc_ms": round(clock.machine() + run.utc_offset_ms),
            "paused": clock.stands,
            **views.state_view(run.floor, run.world, run.watch, self._standing(), now),
        }

    def state_json(self) -> bytes:
        """The state, not older than 100 ms; made at most ten times a second, however many ask."""
        at = self._run.clock.machine()
        if self._made is None or at - self._made[0] >= FRESH_MS:
            self._made = at, json.dumps(self.state()).encode()
        return self._made[1]

    def time(self, do: str, ms: float | None) -> float:
        """Pause, resume, or step: the world's clock goes on for so many ms. How long the step takes, in ms."""
        clock = self._run.clock
        if do != "step" and ms is not None:
            raise RefusedError(f"ms goes with step, not with {do}: leave it out")
        ms = STEP_MS if ms is None else ms
        if not 0 < ms <= _LONGEST_STEP_MS:
            raise RefusedError(f"ms must be above 0 and at most {_LONGEST_STEP_MS:g}, not {ms}")
        if do == "pause":
            clock.pause()
        elif do == "resume":
            clock.resume()
        elif do == "step":
            clock.step(ms)
        else:
            raise RefusedError(f'do must be "pause", "resume" or "step", not {do!r}')
        self._changed()
        return ms if do == "step" else 0.0

    def stepped(self) -> None:
        """A step's time is over."""
        self._changed()

    def parcels(self, text: bytes) -> int:
        """Manifest objects, one a line: all of them wait at their inductions and points, or none does. How many."""
        run = self._run
        if run.stopping():
            raise RefusedError("the run is stopping: nothing comes onto its belts any more", 409)
        found, places = [], run.floor.places()
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            try:
                found.append(parse(json.loads(line), places))
            except (ValueError, RecursionError) as error:
                raise RefusedError(f"line {number}: {error}; no parcel of this request is taken") from error
        if run.world.waiting + len(found) > WAITING_MOST:
            raise RefusedError(
                f"{run.world.waiting} parcels wait already and at most {WAITING_MOST} can; give these later", 409
            )
        for parcel in found:
            run.world.add(parcel, run.clock.now())
        self._changed()
        return len(found)

    def faults(self) -> dict[str, Any]:
        """What faults there are, and which stand; those of a drill are not shown."""
        return {"kinds": [kind.described() for kind in FAULTS.values()], "standing": self._standing()}

    def strike(
        self, fault: str, target: str, for_s: float | None, count: int | None, settings: Mapping[str, Any]
    ) -> str:
        """A fault begins; its id."""
        run, wishes = self._run, _Wishes(for_s=for_s, count=count)
        if run.room.runs(run.clock.now()):  # what is refused there would tell what is hidden
            raise RefusedError("a drill runs, and nothing more is broken meanwhile; give up first", 409)
        try:
            check_kind(fault, settings=settings, **wishes)
            return run.engine.strike(fault, target, now=run.clock.now(), by="interface", **wishes, **settings)
        except FaultError as error:
            raise RefusedError(str(error)) from error
        finally:
            self._changed()

    def end_faults(self, id: str | None = None) -> list[str]:
        """A fault ends, or (None) all that stand; which."""
        ids = [one["id"] for one in self._standing()]
        if id is not None and id not in ids:
            raise RefusedError(f"no fault {id!r} stands{meant(id, ids)}", 404)
        ended = ids if id is None else [id]
        for one in ended:
            self._run.engine.end(one, self._run.clock.now())
        self._changed()
        return ended

    def drill(self, do: str, wish: Mapping[str, Any]) -> dict[str, Any]:
        """`start` a drill, `answer` with a fault and its target, `hint`, `give_up`; `status`: where it stands."""
        room, now = self._run.room, self._run.clock.now()
        try:
            if do == "start":
                return room.start(find(wish["drill"]), now)
            if do == "answer":
                _known(wish["fault"])
                return room.answer(wish["fault"], wish["target"], now)
            return {"hint": room.hint, "give_up": room.give_up, "status": room.told}[do](now)
        except NoDrillError as error:
            raise RefusedError(str(error), 409) from error
        except ValueError as error:
            raise RefusedError(str(error)) from error
        finally:
            self._changed()

    def _standing(self) -> list[dict[str, Any]]:
        standing = map(dataclasses.asdict, self._run.engine.standing(self._run.clock.now()))
        return [one | {key: round(one[key], 3) for key in ("since", "left_ms")} for one in standing]

    def stop(self) -> None:
        """As Ctrl-C: no more parcels, the belts run empty, the run ends; the second time it ends at once."""
        self._run.stop()
        self._changed()

    def _changed(self) -> None:
        self._made = None
        self._run.turn()


def _known(fault: str) -> None:
    """A diagnosis names a kind of fault. Raises FaultError."""
    try:
        check_kind(fault, for_s=None, count=None, settings={})
    except FaultError as error:
        end = "" if str(error).endswith("?") else ";"
        raise FaultError(f"{error}{end} floorsim fault --list explains them") from error
