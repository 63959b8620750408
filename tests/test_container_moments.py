"""Containers: what fell into which, by the moment of the drop; what holds one back; and what a restart finds."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from controller import container_events, kept
from controller.advice import ContainerRecord
from controller.containers import (
    CONTAINER,
    GONE_KEPT,
    MEMBERS_KEPT,
    Container,
    container_id,
    restore,
    surplus,
)
from controller.drops import DROPS_KEPT, Drop
from controller.effects import Effect, Emit, Keep
from controller.events import TERMINAL, ContainerChanged
from controller.floor import Floor
from controller.frequent import TOO_OFTEN
from controller.inputs import CameBack, Connection, Input, Stood
from controller.lanes import PUT_BACK_MS, LaneState
from devices import types as said
from tests.floor_fixture import PLC, TUNNEL, UTC, Bench, advice, ride, small_floor

NEEDS = "position_mm = 5000 => position_mm = 5000\nneeds_container = true"
FULL_AT_3 = "position_mm = 5000 => position_mm = 5000\ncapacity = 3"
BOND_NEEDS = "position_mm = 13000 => position_mm = 13000\nneeds_container = true"
L1, L2, BOND = "S1-L01", "S1-L02", "S1-BOND"


class Careful(Bench):
    """A bench that looks, after every step, whether the journal would hold what there is."""

    def _begin(self, journal: str) -> None:
        super()._begin(journal)
        self.written: dict[tuple[str, str], bytes] = {}
        self.note()

    def note(self) -> None:
        """What is there now is what is kept."""
        for kind in ("lane", "container", "drop"):
            found = getattr(self.floor, f"{kind}s")
            self.written.update({(kind, key): kept.dump(value) for key, value in found.items()})

    def step(self, what: Input) -> list[Effect]:
        effects = super().step(what)
        self.check(effects)
        return effects

    def check(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Keep) and effect.kind in ("lane", "container", "drop"):
                self.written[effect.kind, effect.key] = kept.dump(effect.value)
        for name, lane in self.floor.lanes.items():
            assert self.written["lane", name] == kept.dump(lane)
        for name, bag in list(self.floor.containers.items())[-9:]:
            assert self.written["container", name] == kept.dump(bag)
        for name, drop in self.floor.drops.items():
            assert self.written["drop", name] == kept.dump(drop)


class Yard:
    """A floor with containers. Moments are ms before now."""

    def __init__(self, *changes: str, released: int = 9) -> None:
        self.bench = Careful(*changes)
        self.bench.session()
        self.bench.reach()
        self.bench.head()
        self.bench.step(Connection(TUNNEL, True))
        self.bench.advise(*(advice(f"P{n}") for n in range(1, released + 1)))
        for number in range(1, released + 1):
            self.bench.customs("release", subject=("parcel", f"P{number}"))
        self.bench.head()
        self.bench.after(1000)
        self.track = 100
        self.versions = 0

    @property
    def floor(self) -> Floor:
        return self.bench.floor

    # --- what is said ---

    def cont(self, presence: str, code: bytes | str | None = None, age: float | None = 0.0, lane: str = L1) -> None:
        raw = code.encode() if isinstance(code, str) else code
        edge = None if age is None else self.bench.now - age
        named = None if raw is None else said.Code(raw)
        self.bench.plc(said.ContainerSeen(lane, presence, named, edge, self.bench.now))

    def press(self, button: str, age: float | None = 0.0, lane: str = L1) -> None:
        edge = None if age is None else self.bench.now - age
        self.bench.plc(said.Button(lane, button, edge, self.bench.now))

    def centre(self, container: str, status: str, lane: str = L1, version: int | None = None) -> None:
        self.versions += 1
        fields = {"container": container, "lane": lane, "status": status}
        record = ContainerRecord.model_validate(fields | {"version": self.versions if version is None else version})
        self.bench.step(Stood((record,)))

    def drop(self, age: float = 0.0, lane: str = L1) -> str:
        """Something nobody knows falls; its travel."""
        self.track += 1
        self.bench.divc(self.track, lane, decision=0, result="NA", edge=self.bench.now - age)
        return self.last_terminal()

    def last_terminal(self) -> str:
        return str(self.bench.terminals()[-1][1].travel)

    def parcel(self, name: str = "P1", lane: str = L1) -> str:
        """A released parcel rides into the lane; its travel."""
        self.track += 1
        ride(self.bench, self.track, f"C{name}", left=30_000)
        self.bench.answer()
        self.bench.divc(self.track, lane)
        return self.last_terminal()

    def close(self, lane: str = L1, container: str | None = None) -> str | None:
        self.floor.effects = []
        refusal = container_events.close(self.floor, lane, container, "command", self.bench.now, self.bench.look)
        self.done()
        return refusal

    def take_out(self, travel: str) -> None:
        self.floor.effects = []
        container_events.taken_out(self.floor, travel)
        self.done()

    def done(self) -> None:
        """Note what a handler did that was called by itself."""
        for effect in self.floor.effects:
            if isinstance(effect, Emit):
                self.bench.events.append(effect)
            elif isinstance(effect, Keep):
                self.bench.kept[effect.kind, effect.key] = effect.value
        self.bench.check(self.floor.effects)

    # --- what came of it ---

    def told(self, since: int = 0) -> list[tuple[str, str, int]]:
        """(event, container, count) of everything said of containers."""
        events = [event for event in self.bench.events if event.name.startswith("container/")]
        data = [(event.name[10:], event.data) for event in events]
        return [(name, one.container or "", one.count or 0) for name, one in data if isinstance(one, ContainerChanged)][
            since:
        ]

    def alarms(self) -> list[tuple[str, str]]:
        return [(one.alarm, one.priority) for one in self.bench.named("alarm/raised") if "container" in one.alarm]

    def state(self, container: str) -> str:
        return self.floor.containers[container].state

    def lane(self, name: str = L1) -> LaneState:
        return self.floor.lanes[name]

    def booked(self) -> dict[str, str | None]:
        """travel -> container, as a listener knows it at the end."""
        found = {}
        for event in self.bench.events:
            if event.name in TERMINAL or event.name == "parcel/corrected":
                found[str(event.data.travel)] = event.data.container
        return found

    def restarted(self, *changes: str, same_boot: bool = True) -> Yard:
        other = Yard.__new__(Yard)
        other.bench = Careful(*changes)
        other.track, other.versions = self.track, self.versions
        bench, old = other.bench, self.bench
        bench.store, bench.kept, bench.events = old.store, dict(old.kept), list(old.events)
        bench.now, bench.feed = old.now, old.feed
        bench.floor.sequence = len(bench.events)
        dumped = {key: kept.dump(value) for key, value in old.kept.items()}
        kept.restore(bench.floor, dumped, same_boot=same_boot)
        bench.note()
        bench.reach()
        return other


# --- one container ----------------------------------------------------------------------------------------------------


def test_its_state_in_one_word() -> None:
    assert [Container("A", L1, closed=c, gone=g).state for g in (False, True) for c in (False, True)] == [
        "open",
        "closed",
        "gone",
        "gone",
    ]


@pytest.mark.parametrize(
    ("has", "comes", "knows"), [(0, 0, False), (0, 1, False), (1, 1, True), (2, 1, True), (1, 2, False), (1, 0, True)]
)
def test_versions(has: int, comes: int, knows: bool) -> None:
    assert Container("A", L1, version=has).knows(comes) is knows


@pytest.mark.parametrize(
    ("closed", "closed_at", "before"),
    [(False, 10.0, False), (True, 10.0, False), (True, 9.9, True), (True, None, True)],
)
def test_closed_before_it_fell(closed: bool, closed_at: float | None, before: bool) -> None:
    assert Container("A", L1, closed=closed, closed_at=closed_at).closed_before(10.0) is before


def test_members_are_bounded() -> None:
    bag = Container("A", L1)
    for number in range(MEMBERS_KEPT + 3):
        bag.add(f"T{number}", number, findable=True)
    assert (bag.count, len(bag.members), min(bag.members.values())) == (MEMBERS_KEPT + 3, MEMBERS_KEPT, 3)


def test_only_what_may_have_to_be_found_is_a_member() -> None:
    bag = Container("A", L1)
    bag.add("T1", 1, findable=True)
    bag.add("T2", 2, findable=False)
    assert (bag.count, bag.members) == (2, {"T1": 1})
    for travel in ("T2", "T1", "T3"):
        bag.take_out(travel)
    assert (bag.count, bag.members) == (0, {})


def test_used_again_it_keeps_what_was_recalled() -> None:
    bag = Container("A", L1, 7, True, 5.0, True, True, "B", 3, 4, {"T1": 1, "T2": 2})
    bag.anew(["T2", "T9"])
    assert bag == Container("A", L1, 1, gone=True, version=4, members={"T2": 2})


def test_a_container_as_json_has_no_members() -> None:
    bag = Container("A", L1, 7, True, 5.0, True, True, "B", 3, 4, {"T1": 1})
    body = CONTAINER.dump_json(bag)
    assert b"T1" not in body
    assert CONTAINER.validate_json(body) == replace(bag, members={})


@given(st.text(max_size=80))
def test_a_subject_has_only_plain_characters(code: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", container_id(code))
    assert container_id(container_id(code)) == container_id(code)


@pytest.mark.parametrize("code", ["BAG-1", "a.b_c", "x" * 64])
def test_a_plain_id_stays_as_it_is(code: str) -> None:
    assert container_id(code) == code


def test_odd_ids_are_told_apart() -> None:
    codes = ["a b", "a_b", "a\tb", "x" * 65, "x" * 66, "", "é", "\ud800", "a\n"]
    assert len({container_id(code) for code in codes}) == len(codes)


def gone(number: int, members: int = 0) -> Container:
    return Container(f"C{number}", L1, gone=True, members={f"T{number}-{n}": n for n in range(members)})


def test_those_that_left_first_are_forgotten() -> None:
    many = [Container("OPEN", L1), *[gone(n) for n in range(GONE_KEPT)]]
    assert surplus({one.id: one for one in many}) == []
    many += [gone(GONE_KEPT), gone(GONE_KEPT + 1)]
    assert surplus({one.id: one for one in many}) == ["C0", "C1"]


def test_their_members_are_bounded_too() -> None:
    each = DROPS_KEPT // 10
    many = {one.id: one for one in [gone(n, each) for n in range(10)]}
    assert surplus(many) == []
    many["X"] = gone(99, 1)
    assert surplus(many) == ["C0"]


def a_drop(travel: str, container: str | None, **more: Any) -> Drop:
    return Drop("P1", travel, "V1", "S1", L1, 3, 1.0, (), container, **more)


def test_restored_with_its_members() -> None:
    lane = LaneState(L1, small_floor()[0].lane[L1])
    lane.put("A", 5.0)
    bags = [Container("A", L1, closed=True, closed_at=7.0), Container("B", L1, closed_at=7.0), Container("C", "S9-L01")]
    drops = [a_drop("T1", "A"), a_drop("T2", "A", emptied=True), a_drop("T3", None), a_drop("T4", "X")]
    bodies = [CONTAINER.dump_json(bag) for bag in bags]
    back = restore(bodies, drops, {L1: lane}, same_boot=True)
    assert back["A"] == Container("A", L1, closed=True, closed_at=7.0, members={"T1": 3})
    assert [back[name].gone for name in "ABC"] == [False, True, True], "what stands at no lane is gone"
    again = restore(bodies, drops, {L1: lane}, same_boot=False)
    assert again["A"].closed_at is None


# --- seen by a machine ------------------------------------------------------------------------------------------------


def test_a_life() -> None:
    yard = Yard()
    yard.cont("P", "BAG-1")
    travel = yard.parcel("P1")
    yard.press("CLOS")
    yard.cont("G", "BAG-1")
    assert yard.told() == [
        ("opened", "BAG-1", 0),
        ("added", "BAG-1", 1),
        ("closed", "BAG-1", 1),
        ("removed", "BAG-1", 1),
    ]
    data = yard.bench.last("container/added")
    assert (data.travel, data.parcel, data.lane, data.ordinal) == (travel, "P1", L1, 1)
    assert data.visit == yard.bench.terminals()[-1][1].visit
    assert yard.booked() == {travel: "BAG-1"}
    assert yard.floor.drops[travel].container == "BAG-1"
    assert {event.subject for event in yard.bench.events if event.name.startswith("container/")} == {"container/BAG-1"}
    assert yard.alarms() == []


def test_events_say_when_it_happened() -> None:
    yard = Yard()
    now = yard.bench.now
    yard.cont("P", "A", 500)
    yard.press("CLOS", 300)
    yard.cont("G", None, 200)
    yard.cont("P", "B", None)
    yard.cont("G", None, None)
    found = [(e.name[10:], e.at) for e in yard.bench.events if e.name.startswith("container/")]
    assert found == [
        ("opened", now - 500),
        ("closed", now - 300),
        ("removed", now - 200),
        ("opened", now),
        ("removed", now),
    ]


def test_another_one_in_its_place_means_it_left() -> None:
    yard = Yard()
    yard.cont("P", "A", 100)
    yard.cont("P", "B")
    assert yard.told() == [("opened", "A", 0), ("opened", "B", 0), ("removed", "A", 0)]
    assert yard.lane().container == "B"


def test_without_a_code_it_is_called_by_lane_and_moment() -> None:
    yard = Yard()
    yard.cont("P", None, 100)
    name = f"{L1}-{int(UTC + yard.bench.now - 100)}"
    assert yard.lane().container == name
    yard.cont("P", b"")
    assert yard.lane().container not in (name, "")
    assert [event for event, _, _ in yard.told()] == ["opened", "opened", "removed"]


def test_odd_bytes_never_stand_in_a_subject() -> None:
    yard = Yard()
    yard.cont("P", b"\x00 #/+\xff\n")
    assert yard.lane().container == container_id("\x00 #/+ÿ\n")
    (event,) = [event for event in yard.bench.events if event.name == "container/opened"]
    assert re.fullmatch(r"container/[A-Za-z0-9_.-]{1,64}", event.subject)


@pytest.mark.parametrize("lane", ["S1-L99", "S2-L01"])
def test_what_is_no_lane_of_this_line_is_ignored(lane: str) -> None:
    yard = Yard()
    before = len(yard.bench.events)
    yard.cont("P", "A", lane=lane)
    yard.press("CLOS", lane=lane)
    yard.press("LOCK", lane=lane)
    assert len(yard.bench.events) == before


def test_said_twice_is_no_news() -> None:
    yard = Yard()
    yard.cont("P", "A", 100)
    yard.drop()
    yard.cont("P", "A")
    assert yard.told() == [("opened", "A", 0), ("added", "A", 1)]
    assert yard.lane().inside == 1


def test_an_old_word_of_one_that_left_is_no_news() -> None:
    yard = Yard()
    yard.cont("P", "A", 900)
    yard.cont("P", "B", 500)
    yard.cont("P", "A", 700)
    assert yard.told() == [("opened", "A", 0), ("opened", "B", 0), ("removed", "A", 0)]


def test_one_that_the_centre_names_late_may_be_gone_since_it_was_seen() -> None:
    """The centre's word has no moment of its own: the PLC, heard later, saw that one come before, and another since."""
    yard = Yard()
    yard.centre("A", "open")
    yard.cont("P", "A", 900)
    yard.cont("P", "B", 500)
    yard.drop()
    assert yard.told()[-1] == ("added", "B", 1)


