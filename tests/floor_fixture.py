"""A small floor and a bench to speak to it: 1 mm a ms, one line, a tunnel at 1200 mm, the decision eye at 2000 mm.

The bench says what a PLC, a reader and the centre would say and keeps what the floor wants done. It checks
at every step that sequences are contiguous.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from controller.advice import Advice, CustomsHead, CustomsRecord
from controller.config import Config, load
from controller.customs import Subject
from controller.effects import Ask, Effect, Emit, Keep, Send, Tell
from controller.events import TERMINAL, Data
from controller.floor import Advised, CameBack, Connection, Floor, Heard, Input, Reached, Tick, Told
from controller.plan import Plan, load_plan
from controller.travel import Travel
from devices import types as said

PLC, TUNNEL, DOCK = "plc-1", "tunnel-1", "dock-1"
EPOCH = 7
UTC = 1_790_000_000_000.0

FLOOR = """\
site = "lgg"
node = "n1"
mode = "test"
state_dir = "state"
plan = "plan.toml"
[broker]
url = "mqtt://127.0.0.1:1"
[customs]
stale_s = 60
[line.S1]
kind = "line"
speed_mm_s = 1000
length_mm = 16000
default_lane = "S1-EX"
margin_ms = 50
coast_mm = 30
durable_first = false
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
[lane.S1-L01]
line = "S1"
position_mm = 5000
[lane.S1-L02]
line = "S1"
position_mm = 7000
[lane.S1-L03]
line = "S1"
position_mm = 9000
capacity = 2
[lane.S1-L04]
line = "S1"
position_mm = 11000
max_length_mm = 300
max_weight_g = 5000
[lane.S1-BOND]
line = "S1"
position_mm = 13000
supervised = true
[lane.S1-EX]
line = "S1"
position_mm = 15000
roles = ["exception", "overflow"]
supervised = true
[scanner.tunnel-1]
kind = "line"
link = "tcp://127.0.0.1:2112"
point = "S1-T1"
late_mm = 400
prefix = "\\u0002"
suffix = "\\u0003"
[scanner.dock-1]
kind = "line"
link = "tcp://127.0.0.1:2113"
point = "DOCK"
prefix = "\\u0002"
suffix = "\\u0003"
[plc.plc-1]
kind = "telegram"
link = "tcp://127.0.0.1:2000"
line = "S1"
commands = ["BLCK", "OPEN", "INHB"]
elements = ["DRIVE-1"]
"""

PLAN = """\
plan = "day"
version = "1"
wave = "w1"
[[rule]]
country = "FR"
destination = "FRANCE"
[[rule]]
country = "BE"
destination = "BENELUX"
[[rule]]
country = "DE"
destination = "MANY"
[[rule]]
country = "NL"
destination = "SMALL"
[special]
held = "BOND"
unknown = "EXCEPTION"
no_read = "EXCEPTION"
overflow = "EXCEPTION"
[waves.w1]
FRANCE = ["S1-L01", "S1-L02"]
BENELUX = ["S1-L03"]
MANY = ["S1-L01", "S1-L02", "S1-L03", "S1-L04", "S1-BOND"]
SMALL = ["S1-L04", "S1-L02"]
BOND = ["S1-BOND", "S1-EX"]
EXCEPTION = ["S1-EX"]
"""


def write(folder: Path, *changes: str) -> Path:
    """The files of the small floor. `changes`: "old text => new text"."""
    floor = FLOOR
    for change in changes:
        old, new = change.split(" => ")
        assert old in floor, old
        floor = floor.replace(old, new)
    (folder / "plan.toml").write_text(PLAN)
    path = folder / "floor.toml"
    path.write_text(floor)
    return path


@cache
def small_floor(*changes: str) -> tuple[Config, Plan]:
    """Configuration and plan of the small floor, made once."""
    with TemporaryDirectory() as folder:
        path = write(Path(folder), *changes)
        config = load(path)
        return config, load_plan(config.plan, config)


def advice(parcel: str = "P1", country: str = "FR", **fields: Any) -> Advice:
    """Advice whose one code is the parcel's id with a C before it."""
    return Advice.model_validate({"parcel": parcel, "aliases": (f"C{parcel}",), "country": country, **fields})


