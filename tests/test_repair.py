"""Gaps at a consumer are closed by themselves: paced, behind live rows, not for ever, only what is really missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller import repair as module
from controller.journal_rows import Row
from controller.outbox import DEATHS, Outbox
from controller.repair import Repair
from tests.test_outbox import row, seqs

SECOND = 1000.0


class World:
    """Outbox, repair and journal of a node; a broker that accepts, and what it drops on the way to a consumer."""

    def __init__(self, drops: Callable[[int, int], bool] = lambda seq, time: False, last: int = 0) -> None:
        """`drops(seq, time)`: the how many-eth sending of a row is lost behind the PUBACK."""
        self.now = 1_000_000.0
        self.outbox = Outbox(oldest=None, last=last)
        self.repair = Repair(self.outbox, last, 1)
        self.outbox.connected()
        self.rows = {seq: row(seq) for seq in range(1, last + 1)}
        self.damaged: set[int] = set()
        self.sent: set[int] = set()
        self.again: list[int] = []
        self.times: Counter[int] = Counter()
        self.upto = 0
        """what a consumer says that it has without a gap"""
        self.heard: set[int] = set()
        self.drops = drops
        self.refused: set[int] = set()

    def commit(self, count: int = 1) -> None:
        first = len(self.rows) + 1
        new = [row(seq) for seq in range(first, first + count)]
        self.rows.update((one.seq, one) for one in new)
        self.outbox.offer(new)

    def ack(self, name: str = "erp", sequence: int | None = None) -> None:
        self.repair.heard(name, self.upto if sequence is None else sequence, self.now)

    def pump(self) -> None:
        """As the daemon does it, and the broker answers at once."""
        if asked := self.outbox.wants():
            after, limit = asked
            pending = (one for one in self.following(after) if one.seq not in self.sent)
            self.outbox.backlog(list(islice(pending, limit)))
        if wanted := self.repair.wants(self.now):
            self.repair.damaged = self.damaged
            self.repair.rows(self.read(*wanted))
        live = self.outbox.take(self.now)
        for one in live:
            self.sent.add(one.seq)
            self.arrive(one)
            if self.outbox.puback(one.seq, 0x87 if one.seq in self.refused else 0) == "delivered":
                self.repair.accepted(one.seq, self.now)
        for one in self.repair.take(self.now):
            assert not live or self.outbox.idle
            self.again.append(one.seq)
            self.arrive(one)
            self.repair.puback(one.seq, self.now)

    def read(self, after: int, limit: int) -> list[Row]:
        return list(islice((one for one in self.following(after) if one.seq not in self.damaged), limit))

    def following(self, after: int) -> Iterator[Row]:
        last = max(self.rows, default=0)
        return (self.rows[seq] for seq in range(after + 1, last + 1) if seq in self.rows)

    def arrive(self, one: Row) -> None:
        self.times[one.seq] += 1
        if one.seq not in self.refused and not self.drops(one.seq, self.times[one.seq]):
            self.heard.add(one.seq)
        while self.upto + 1 in self.heard:
            self.upto += 1

    def run(self, seconds: float, every: Callable[[], None] = lambda: None, step: float = 100.0) -> None:
        """Time passes; `every` second something is done."""
        until = self.now + seconds * SECOND
        due = self.now
        while self.now < until:
            if self.now >= due:
                due += SECOND
                every()
            self.pump()
            dues = [due for due in (self.repair.next_at(), self.outbox.next_at()) if due is not None]
            self.now = min(max(self.now + 1.0, min([*dues, self.now + step])), until)


def lossy(*lost: int) -> Callable[[int, int], bool]:
    return lambda seq, time: seq in lost and time == 1


def test_what_the_broker_lost_comes_again_and_nothing_else_for_long() -> None:
    world = World(lossy(7, 8, 30))
    world.commit(40)
    world.run(9, world.ack)
    assert world.upto == 6
    assert world.again == []
    world.run(31, world.ack)
    assert world.upto == 40
    before = len(world.again)
    assert set(world.again) <= set(range(7, 41))
    world.run(3600, world.ack)
    assert len(world.again) == before, "who has everything gets nothing again"


def test_a_consumer_that_has_everything_or_is_never_heard_gets_nothing_again() -> None:
    world = World(lossy(3))
    world.commit(10)
    world.run(600)
    assert world.again == []
    world = World()
    for _ in range(30):
        world.commit(5)
        world.run(2, world.ack)
    assert world.again == []


def test_a_consumer_that_is_slow_but_moves_gets_nothing_again() -> None:
    world = World()
    world.commit(500)
    place = 0

    def slowly() -> None:
        nonlocal place
        place += 1
        world.ack(sequence=place)

    world.run(400, slowly)
    assert world.again == []


def test_a_consumer_that_is_away_gets_little_again_and_less_and_less_often() -> None:
    world = World()
    world.commit(5)
    world.run(1, world.ack)
    world.commit(20_000)
    begin = len(world.again)
    world.run(4 * 3600, step=60_000.0)  # it says nothing any more
    passes = (len(world.again) - begin) / module.FIRST
    assert 5 <= passes <= 12, "10, 20, 40, … s apart, at last an hour"
    world.run(25 * 3600, step=60_000.0)
    assert world.repair.consumers == {}, "forgotten after a day"
    before = len(world.again)
    world.run(3600, step=60_000.0)
    assert len(world.again) == before


def test_after_a_pass_without_progress_it_waits_longer_and_longer() -> None:
    world = World(lambda seq, time: seq == 3)  # never gets through
    world.commit(10)
    moments: list[float] = []
    world.run(1, world.ack)
    last = 0
    for _ in range(400):
        world.run(1, world.ack)
        if world.again.count(3) > last:
            last = world.again.count(3)
            moments.append(world.now)
    gaps = [round((later - one) / SECOND) for one, later in pairwise(moments)]
    assert gaps[:4] == [10, 20, 40, 80]
    world.drops = lambda seq, time: False
    world.run(400, world.ack)
    assert world.upto == 10


def test_much_that_was_lost_comes_with_growing_passes() -> None:
    world = World(lambda seq, time: time == 1)  # a broker that lost everything it had
    world.commit(10_000)
    world.run(120, world.ack, step=1.0)
    assert world.upto == 10_000
    assert len(world.again) == 10_000, "nothing three times"


def test_only_little_leaves_at_once_and_nothing_while_live_rows_wait() -> None:
    world = World(last=200)
    world.ack(sequence=0)
    world.pump()
    world.now += 20 * SECOND
    assert world.repair.wants(world.now) == (0, module.PAGE)
    world.outbox.backlog([])
    world.repair.rows(world.read(0, module.PAGE))
    world.commit(1)
    assert world.repair.take(world.now) == [], "a live row waits"
    assert seqs(world.outbox.take(world.now)) == [201]
    taken = []
    for _ in range(40):
        now = seqs(world.repair.take(world.now))
        assert len(now) <= module.BURST
        taken += now
        assert world.repair.take(world.now) == []
        world.now += module.TICK_MS
    assert taken == list(range(1, module.WINDOW + 1)), "no more without an answer"
    world.repair.puback(1, world.now)
    assert seqs(world.repair.take(world.now)) == [module.WINDOW + 1]
    world.repair.disconnected()
    assert seqs(world.repair.take(world.now + 1)) == [2, 3, 4, 5], "without an answer: once more"


def test_a_row_on_which_the_broker_closes_ends_few_connections() -> None:
    """It was taken once, maybe by another broker of the list."""
    world, ended = World(lossy(3)), []
    world.commit(40)
    world.run(1, world.ack)
    arrive = world.repair.puback

    def closes(seq: int, now: float) -> None:
        if seq != 3:
            return arrive(seq, now)
        ended.append(now)
        world.outbox.disconnected()
        world.repair.disconnected()
        world.outbox.connected()

    world.repair.puback = closes  # type: ignore[method-assign]
    world.run(100, world.ack)
    assert 0 < len(ended) <= 4 * DEATHS
    world.run(7200, world.ack, step=1000.0)
    assert len(ended) <= 12 * DEATHS, "less and less often"
    world.commit()
    world.run(1)
    assert len(world.rows) in world.heard
    world.repair.puback = arrive  # type: ignore[method-assign]
    world.run(3700, world.ack, step=1000.0)
    assert world.upto == len(world.rows)


def test_a_newer_ack_moves_the_cursor() -> None:
    world = World(last=100)
    world.ack(sequence=10)
    world.now += 11 * SECOND
    assert world.repair.wants(world.now) == (10, module.PAGE)
    world.outbox.wants()
    world.outbox.backlog([])
    world.repair.rows(world.read(10, module.PAGE))
    assert seqs(world.repair.take(world.now)) == [11, 12, 13, 14]
    world.ack(sequence=98)
    for seq in (11, 12, 13, 14):
        world.repair.puback(seq, world.now)
    assert world.repair.take(world.now + 1) == []
    assert world.repair.wants(world.now + 1) == (98, 2)
    world.repair.rows(world.read(98, 2))
    assert seqs(world.repair.take(world.now + 1)) == [99, 100]


def test_rows_of_the_outbox_are_its_own_affair() -> None:
    world = World()
    world.refused = {5}
    world.commit(20)
    world.run(5, world.ack)
    assert (world.upto, world.outbox.refused) == (4, [5])
    world.run(55, world.ack)
    assert world.again == [], "it waits rightly for the refused one"
    world.refused.clear()
    world.outbox.retry()
    world.run(60, world.ack)
    assert (world.upto, world.again) == (20, [])


def test_a_refused_row_on_the_way_is_left_to_the_outbox() -> None:
    world = World(lossy(3))
    world.refused = {5}
    world.commit(8)
    world.run(15, world.ack)
    assert world.again == [3, 4, 6, 7, 8]


def test_a_damaged_row_is_waited_for_rightly() -> None:
    world = World(last=50)
    world.damaged = {21}
    world.repair.damaged = {21}
    world.ack(sequence=20)
    world.run(600, lambda: world.ack(sequence=20))
    assert (world.again, world.repair.gaps) == ([], {})
    world.run(30, lambda: world.ack(sequence=22))
    assert set(world.again) == set(range(23, 51))


def test_damage_that_is_met_on_the_way_is_no_gap_of_retention() -> None:
    world = World(last=50)
    world.damaged = {1, 30}
    world.run(30, lambda: world.ack(sequence=0))
    assert world.repair.gaps == {}
    assert 30 not in world.again


def test_what_retention_has_removed_is_told_and_not_asked_for_again() -> None:
    world = World(last=100)
    for seq in range(1, 61):
        del world.rows[seq]
    world.run(30, lambda: world.ack(sequence=20))
    assert world.repair.gaps == {"erp": (21, 60)}
    before = len(world.again)
    world.run(7200, lambda: world.ack(sequence=20))
    assert len(world.again) == before
    world.run(30, lambda: world.ack(sequence=70))
    assert world.repair.gaps == {}
    assert set(range(71, 101)) <= set(world.again)


def test_all_of_it_removed() -> None:
    world = World(last=100)
    world.rows.clear()
    world.run(30, lambda: world.ack(sequence=20))
    assert world.repair.gaps == {"erp": (21, 100)}


def test_a_new_stream_is_heard_from_its_first_sequence() -> None:
    world = World(last=100)
    world.repair = Repair(world.outbox, 100, 91)
    world.run(30, lambda: world.ack(sequence=0))
    assert set(world.again) == set(range(91, 101))


def test_a_consumer_may_go_back() -> None:
    world = World(last=50)
    world.run(5, lambda: world.ack(sequence=50))
    world.run(30, lambda: world.ack(sequence=40))
    assert set(world.again) == set(range(41, 51))


def test_at_most_sixteen_consumers_are_remembered_and_the_silent_one_goes() -> None:
    world = World(last=5)
    for number in range(40):
        world.now += SECOND
        world.ack("loud", 5)
        world.now += SECOND
        world.ack(f"c{number}", 5)
    assert len(world.repair.consumers) == module.CONSUMERS
    assert list(world.repair.consumers) == ["loud", *(f"c{number}" for number in range(25, 40))]


@pytest.mark.parametrize("behind", [0, 30])
def test_several_consumers_are_helped_one_after_the_other(behind: int) -> None:
    world = World(last=100)

    def both() -> None:
        world.ack("a", max([behind, *(seq for seq in world.again if world.again)], default=0))
        world.ack("b", 100)

    world.run(30, both)
    assert world.again == list(range(behind + 1, 101))


@settings(max_examples=60)
@given(
    st.integers(0, 2**32),
    st.integers(1, 400),
    st.floats(0.0, 0.9),
    st.lists(st.integers(1, 400), max_size=3),
)
def test_whatever_is_lost_in_the_end_everything_is_heard(
    seed: int, count: int, share: float, refused: Iterable[int]
) -> None:
    rng = Random(seed)
    lost = {(seq, time) for seq in range(1, 500) for time in (1, 2, 3) if rng.random() < share}
    world = World(lambda seq, time: (seq, time) in lost)
    world.refused = {seq for seq in refused if seq <= count}
    for _ in range(5):
        world.commit(rng.randint(0, count // 5 + 1))
        world.run(rng.choice((0.5, 3.0, 12.0)), world.ack)
        if rng.random() < 0.3:
            world.outbox.disconnected(by_broker=False)
            world.repair.disconnected()
            world.run(2)
            world.outbox.connected()
    world.refused.clear()
    world.outbox.retry()
    world.run(4000, world.ack, step=1000.0)
    assert world.upto == len(world.rows)
    assert world.repair.gaps == {}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2**63)), max_size=30))
def test_any_acks_are_bounded(acks: list[tuple[str, int]]) -> None:
    world = World(last=10)
    for name, sequence in acks:
        world.repair.heard(name, sequence, world.now)
        world.run(15)
    assert len(world.again) <= 10 * (1 + len(acks))