def test_taken_away_where_nothing_stood_is_no_news() -> None:
    yard = Yard()
    yard.cont("G")
    assert yard.told() == []


def test_put_back_with_its_content() -> None:
    yard = Yard(released=1)
    yard.cont("P", "A", 100)
    travel = yard.parcel("P1")
    yard.cont("G")
    assert yard.lane().inside == 0
    yard.bench.after(1000)
    yard.cont("P", "A")
    bag = yard.floor.containers["A"]
    assert (bag.count, bag.members, bag.state, yard.lane().inside) == (1, {travel: 1}, "open", 1)
    assert yard.told()[2:] == [("removed", "A", 1), ("opened", "A", 1)]


def test_put_back_closed_is_closed() -> None:
    yard = Yard(NEEDS)
    yard.cont("P", "A", 100)
    yard.press("CLOS", 90)
    yard.cont("G", None, 80)
    yard.cont("P", "A")
    assert yard.state("A") == "closed"
    assert [event for event, _, _ in yard.told()] == ["opened", "closed", "removed", "closed"]
    assert yard.lane().refuses(yard.bench.now) == "NCON"


def test_used_again_it_is_empty() -> None:
    yard = Yard()
    yard.cont("P", "A", 100)
    first, recalled = yard.parcel("P1"), yard.parcel("P2")
    yard.press("CLOS")
    yard.cont("G")
    yard.bench.customs("hold", 2, ("parcel", "P2"))
    yard.bench.after(PUT_BACK_MS + 1)
    yard.cont("P", "A")
    bag = yard.floor.containers["A"]
    assert (bag.count, list(bag.members), bag.state) == (1, [recalled], "open"), "nobody says that it was found"
    assert yard.floor.drops[first].emptied
    assert not yard.floor.drops[recalled].emptied
    assert yard.floor.drops[first].container == "A", "that is where it was"
    back = yard.restarted().floor.containers["A"]
    assert (back.count, back.members) == (bag.count, bag.members)