def record(
    status: str, sequence: int = 1, feed: int | None = 1, subject: Subject = ("parcel", "P1"), **who: Any
) -> Any:
    """A customs record."""
    kind, name = subject
    key = {"scheme": "H7", "authority": "BE", "subject_kind": kind, "subject_id": name, **who}
    return CustomsRecord.model_validate({**key, "sequence": sequence, "status": status, "feed": feed})


class Bench:
    """A floor, its advice and its clock. Monotonic 0 is UTC `UTC`; positions in mm are ages in ms."""

    def __init__(self, *changes: str, journal: str = "jrnl0000") -> None:
        self.config, self.plan = small_floor(*changes)
        self._begin(journal)

    @classmethod
    def of(cls, config: Config, plan: Plan, journal: str = "jrnl0000") -> Bench:
        """A bench of a floor that was read already."""
        bench = cls.__new__(cls)
        bench.config, bench.plan = config, plan
        bench._begin(journal)
        return bench

    def _begin(self, journal: str) -> None:
        self.floor = Floor(self.config, self.plan, journal)
        self.now = 100_000.0
        self.store: dict[str, Advice] = {}
        self.events: list[Emit] = []
        self.sent: list[Send] = []
        self.told: list[Tell] = []
        self.asked: list[Ask] = []
        self.kept: dict[tuple[str, str], object] = {}
        self.feed = 0

    # --- the floor's way in -------------------------------------------------------------------------------------------

    def look(self, key: str) -> tuple[Advice, ...]:
        return tuple(one for one in self.store.values() if key == one.parcel or key in one.aliases)

    def step(self, what: Input) -> list[Effect]:
        """One input; what it caused is noted."""
        effects = self.floor.step(what, self.now, self.look)
        for effect in effects:
            match effect:
                case Emit():
                    assert effect.seq == len(self.events) + 1
                    self.events.append(effect)
                case Send():
                    self.sent.append(effect)
                case Tell():
                    self.told.append(effect)
                case Ask():
                    self.asked.append(effect)
                case Keep(kind, key, None):
                    self.kept.pop((kind, key), None)
                case Keep(kind, key, value):
                    self.kept[kind, key] = value
        return effects

    def at(self, now: float) -> Bench:
        """Go on to this moment, with every Tick the floor wants on the way."""
        for _ in range(1000):
            due = self.floor.next_at()
            if due is None or due > now:
                self.now = now
                return self
            self.now = max(self.now, due)
            self.step(Tick())
        raise AssertionError("the floor wants to be woken for ever")

    def after(self, ms: float) -> Bench:
        return self.at(self.now + ms)

    # --- the centre ---------------------------------------------------------------------------------------------------

    def advise(self, *news: Advice) -> None:
        self.store.update({one.parcel: one for one in news})
        self.step(Advised(news))

    def reach(self) -> None:
        """The broker is reached."""
        self.step(Reached(UTC + self.now))

    def head(self, sequence: int | None = None, time: float | None = None, since: int = 1) -> None:
        """A beat of the customs feed; `time` in monotonic ms."""
        time = self.now if time is None else time
        beat = CustomsHead(sequence=self.feed if sequence is None else sequence, time_ms=int(UTC + time), since=since)
        self.step(Told(beat))

    def customs(self, status: str, sequence: int = 1, subject: Subject = ("parcel", "P1"), **who: Any) -> None:
        """The next record of the feed."""
        self.feed += 1
        self.step(Told(record(status, sequence, self.feed, subject, **who)))

    # --- the machines -------------------------------------------------------------------------------------------------

    def plc(self, item: said.Item) -> list[Effect]:
        return self.step(Heard(PLC, item))

    def item(self, item: said.Item, reader: str = TUNNEL) -> list[Effect]:
        """A reader says something."""
        return self.step(Heard(reader, item))

    def begin(self, epoch: int = EPOCH, new: bool = False) -> None:
        self.plc(said.SessionBegun(epoch, new, self.now))

    def session(self, *on_belt: said.TrackOnBelt, epoch: int = EPOCH, new: bool = False) -> Bench:
        """A whole synchronisation."""
        self.begin(epoch, new)
        if on_belt:
            self.plc(said.Tracks(on_belt, self.now))
        self.plc(said.Synchronised(self.now))
        return self

    def lose_session(self) -> None:
        self.plc(said.SessionLost("no valid message for 3 s", self.now))

    def indu(self, track: int, age: float = 0.0, length: int = 200) -> None:
        self.plc(said.Inducted("S1-IND", track, None, 0, length, self.now - age, self.now))

    def arrv(self, track: int, age: float = 0.0, left: int = 2500, **more: Any) -> None:
        fields = {"length": 200, "gap": 0, "carrier": None, "lap": 0, "certainty": "S", "codes": (), **more}
        self.plc(said.Arrived("S1-DEC", track, self.now - age, left, at=self.now, **fields))

    def divc(self, track: int, lane: str | None, decision: int = 1, result: str = "OK", **more: Any) -> None:
        fields = {"wanted": lane, "evidence": "G", "lap": 0, "edge": self.now, **more}
        self.plc(said.Discharged(track, decision, actual=lane, result=result, at=self.now, **fields))

    def stat(self, element: str, state: str, age: float | None = 0.0) -> None:
        edge = None if age is None else self.now - age
        self.plc(said.Status(element, state, "0", edge, self.now))

    def read(self, text: str | None, at: float | None = None, reader: str = TUNNEL) -> None:
        """A code, or a no-read, of a reader."""
        at = self.now if at is None else at
        item = said.NoRead(b"", at) if text is None else said.Read(text, text.encode(), at)
        self.step(Heard(reader, item))

    def answer(self, refusal: str | None = None, send: Send | None = None) -> None:
        """The PLC answers a DEST, the last one unless another is given."""
        ref = (send or self.destinations()[-1]).ref
        assert ref is not None
        self.step(CameBack(PLC, *ref, refusal))

    # --- what came of it ----------------------------------------------------------------------------------------------

    def destinations(self) -> list[Send]:
        return [send for send in self.sent if isinstance(send.command, said.Destination)]

    def dests(self) -> list[tuple[int, tuple[str, ...], str]]:
        """(decision number, lanes without the line's name, reason) of every DEST."""
        found = [send.command for send in self.destinations()]
        commands = [one for one in found if isinstance(one, said.Destination)]
        return [(one.decision, tuple(lane[3:] for lane in one.lanes), one.reason) for one in commands]

    def requests(self) -> list[str]:
        return [send.command.command for send in self.sent if isinstance(send.command, said.Request)]

    def named(self, name: str) -> list[Any]:
        """Data of the events with this name."""
        return [event.data for event in self.events if event.name == name]

    def last(self, name: str) -> Any:
        return self.named(name)[-1]

    def names(self) -> list[str]:
        return [event.name for event in self.events]

    def terminals(self) -> list[tuple[str, Data]]:
        return [(event.name, event.data) for event in self.events if event.name in TERMINAL]

    def travel(self, track: int = 1) -> Travel:
        return self.floor.lines["S1"].by_track[track]


def ready(*changes: str, parcels: tuple[Advice, ...] = (), reader: bool = True) -> Bench:
    """A bench with everything up: session, reader, broker, a fresh head, advice."""
    bench = Bench(*changes)
    bench.session()
    bench.step(Connection(TUNNEL, reader))
    bench.reach()
    bench.head()
    bench.advise(*parcels)
    return bench


def ride(bench: Bench, track: int = 1, code: str | None = "CP1", **arrival: Any) -> None:
    """An item rides from the induction past the tunnel (its code, or a no-read) to the decision eye."""
    bench.indu(track)
    bench.after(1200)
    bench.read(code)
    bench.after(800)
    bench.arrv(track, **arrival)
