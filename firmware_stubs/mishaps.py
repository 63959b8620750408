"""What people and bad luck do to a simulated floor, each as one method; the ledger tells every one as a `mishap`.

All are deterministic. What waits for a parcel (a gate that fails, an eye that bounces, a reader's error) is told again
as `struck` when it happens. Whatever names something that is not there raises `NotThereError`, a ValueError.
"""

from __future__ import annotations

from firmware_stubs import handling
from firmware_stubs.chutes import BUTTONS
from firmware_stubs.handling import NotThereError
from firmware_stubs.machine_mishaps import MachineMishaps
from firmware_stubs.meant import known
from firmware_stubs.rides import Parcel


class Mishaps(MachineMishaps):
    """The mishaps of a world; times are monotonic ms, and everything that happens before is done first."""

    # -- parcels

    def remove(self, line: str, parcel: str, now: float) -> None:
        """A parcel is taken off by hand, and nobody says so."""
        cell, belt, _ = self._at(line, now)
        ride = handling.ride_of(belt, parcel)
        cell.mishap("remove", parcel=parcel, track=ride.track)
        cell.remove(ride)
        cell.heed()

    def remove_told(self, line: str, parcel: str, now: float) -> None:
        """A parcel is taken off by hand in manual mode, and the PLC is told."""
        cell, belt, plc = self._at(line, now)
        ride = handling.ride_of(belt, parcel)
        cell.mishap("remove_told", parcel=parcel, track=ride.track)
        track = ride.track
        cell.remove(ride)
        if track:
            plc.removed(track, now)
        cell.heed()

    def put(self, line: str, parcel: Parcel, mm: float, now: float) -> None:
        """A parcel that nobody announced lies on the belt, its front edge at `mm`."""
        cell, belt, _ = self._at(line, now)
        handling.lay(belt, parcel, mm, now)
        cell.mishap("put", parcel=parcel.parcel, mm=mm, codes=[code.decode("latin-1") for code in parcel.codes])
        self.whereabouts.moved(parcel.parcel, "belt", line)
        cell.heed()

    def slip(self, line: str, parcel: str, mm: float, now: float) -> None:
        """A parcel slides back by `mm`; what lies behind it is not pushed."""
        cell, belt, _ = self._at(line, now)
        handling.slide(belt, handling.ride_of(belt, parcel), mm, now)
        cell.mishap("slip", parcel=parcel, mm=mm)
        cell.heed()

    def swap(self, line: str, a: str, b: str, now: float) -> None:
        """Two parcels change places."""
        cell, belt, _ = self._at(line, now)
        if a == b:
            raise NotThereError(f"two parcels change places, not {a!r} with itself")
        handling.exchange(belt, handling.ride_of(belt, a), handling.ride_of(belt, b))
        cell.mishap("swap", a=a, b=b)
        cell.heed()

    def touch(self, line: str, parcel: str, now: float) -> None:
        """When this parcel, which waits, is inducted the next one of its queue follows with gap 0."""
        cell, belt, _ = self._at(line, now)
        handling.touch(belt, parcel)
        cell.mishap("touch", parcel=parcel)
        cell.heed()

    # -- the drive

    def stop(self, line: str, now: float) -> None:
        """Somebody stops the belt; only `start` runs it again."""
        self._halt(line, "stop", None, now)

    def jam(self, line: str, now: float) -> None:
        """The line jams: its PLC shows JAM and stops it; `start` clears it."""
        self._halt(line, "jam", "JAM", now)

    def estop(self, line: str, now: float) -> None:
        """Somebody presses the emergency stop; `release_estop`, then `start`."""
        self._halt(line, "estop", "ESTP", now)

    def release_estop(self, line: str, now: float) -> None:
        """The emergency stop is released: the line stands, as after `stop`."""
        cell, _, plc = self._at(line, now)
        cell.mishap("release_estop")
        plc.line_state("STOP", now)
        cell.panel = ""
        cell.heed()

    def start(self, line: str, now: float) -> None:
        """Somebody starts the belt with the speed it had, and clears a jam."""
        cell, belt, plc = self._at(line, now)
        if cell.panel == "ESTP":
            raise NotThereError(f"line {line} cannot be started: its emergency stop is not released")
        cell.mishap("start")
        belt.barred = False
        if not belt.motion.speed:
            belt.set_speed(belt.running_mm_s, now)
        if cell.panel == "JAM":
            plc.line_state("RUN", now)
            cell.panel = ""
        cell.heed()

    def manual(self, line: str, on: bool, now: float) -> None:
        """The line's switch is turned to manual, or back to automatic; the belt goes on as it was."""
        cell, belt, plc = self._at(line, now)
        cell.mishap("manual", on=on)
        cell.manual = on
        plc.line_state("MANU" if on else "RUN" if belt.motion.speed else "STOP", now)
        cell.heed()

    def speed(self, line: str, mm_s: int, now: float) -> None:
        """The belt runs faster or slower; one that stands will, when it is started."""
        if mm_s <= 0:
            raise NotThereError(f"a belt runs with more than 0 mm/s, not {mm_s}; use stop")
        cell, belt, _ = self._at(line, now)
        cell.mishap("speed", mm_s=mm_s)
        belt.running_mm_s = mm_s
        if belt.motion.speed:
            belt.set_speed(mm_s, now)
        cell.heed()

    def _halt(self, line: str, what: str, state: str | None, now: float) -> None:
        cell, belt, plc = self._at(line, now)
        cell.mishap(what)
        belt.barred = True
        if state:
            plc.line_state(state, now)
            cell.panel = state
        if belt.motion.speed:
            belt.set_speed(0, now)
        cell.heed()

    # -- gates and lanes

    def gate_fails(self, lane: str, count: int = 1) -> None:
        """The next commands to the lane's gate are not obeyed."""
        cell, _, found = self._lane(lane)
        found.fails += count
        cell.mishap("gate_fails", lane=lane, count=count)

    def wrong_gate(self, line: str, count: int = 1) -> None:
        """The next parcels that a gate takes fall into the next lane instead (behind a line's last one: at its end)."""
        cell, belt, _ = self._at(line, None)
        belt.diverts.wrong += count
        cell.mishap("wrong_gate", count=count)

    def lane_full(self, lane: str, on: bool, now: float) -> None:
        """The chute eye says full, whatever lies there; not `on` = what is true again."""
        cell, chutes, found = self._lane(lane, now)
        found.said_full = on
        cell.mishap("lane_full", lane=lane, on=on)
        chutes.settle(found, now)
        cell.heed()

    def lane_lock(self, lane: str, on: bool, now: float) -> None:
        """The lane is locked, or opened again; no button is seen."""
        cell, chutes, found = self._lane(lane, now)
        found.locked = on
        cell.mishap("lane_lock", lane=lane, on=on)
        chutes.settle(found, now)
        cell.heed()

    def button(self, lane: str, button: str, now: float) -> None:
        """Somebody presses `CLOS`, `LOCK` or `FREE` at a lane."""
        known(button, BUTTONS, "button")
        cell, chutes, _ = self._lane(lane, now)
        cell.mishap("button", lane=lane, button=button)
        chutes.button(lane, button, now)
        cell.heed()

    def container(self, lane: str, code: str | None, now: float) -> None:
        """A container with this code (latin-1) is put at a lane; None = it is taken away."""
        cell, chutes, _ = self._lane(lane, now)
        chutes.container(lane, code, now)
        cell.mishap("container", lane=lane, container=code)
        cell.heed()