def test_moved_to_another_lane_with_its_content() -> None:
    yard = Yard()
    yard.cont("P", "A", 100)
    travel = yard.parcel("P1")
    yard.cont("P", "A", lane=L2)
    bag = yard.floor.containers["A"]
    assert (bag.lane, bag.count, list(bag.members), bag.state) == (L2, 1, [travel], "open")
    assert (yard.lane(L1).container, yard.lane(L2).container) == (None, "A")
    assert (yard.lane(L1).inside, yard.lane(L2).inside) == (0, 1)
    yard.cont("P", "A", 50, lane=L1)
    assert (yard.lane(L1).container, yard.lane(L2).container) == (None, "A"), "overtaken by the news of where it is"


def test_those_that_left_are_bounded() -> None:
    yard = Yard()
    for number in range(GONE_KEPT + 20):
        yard.bench.after(1)
        yard.cont("P", f"B{number}")
    found = yard.floor.containers
    assert len(found) == GONE_KEPT + 1
    assert {key for kind, key in yard.bench.kept if kind == "container"} == set(found)
    assert "B18" not in found
    assert {"B19", f"B{GONE_KEPT + 19}"} <= set(found)


# --- whose a drop is --------------------------------------------------------------------------------------------------


def test_a_drop_belongs_to_the_one_that_stood_there_when_it_fell() -> None:
    yard = Yard()
    yard.cont("P", "OLD", 900)
    yard.cont("P", "NEW", 500)
    old, new = yard.drop(501), yard.drop(500)
    assert yard.booked() == {old: "OLD", new: "NEW"}
    assert {name: bag.count for name, bag in yard.floor.containers.items()} == {"OLD": 1, "NEW": 1}
    assert yard.lane().inside == 1, "what is in the old one is not inside any more"
    assert yard.bench.named("parcel/corrected") == []


