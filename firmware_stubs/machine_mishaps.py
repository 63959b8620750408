"""What goes wrong with the machines of a simulated floor: eyes, readers, PLCs; see `mishaps.py`."""

from __future__ import annotations

from firmware_stubs.handling import NotThereError
from firmware_stubs.meant import Meant, known
from firmware_stubs.readers import KINDS, Mishap
from firmware_stubs.spells import Spell


class MachineMishaps(Meant):
    """The mishaps of machines."""

    def eye_blind(self, point: str, on: bool) -> None:
        """The eye of an induction or decision point sees nothing any more, or again."""
        cell, eye = self._eye(point)
        eye.blind = on
        cell.mishap("eye_blind", point=point, on=on)

    def eye_bounce(self, point: str, count: int = 1) -> None:
        """The next edges at a point come twice."""
        cell, eye = self._eye(point)
        eye.bounces += count
        cell.mishap("eye_bounce", point=point, count=count)

    def eye_stuck(self, point: str, on: bool, now: float) -> None:
        """The eye of a point sees something all the time, or no more: no edges, and after a while its PLC says JAM."""
        cell, eye = self._eye(point, now)
        assert cell.plc is not None  # a belt has one
        eye.stuck = on
        cell.mishap("eye_stuck", point=point, on=on)
        cell.plc.eye(point, on, now)
        cell.heed()

    def reader_mishap(self, reader: str, kind: str, count: int = 1, ms: float = 100.0) -> None:
        """The next results of a reader: `no_read`, `wrong` (the next parcel's code), `double`, `late` `early` by ms."""
        known(kind, KINDS, "mishap of a reader")
        if ms <= 0:
            raise NotThereError(f"late or early by more than 0 ms, not {ms:g}")
        cell, belt, found = self._reader(reader)
        found.mishaps.extend([Mishap(kind, ms)] * count)
        cell.mishap("reader_mishap", reader=reader, kind=kind, count=count, ms=ms)
        belt.approaching(found)
        cell.heed()

    # -- bad times: until they are lifted, or have struck so many

    def spell(self, what: str, where: str, spell: Spell, *, on: bool) -> None:
        """It begins or ends at a `reader` (a kind of `reader_mishap` but `early`, at a desk nor `late`), at the eye
        of a `point` (edges come twice), at a `lane` (its gate does not obey) or on a `line` (parcels fall into the next
        lane)."""
        if what == "reader":
            known(where, self.readers, what)
            cell = self._by_stub[where]
            known(spell.kind, ("no_read", "wrong", "double", "late")[: 3 if cell.desk else 4], f"bad time of {where}")
            spells = cell.readers[where].spells
        elif what == "point":
            cell, eye = self._eye(where)
            spells = eye.spells
        elif what == "lane":
            cell, _, lane = self._lane(where)
            spells = lane.spells
        else:
            cell, belt, _ = self._at(where, None)
            spells = belt.diverts.spells
        (spells.append if on else spells.remove)(spell)
        cell.mishap("spell", where=where, kind=spell.kind, share=spell.share, count=spell.left, on=on)

    # -- machines

    def plc_power(self, line: str, retentive: bool, now: float) -> None:
        """The PLC is off for a moment; not retentive: its memory is lost."""
        cell, _, plc = self._at(line, now)
        cell.mishap("plc_power", retentive=retentive)
        plc.power_cycle(now, retentive)
        cell.heed()

    def silence(self, stub: str, on: bool, now: float) -> None:
        """A machine says and hears nothing; a reader sees nothing either. Not `on`: as if nothing had been."""
        cell = self._machine(stub, now)
        cell.mishap("silence", stub=stub, on=on)
        cell.silence(stub, on=on)

    def hush(self, stub: str, on: bool, now: float) -> None:
        """A machine's sign of life stands still; it does all else."""
        cell = self._machine(stub, now)
        if not cell.hush(stub, on=on):
            raise NotThereError(f"{stub} has no sign of life: give its stub a heartbeat")
        cell.mishap("hush", stub=stub, on=on)
        cell.heed()

    def power(self, stub: str, on: bool, now: float) -> None:
        """A reader loses its power: its connection is gone, it says, hears and sees nothing. When it comes back, it
        starts as from the box, with the time that it takes to boot. For a PLC see `plc_power`."""
        cell = self._machine(stub, now)
        if cell.is_plc(stub):
            raise NotThereError(f"{stub} is a PLC; use plc_power")
        cell.mishap("power", stub=stub, on=on)
        cell.power(stub, on=on)
