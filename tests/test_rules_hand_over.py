"""Hand-over of a travel between two lines with a PLC each: what is learnt on one goes on on the other, and nobody
else's."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from controller import kept
from controller.config import Config, load
from controller.inputs import Connection, Heard
from controller.plan import Plan, load_plan
from controller.travel import Travel
from devices import types as said
from tests.floor_fixture import EPOCH, PLAN, TUNNEL, Bench, advice, ride, write

PLC_2, EPOCH_2 = "plc-2", 3
TWO_LINES = (
    '[lane.S1-BOND]\n => [lane.S1-X]\nline = "S1"\nposition_mm = 12000\nsupervised = true\nleads_to = "S2"\n'
    '[line.S2]\nkind = "line"\nspeed_mm_s = 1000\nlength_mm = 9000\ndefault_lane = "S2-EX"\n'
    '[point.S2-IN]\nline = "S2"\nposition_mm = 0\ninduction = true\n'
    '[point.S2-DEC]\nline = "S2"\nposition_mm = 2000\ndecision = true\n'
    '[lane.S2-L01]\nline = "S2"\nposition_mm = 5000\n'
    '[lane.S2-EX]\nline = "S2"\nposition_mm = 8000\nroles = ["exception"]\nsupervised = true\n'
    '[plc.plc-2]\nkind = "telegram"\nlink = "tcp://127.0.0.1:2001"\nline = "S2"\n'
    "[lane.S1-BOND]\n"
)


class Two(Bench):
    """A bench with a second line, to which lane S1-X leads."""

    def __init__(self, config: Config, plan: Plan) -> None:
        self.config, self.plan = config, plan
        self._begin("jrnl0000")

    def second(self, item: said.Item) -> None:
        self.step(Heard(PLC_2, item))

    def sync(self, *on_belt: said.TrackOnBelt) -> None:
        self.second(said.SessionBegun(EPOCH_2, False, self.now))
        if on_belt:
            self.second(said.Tracks(on_belt, self.now))

    def hand(self, track: int, to: int = 50) -> None:
        self.second(said.HandedOver("S1", EPOCH, track, "S2-IN", to, self.now, self.now))

    def there(self, track: int = 50) -> Travel:
        return self.floor.lines["S2"].by_track[track]


@cache
def floor() -> tuple[Config, Plan]:
    """Two lines; what goes to France goes over the second."""
    with TemporaryDirectory() as folder:
        path = write(Path(folder), TWO_LINES)
        (Path(folder) / "plan.toml").write_text(PLAN.replace('["S1-L01", "S1-L02"]', '["S1-X", "S2-L01"]'))
        config = load(path)
        return config, load_plan(config.plan, config)


def two() -> Two:
    bench = Two(*floor())
    bench.session()
    bench.sync()
    bench.second(said.Synchronised(bench.now))
    bench.step(Connection(TUNNEL, True))
    bench.advise(*(advice(parcel, "FR", customs="none") for parcel in ("P1", "P2")), advice("P3", "BE", customs="none"))
    return bench


def test_with_its_drop_first() -> None:
    bench = two()
    ride(bench)
    visit = bench.travel().visit
    assert bench.dests()[-1][1] == ("X", "EX")
    bench.answer()
    bench.divc(1, "S1-X", 1)
    assert not bench.named("parcel/held_escaped"), "a lane that leads on is inside the supervised area"
    bench.after(1000)
    bench.hand(1)
    assert [result.code for result in bench.there().results] == ["CP1"]
    assert bench.there().visit == visit
    assert not bench.floor.handed
    bench.after(2000)
    bench.second(said.Arrived("S2-DEC", 50, bench.now, 2500, 200, 0, None, 0, "S", (), bench.now))
    assert bench.dests()[-1][1:] == (("L01",), "PLAN")


def test_with_its_hand_first() -> None:
    bench = two()
    ride(bench)
    bench.answer()
    bench.hand(1)
    bench.divc(1, "S1-X", 1)
    assert [result.code for result in bench.there().results] == ["CP1"]
    assert not bench.floor.handed
    assert not bench.named("alarm/raised"), "it is not alive twice"


def test_what_left_and_never_came_is_not_the_next_of_its_number() -> None:
    """Item 1 is taken off between the lines. The PLC gives its number again, and that one comes over before its DIVC:
    two items of that number, and nobody knows which of them this is."""
    bench = two()
    ride(bench)
    bench.answer()
    bench.divc(1, "S1-X", 1)
    ride(bench, 1, "CP2")
    bench.answer()
    bench.hand(1)
    assert bench.there().results == []


def test_who_has_not_come_so_far_is_not_meant() -> None:
    """The number is used again at once, but that item is going elsewhere."""
    bench = two()
    ride(bench)
    bench.answer()
    bench.divc(1, "S1-X", 1)
    ride(bench, 1, "CP3")
    bench.answer()
    bench.hand(1)
    assert [result.code for result in bench.there().results] == ["CP1"]


def test_a_synchronisation_that_names_it_first_loses_nothing() -> None:
    bench = two()
    ride(bench)
    bench.answer()
    bench.divc(1, "S1-X", 1)
    visit = bench.terminals()[-1][1].visit
    bench.sync(said.TrackOnBelt(50, "S2-DEC", None, 0, "S", 0, bench.now))
    bench.hand(1)
    bench.second(said.Synchronised(bench.now))
    assert [result.code for result in bench.there().results] == ["CP1"]
    assert (bench.there().parcel, bench.there().visit) == ("P1", visit)


def test_neither_doubt_is_lost() -> None:
    """It is doubtful to its first PLC, or to its second."""
    for first, second in (("D", "S"), ("S", "D")):
        bench = two()
        ride(bench, certainty=first)
        bench.answer()
        bench.divc(1, "S1-X", 1)
        bench.sync(said.TrackOnBelt(50, "S2-IN", None, 0, second, 0, bench.now))
        bench.hand(1)
        assert bench.there().doubtful, (first, second)


def test_at_risk_is_said_once_for_both() -> None:
    bench = two()
    ride(bench)
    bench.travel().at_risk = True
    bench.hand(1)
    assert bench.there().at_risk


def test_it_comes_after_a_restart() -> None:
    bench = two()
    ride(bench)
    bench.answer()
    bench.divc(1, "S1-X", 1)
    again = Two(*floor())
    again.store, again.now = bench.store, bench.now
    kept.restore(again.floor, {key: kept.dump(value) for key, value in bench.kept.items()}, same_boot=True)
    again.floor.lines["S2"].epoch = EPOCH_2
    again.sync()
    again.hand(1)
    assert [result.code for result in again.there().results] == ["CP1"]