def test_a_change_that_comes_late_moves_the_drops_behind_it() -> None:
    yard = Yard()
    yard.cont("P", "OLD", 900)
    before, behind, after = yard.drop(600), yard.drop(400), yard.drop(100)
    yard.cont("P", "NEW", 500)
    assert yard.booked() == {before: "OLD", behind: "NEW", after: "NEW"}
    assert {name: bag.count for name, bag in yard.floor.containers.items()} == {"OLD": 1, "NEW": 2}
    assert [list(yard.floor.containers[name].members.values()) for name in ("OLD", "NEW")] == [[1], [2, 3]]
    assert {travel: yard.floor.drops[travel].container for travel in (before, behind, after)} == yard.booked()
    told = yard.bench.named("parcel/corrected")
    assert [(one.corrects, one.travel, one.container) for one in told] == [
        (behind, behind, "NEW"),
        (after, after, "NEW"),
    ]
    assert yard.lane().inside == 2


def test_nothing_stood_there_after_all() -> None:
    yard = Yard()
    yard.cont("P", "OLD", 900)
    travel = yard.drop(300)
    yard.cont("G", None, 500)
    assert yard.booked() == {travel: None}
    assert (yard.floor.containers["OLD"].count, yard.floor.drops[travel].container) == (0, None)
    assert "no container stood at" in yard.bench.last("parcel/corrected").why


def model(changes: list[tuple[int, str, str | None]], at: int) -> str | None:
    """Whose a drop is, by the moments alone."""
    standing = None
    for moment, presence, code in sorted(changes):
        if moment <= at:
            standing = None if presence == "G" else code or "anonymous"
    return standing


def wrong(booked: dict[int, str | None], changes: list[tuple[int, str, str | None]]) -> list[int]:
    """Drops that are booked to another container than the one that stood there then."""
    plain = {at: "anonymous" if name and name.startswith(f"{L1}-") else name for at, name in booked.items()}
    return [at for at, name in plain.items() if name != model(changes, at)]


MOMENTS = st.lists(st.integers(1, 500), unique=True, min_size=2, max_size=24)


@st.composite
def days(draw: Any) -> tuple[list[tuple[int, str, str | None]], list[int], list[Any]]:
    """(changes, drops, all of both in the order of their messages). Every code comes once."""
    moments = draw(MOMENTS)
    split = draw(st.integers(1, min(len(moments), 12)))
    changes = []
    for number, moment in enumerate(moments[:split]):
        presence, code = draw(st.sampled_from([("P", f"BAG-{number}"), ("P", None), ("G", None)]))
        changes.append((moment, presence, code))
    drops = [2 * moment + 1 for moment in moments[split:]]
    changes = [(2 * moment, presence, code) for moment, presence, code in changes]
    return changes, drops, draw(st.permutations([*changes, *drops]))


def lived(arrivals: list[Any], cut: int | None = None) -> tuple[Yard, dict[int, str]]:
    """A yard that heard these messages, with a restart before the one numbered `cut`; drop's moment -> travel."""
    yard, travels = Yard(NEEDS, released=0), {}
    for number, one in enumerate(arrivals):
        if number == cut:
            yard = yard.restarted(NEEDS)
        if isinstance(one, int):
            travels[one] = yard.drop(1001 - one)
        else:
            yard.cont(one[1], one[2], 1001 - one[0])
    return yard, travels


@settings(max_examples=150)
@given(days())
def test_in_whatever_order_the_messages_come(day: Any) -> None:
    changes, drops, arrivals = day
    yard, travels = lived(arrivals)
    booked = yard.booked()
    assert wrong({at: booked[travels[at]] for at in drops}, changes) == []
    containers = yard.floor.containers
    for name, bag in containers.items():
        mine = [travel for travel, container in booked.items() if container == name]
        assert (bag.count, sorted(bag.members)) == (len(mine), sorted(mine))
        assert bag.gone == (name != yard.lane().container)
    assert {travel: yard.floor.drops[travel].container for travel in booked} == booked
    standing = containers.get(yard.lane().container or "")
    if standing is not None:
        assert yard.lane().inside == standing.count, "nothing is counted twice"
    assert (yard.lane().drops, yard.lane().on_way) == (len(drops), 0)
    assert len(yard.bench.terminals()) == len(drops)
    opened = [name for event, name, _ in yard.told() if event == "opened"]
    removed = [name for event, name, _ in yard.told() if event == "removed"]
    assert sorted(opened) == sorted(containers)
    assert sorted(removed) == sorted(name for name, bag in containers.items() if bag.gone)


@settings(max_examples=60)
@given(days(), st.integers(0, 20))
def test_a_restart_in_between_changes_nothing(day: Any, cut: int) -> None:
    _, drops, arrivals = day
    assume(len(drops) < TOO_OFTEN)  # no decision point saw them; so many are an alarm, whose count a restart forgets
    straight, travels = lived(arrivals)
    yard, again = lived(arrivals, cut % len(arrivals))
    assert [yard.booked()[again[at]] for at in drops] == [straight.booked()[travels[at]] for at in drops]
    assert yard.floor.containers == straight.floor.containers
    assert yard.lane() == straight.lane()


def test_a_drop_that_is_booked_to_the_new_bag_is_seen() -> None:
    """The same judge over a floor that goes by the moment of the message."""
    changes = [(100, "P", "OLD"), (500, "P", "NEW"), (900, "G", None)]
    right = {101: "OLD", 499: "OLD", 501: "NEW", 901: None}
    assert wrong(right, changes) == []
    assert wrong({**right, 499: "NEW"}, changes) == [499]
    assert wrong({**right, 901: "NEW"}, changes) == [901]
    assert wrong({**right, 101: None}, changes) == [101]


# --- capacity ---------------------------------------------------------------------------------------------------------


def test_a_parcel_is_counted_once_on_the_way_or_inside() -> None:
    yard = Yard(FULL_AT_3)
    yard.cont("P", "A", 100)
    ride(yard.bench, 1, "CP1", left=30_000)
    yard.bench.answer()
    lane = yard.lane()
    assert (lane.on_way, lane.inside) == (1, 0)
    yard.bench.divc(1, L1)
    assert (lane.on_way, lane.inside) == (0, 1)
    yard.parcel("P2")
    assert (lane.on_way, lane.inside, lane.refuses(yard.bench.now)) == (0, 2, None)
    yard.parcel("P3")
    assert lane.refuses(yard.bench.now) == "FULL"
    yard.cont("P", "B")
    assert (lane.inside, lane.refuses(yard.bench.now)) == (0, None)


# --- the lane takes nothing -------------------------------------------------------------------------------------------


def test_without_an_open_container_the_next_lane_takes_it() -> None:
    yard = Yard(NEEDS)
    ride(yard.bench, 1, "CP1", left=30_000)
    yard.bench.answer()
    assert yard.bench.dests()[-1][1:] == (("L02", "EX"), "NCON")
    yard.cont("P", "A")
    assert yard.bench.dests()[-1][1:] == (("L01", "L02", "EX"), "PLAN"), "everybody is decided again"
    yard.bench.answer()
    yard.press("CLOS")
    assert yard.bench.dests()[-1][1:] == (("L02", "EX"), "NCON"), "also who is on the way to it"
    yard.bench.answer()
    yard.cont("P", "B")
    assert yard.bench.dests()[-1][1][0] == "L01"
    yard.bench.answer()
    yard.cont("G")
    assert yard.bench.dests()[-1][1][0] == "L02"


def test_induction_is_inhibited_while_no_supervised_lane_has_its_container() -> None:
    yard = Yard(BOND_NEEDS)
    yard.bench.stat("S1-EX", "FULL")
    assert yard.bench.requests() == ["INHB"]
    yard.bench.step(CameBack(PLC, "induction", 1, None))
    yard.cont("P", "CAGE", lane=BOND)
    assert yard.bench.requests() == ["INHB", "ENAB"]


def test_the_button_locks_until_it_frees() -> None:
    yard = Yard()
    ride(yard.bench, 1, "CP1", left=30_000)
    yard.bench.answer()
    yard.press("LOCK")
    yard.press("LOCK")
    assert yard.lane().refuses(yard.bench.now) == "LOCK"
    assert yard.bench.dests()[-1][1:] == (("L02", "EX"), "LOCK")
    yard.bench.stat(L1, "FULL")
    yard.bench.stat(L1, "FREE")
    assert yard.lane().refuses(yard.bench.now) == "LOCK", "what the PLC says opens nothing"
    yard.bench.answer()
    yard.press("FREE", None)
    yard.press("FREE")
    assert yard.lane().refuses(yard.bench.now) is None
    assert yard.bench.dests()[-1][1][0] == "L01"
    mine = [(one.state, one.code) for one in yard.bench.named("lane/locked")]
    assert mine == [("LOCK", "BUTN")]
    assert [(one.state, one.code) for one in yard.bench.named("lane/opened")][-1] == ("FREE", "BUTN")
    assert len(yard.bench.named("lane/opened")) == 1


def test_who_is_on_the_way_to_a_lane_that_people_close_goes_elsewhere() -> None:
    yard = Yard()
    ride(yard.bench, 1, "CP1", left=30_000)
    yard.bench.answer()
    yard.lane().closed_by = "anna"
    yard.bench.note()
    yard.bench.advise(advice("P1"))
    assert yard.bench.dests()[-1][1:] == (("L02", "EX"), "CLSD")


# --- closing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lane", "container", "why"),
    [
        ("S1-L99", None, "no lane 'S1-L99' on this floor"),
        (L2, None, f"no container stands at {L2}"),
        (L1, "B", f"A stands at {L1}, not B"),
        (L1, "A", None),
        (L1, None, None),
    ],
)
def test_who_can_be_closed(lane: str, container: str | None, why: str | None) -> None:
    yard = Yard()
    yard.cont("P", "A")
    assert yard.close(lane, container) == why
    assert yard.state("A") == ("closed" if why is None else "open")


def test_closed_twice_is_closed() -> None:
    yard = Yard()
    yard.cont("P", "A")
    assert [yard.close(), yard.close()] == [None, "container A is closed already"]
    yard.press("CLOS")
    assert [event for event, _, _ in yard.told()] == ["opened", "closed"]
    assert yard.bench.last("container/closed").why == "command"


@pytest.mark.parametrize("status", ["hold", "inspect", "seize", "pending"])
def test_what_may_not_leave_holds_its_container(status: str) -> None:
    yard = Yard()
    yard.cont("P", "A")
    yard.parcel("P1")
    yard.parcel("P2")
    yard.bench.customs(status, 2, ("parcel", "P2"))
    refusal = yard.close()
    assert refusal == f"container A holds P2 (customs {status}); take it out first"
    yard.press("CLOS")
    assert yard.alarms() == [("container-close-A", "high")]
    assert yard.state("A") == "open"
    yard.bench.customs("release", 3, ("parcel", "P2"))
    assert yard.close() is None


def test_recalled_is_held_whatever_is_known_of_it_now() -> None:
    yard = Yard()
    yard.cont("P", "A")
    travel = yard.parcel("P1")
    yard.floor.drops[travel].recalled = True
    yard.bench.note()
    assert "P1" in (yard.close() or "")


def test_without_its_advice_it_is_held() -> None:
    yard = Yard()
    yard.cont("P", "A")
    yard.parcel("P1")
    del yard.bench.store["P1"]
    assert "customs unknown" in (yard.close() or "")


def test_an_item_that_nobody_knows_is_held() -> None:
    yard = Yard()
    yard.cont("P", "A")
    travel = yard.drop()
    assert f"holds {travel} (customs unknown)" in (yard.close() or "")


def test_found_and_taken_out_it_holds_nothing() -> None:
    yard = Yard()
    yard.cont("P", "A", 100)
    travel = yard.parcel("P1")
    fell, other = yard.bench.now, yard.parcel("P2")
    yard.bench.customs("hold", 2, ("parcel", "P1"))
    assert yard.close() is not None
    yard.take_out(travel)
    bag = yard.floor.containers["A"]
    assert (bag.count, list(bag.members), yard.lane().inside) == (1, [other], 1)
    assert yard.floor.drops[travel].container is None
    assert yard.close() is None
    yard.take_out(travel)
    yard.take_out("nobody")
    assert bag.count == 1
    yard.cont("P", "B", yard.bench.now - fell + 10)
    assert yard.floor.drops[other].container == "B"
    assert yard.floor.drops[travel].container is None, "no late message puts it back"
    assert yard.floor.containers["B"].count == 1


def test_taken_out_of_one_that_has_left() -> None:
    yard = Yard()
    yard.cont("P", "A")
    travel = yard.parcel("P1")
    yard.cont("G")
    yard.cont("P", "B")
    yard.parcel("P2")
    yard.take_out(travel)
    assert (yard.floor.containers["A"].count, yard.floor.containers["B"].count, yard.lane().inside) == (0, 1, 1)


def test_a_supervised_lane_s_container_may_be_closed() -> None:
    yard = Yard(released=0)
    yard.cont("P", "CAGE", lane=BOND)
    yard.drop(lane=BOND)
    assert yard.close(BOND) is None
    yard.cont("G", lane=BOND)
    assert yard.told() == [("opened", "CAGE", 0), ("added", "CAGE", 1), ("closed", "CAGE", 1), ("removed", "CAGE", 1)]
    assert yard.alarms() == [], "it stays under customs"
    assert yard.floor.containers["CAGE"].members == {}


def test_taken_away_with_what_is_held() -> None:
    yard = Yard()
    yard.cont("P", "A")
    yard.parcel("P1")
    yard.bench.customs("hold", 2)
    yard.cont("G")
    assert yard.alarms() == [("container-held-A", "critical")]
    assert "it left S1-L01: container A holds P1 (customs hold)" in yard.bench.last("alarm/raised").what


def test_the_button_closes_what_stood_there_when_it_was_pressed() -> None:
    yard = Yard()
    yard.cont("P", "OLD", 500)
    yard.cont("P", "NEW", 200)
    yard.press("CLOS", 201)
    assert yard.state("NEW") == "open"
    yard.press("CLOS", 200)
    assert yard.state("NEW") == "closed"
    yard.press("CLOS", lane=L2)
    assert yard.alarms() == []


def test_it_is_closed_from_the_moment_of_the_button() -> None:
    yard = Yard()
    yard.cont("P", "A", 900)
    yard.press("CLOS", 500)
    yard.drop(500)
    assert yard.alarms() == [], "it fell while it was open"
    yard.drop(499)
    assert yard.alarms() == [("container-late-A", "high")]
    yard.drop(100)
    assert len(yard.alarms()) == 1, "said once"
    assert (yard.floor.containers["A"].count, yard.floor.containers["A"].late) == (3, 2)
    assert set(yard.booked().values()) == {"A"}, "it is where it is"


@pytest.mark.parametrize(("earlier", "alarms"), [(0.0, 0), (1.0, 1)])
def test_also_when_the_button_s_message_comes_later(earlier: float, alarms: int) -> None:
    yard = Yard()
    yard.cont("P", "A", 100)
    yard.parcel("P1")
    fell = yard.bench.now
    yard.bench.after(700)
    yard.press("CLOS", yard.bench.now - fell + earlier)
    assert len(yard.alarms()) == alarms


# --- the centre -------------------------------------------------------------------------------------------------------


def test_the_centre_names_closes_and_removes() -> None:
    yard = Yard()
    yard.centre("BAG-7", "open")
    yard.parcel("P1")
    yard.centre("BAG-7", "closed")
    yard.centre("BAG-7", "closed")
    yard.centre("BAG-7", "removed")
    yard.centre("BAG-7", "removed")
    assert [event for event, _, _ in yard.told()] == ["opened", "added", "closed", "removed"]
    assert yard.lane().container is None


def test_the_centre_opens_it_again() -> None:
    yard = Yard(NEEDS)
    yard.centre("BAG-7", "open")
    yard.press("CLOS")
    assert yard.lane().refuses(yard.bench.now) == "NCON"
    yard.centre("BAG-7", "open")
    assert yard.lane().refuses(yard.bench.now) is None
    assert [event for event, _, _ in yard.told()] == ["opened", "closed", "opened"]


def test_older_versions_are_ignored() -> None:
    yard = Yard()
    yard.centre("BAG-7", "open", version=5)
    yard.centre("BAG-7", "closed", version=4)
    yard.centre("BAG-7", "removed", version=5)
    assert yard.state("BAG-7") == "open"
    yard.centre("BAG-7", "closed", version=6)
    assert yard.state("BAG-7") == "closed"


def test_the_first_word_of_one_that_a_machine_saw_come_and_go_is_old() -> None:
    """What the centre said while the broker was away comes long after, and another one stands there now."""
    yard = Yard()
    yard.cont("P", "B", 900)
    yard.cont("P", "C", 500)
    yard.centre("B", "open", version=1)
    assert yard.lane().container == "C"
    assert yard.told()[2:] == [("removed", "B", 0)]
    yard.centre("B", "open", version=1)
    assert yard.lane().container == "C"
    yard.centre("B", "open", version=3)
    assert yard.lane().container == "B"


def test_without_a_version_nobody_can_say_that_it_is_old() -> None:
    yard = Yard()
    yard.cont("P", "B", 900)
    yard.cont("P", "C", 500)
    yard.centre("B", "open", version=0)
    assert yard.lane().container == "B"


def test_one_that_the_centre_named_before_any_machine_saw_it_is_no_old_news() -> None:
    yard = Yard()
    yard.centre("B", "open", version=1)
    yard.cont("P", "B", 500)
    yard.cont("P", "C", 300)
    yard.centre("B", "open", version=2)
    assert yard.lane().container == "B"


def test_a_centre_without_versions_is_heard() -> None:
    yard = Yard()
    for status in ("open", "closed", "open", "removed"):
        yard.centre("BAG-7", status, version=0)
    assert [event for event, _, _ in yard.told()] == ["opened", "closed", "opened", "removed"]


@pytest.mark.parametrize("status", ["closed", "removed"])
def test_what_does_not_stand_here_is_not_closed_or_removed(status: str) -> None:
    yard = Yard()
    yard.cont("P", "A")
    yard.centre("B", status)
    yard.centre("B", "open", lane="OTHER-1")
    assert yard.told() == [("opened", "A", 0)]
    assert set(yard.floor.containers) == {"A"}


def test_opened_at_another_node_it_is_gone_here() -> None:
    yard = Yard()
    yard.cont("P", "A")
    yard.centre("A", "open", lane="OTHER-1")
    assert yard.told() == [("opened", "A", 0), ("removed", "A", 0)]


def test_the_centre_cannot_close_over_a_hold_either() -> None:
    yard = Yard()
    yard.centre("A", "open", version=1)
    yard.parcel("P1")
    yard.bench.customs("hold", 2)
    yard.centre("A", "closed", version=2)
    assert yard.state("A") == "open"
    assert yard.alarms() == [("container-close-A", "high")]
    yard.bench.customs("release", 3)
    yard.centre("A", "closed", version=2)
    assert yard.state("A") == "closed", "what was refused may be said again"


def test_seen_without_a_code_it_is_the_one_that_the_centre_named() -> None:
    yard = Yard()
    yard.centre("BAG-7", "open")
    yard.bench.after(500)
    yard.cont("P", None, 600)
    assert yard.lane().container == "BAG-7"
    assert yard.lane().standing_at(yard.bench.now - 600) == "BAG-7"
    assert yard.told() == [("opened", "BAG-7", 0)]
    yard.cont("P")
    assert yard.lane().container != "BAG-7", "another one"


def test_named_before_the_hands_were_done() -> None:
    """The centre names the next one, then the old one is taken away, then the next one stands there."""
    yard = Yard()
    yard.cont("P", "OLD", 900)
    yard.centre("NEW", "open")
    yard.bench.after(500)
    travel = yard.drop(300)
    assert yard.booked()[travel] == "NEW"
    yard.cont("G", None, 200)
    assert yard.lane().container == "NEW"
    assert yard.booked()[travel] == "OLD", "the old one stood there until then"
    yard.cont("P", None, 100)
    assert yard.lane().container == "NEW"
    yard.cont("G")
    assert yard.lane().container is None, "now it is gone itself"
    assert [event for event, name, _ in yard.told() if event != "added"] == ["opened", "opened", "removed", "removed"]


@pytest.mark.parametrize(("code", "stays"), [("OLD", True), ("NEW", False), (None, True)])
def test_who_is_gone_when_it_says_so(code: str | None, stays: bool) -> None:
    yard = Yard()
    yard.cont("P", "OLD", 900)
    yard.centre("NEW", "open")
    yard.cont("G", code)
    assert (yard.lane().container == "NEW") is stays


def test_the_old_one_left_before_the_next_was_named() -> None:
    yard = Yard()
    yard.cont("P", "OLD", 900)
    yard.centre("NEW", "open")
    named = yard.bench.now
    yard.bench.after(100)
    yard.cont("G", None, 200)
    assert yard.lane().standing_at(named) == "NEW"
    assert yard.floor.containers["NEW"].over is None


def test_what_is_in_one_that_nobody_saw_leave_counts_for_its_follower() -> None:
    """The machine saw a bag without a code, and the centre names it only later: it may be the same bag."""
    yard = Yard()
    yard.cont("P")
    yard.parcel("P1")
    yard.bench.customs("hold", 2)
    yard.centre("BAG-7", "open")
    assert "P1" in (yard.close() or "")
    yard.cont("G")
    assert yard.close() is None, "that one was seen leaving"


def test_one_that_is_seen_is_not_over_another() -> None:
    yard = Yard()
    yard.cont("P")
    yard.parcel("P1")
    yard.bench.customs("hold", 2)
    yard.centre("BAG-7", "open")
    yard.cont("P", "BAG-7")
    assert yard.close() is None


# --- restart ----------------------------------------------------------------------------------------------------------


def test_after_a_reboot_only_what_stands_there_counts() -> None:
    yard = Yard()
    yard.cont("P", "OLD", 900)
    yard.cont("P", "NEW", 500)
    travel = yard.parcel("P1")
    yard.press("CLOS")
    back = yard.restarted(same_boot=False)
    assert (back.lane().container, back.lane().inside) == ("NEW", 1)
    bag = back.floor.containers["NEW"]
    assert (bag.state, bag.closed_at, list(bag.members)) == ("closed", None, [travel])
    back.bench.now = 5000.0
    late = back.drop(100_000)
    assert back.booked()[late] == "NEW"
    assert back.alarms() == [("container-late-NEW", "high")]


def test_what_is_kept_is_json_and_the_same_again() -> None:
    yard = Yard(NEEDS)
    yard.cont("P", "A")
    yard.parcel("P1")
    yard.cont("P", "B")
    yard.press("LOCK")
    back = yard.restarted(NEEDS)
    assert back.floor.containers == yard.floor.containers
    for (kind, key), value in yard.bench.kept.items():
        if kind in ("lane", "container"):
            source: Any = back.floor.lanes if kind == "lane" else back.floor.containers
            assert kept.dump(source[key]) == kept.dump(value), (kind, key)
            json.loads(kept.dump(value))
