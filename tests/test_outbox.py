"""Whatever the order of connections, answers and restarts: every row is published, in order, within the window."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from controller import outbox as module
from controller.journal_rows import Row
from controller.outbox import Outbox


def row(seq: int) -> Row:
    return Row(seq, f"id-{seq}", "t", "s", None, None, None, "z", "top", b"{}")


def rows(*seqs: int) -> list[Row]:
    return [row(seq) for seq in seqs]


def seqs(taken: list[Row]) -> list[int]:
    return [each.seq for each in taken]


def ready(**settings: int) -> Outbox:
    """Connected, and nothing in the journal."""
    outbox = Outbox(**settings)
    assert outbox.wants() == (0, min(module.PAGE, settings.get("memory", 5000)))
    outbox.backlog([])
    outbox.connected()
    return outbox


def test_a_backlog_leaves_in_order_within_window_and_pace() -> None:
    outbox = Outbox(window=5, burst=3)
    outbox.wants()
    outbox.backlog(rows(*range(1, 9)))
    outbox.connected()
    assert seqs(outbox.take(10.0)) == [1, 2, 3]
    assert outbox.next_at() == 10.0 + module.TICK_MS
    assert seqs(outbox.take(10.0 + module.TICK_MS / 2)) == []
    assert seqs(outbox.take(10.0 + module.TICK_MS)) == [4, 5]
    assert outbox.next_at() is None  # the window is full
    assert outbox.puback(2, 0) == "delivered"
    assert seqs(outbox.take(10.1 + module.TICK_MS)) == [6]
    assert outbox.puback(2, 0) == "unknown"
    assert outbox.settled() == ([2], [])
    assert outbox.settled() == ([], [])
    assert (outbox.queued, outbox.oldest) == (7, 1)


def test_what_is_committed_meanwhile_does_not_wait_for_the_pace() -> None:
    outbox = Outbox(window=50, burst=3)
    outbox.wants()
    outbox.backlog(rows(*range(1, 9)))
    outbox.offer(rows(*range(9, 29)))
    outbox.connected()
    assert seqs(outbox.take(10.0)) == [1, 2, 3], "what was committed before it is a backlog as well"
    outbox.offer(rows(29, 30))
    assert seqs(outbox.take(10.1)) == [4, 5]
    assert seqs(outbox.take(10.2)) == []
    outbox.offer(rows(*range(31, 35)))
    assert seqs(outbox.take(20.0)) == list(range(6, 13)), "a tick's rows, and as many as came"
    assert seqs(outbox.take(20.1)) == []
    outbox.offer(rows(*range(35, 500)))
    assert len(outbox.take(30.0)) == 50 - 12, "never more than the window"


def test_nothing_leaves_while_the_broker_is_away() -> None:
    outbox = Outbox()
    outbox.offer(rows(1))
    outbox.wants()
    outbox.backlog(rows(1))
    assert outbox.take(1.0) == []
    assert outbox.next_at() is None
    outbox.connected()
    assert outbox.next_at() is not None
    assert seqs(outbox.take(1.0)) == [1]


def test_what_was_in_flight_goes_first_and_in_order() -> None:
    outbox = ready(window=3)
    outbox.offer(rows(1, 2, 3, 4))
    outbox.take(1.0)
    outbox.puback(2, 0x10)  # accepted, without a subscriber
    outbox.disconnected()
    outbox.disconnected()
    assert outbox.puback(1, 0) == "unknown"
    outbox.connected()
    assert seqs(outbox.take(10.0)) == [1, 3, 4]


def test_a_start_reads_the_journal_first() -> None:
    outbox = Outbox(window=2, oldest=7, last=9)
    outbox.connected()
    assert (outbox.queued, outbox.oldest) == (3, 7)
    outbox.offer(rows(10))  # committed before the journal was read
    assert outbox.take(1.0) == []
    asked = outbox.wants()
    assert asked == (6, module.PAGE)
    outbox.offer(rows(11))  # committed after the question: may or may not be in the answer
    assert outbox.wants() == asked
    outbox.backlog(rows(7, 9, 10))
    outbox.backlog(rows(7, 9, 10))  # an answer nobody waits for
    assert seqs(outbox.take(1.0)) == [7, 9]
    assert outbox.wants() == (10, module.PAGE)
    outbox.backlog(rows(11, 12))  # 12 is committed, and told only now:
    outbox.offer(rows(12))
    outbox.puback(7, 0)
    outbox.puback(9, 0)
    assert seqs(outbox.take(2.0)) == [10, 11]
    outbox.puback(10, 0)
    outbox.puback(11, 0)
    assert seqs(outbox.take(3.0)) == [12]


def test_what_was_read_before_its_commit_was_told_is_known_to_be_on_disk() -> None:
    outbox = Outbox()
    assert (outbox.wants(), outbox.last) == ((0, module.PAGE), 0)
    outbox.backlog(rows(1, 2, 3))
    assert outbox.last == 3
    outbox.offer(rows(2, 3))
    assert (outbox.last, outbox.queued) == (3, 3)


def test_memory_is_bounded_and_the_rest_is_read_back() -> None:
    outbox = ready(window=2, memory=4)
    outbox.offer(rows(*range(1, 8)))
    assert outbox.queued == 7
    assert outbox.wants() is None  # there is enough here
    assert seqs(outbox.take(1.0)) == [1, 2]
    assert outbox.wants() == (4, 4)
    outbox.backlog(rows(5, 6, 7))
    assert outbox.wants() is None
    assert outbox.queued == 7


def test_a_refused_row_blocks_nobody_and_is_tried_again_and_again() -> None:
    outbox = ready(window=1)
    outbox.offer(rows(1, 2))
    outbox.take(1000.0)
    assert outbox.puback(1, 0x87) == "quarantined"
    assert outbox.settled() == ([], [(1, 0x87)])
    assert seqs(outbox.take(1000.0)) == [2]
    outbox.puback(2, 0)
    assert (outbox.quarantined, outbox.queued, outbox.oldest) == (1, 0, None)
    assert outbox.next_at() == 31_000.0
    assert outbox.take(30_999.0) == []
    assert seqs(outbox.take(31_000.0)) == [1]
    outbox.puback(1, 0x97)
    assert outbox.next_at() == 61_000.0
    outbox.retry()
    assert seqs(outbox.take(40_000.0)) == [1]
    outbox.puback(1, 0)
    assert outbox.settled() == ([2, 1], [(1, 0x97)])
    assert outbox.next_at() is None


def test_when_a_topic_is_permitted_again_all_of_it_follows_in_order() -> None:
    outbox = ready(window=10)
    outbox.offer(rows(*range(1, 7)))
    outbox.take(0.0)
    for seq in (4, 1, 3, 6, 2, 5):
        outbox.puback(seq, 0x87)
    for tries, another in enumerate((4, 3, 6), 1):  # the first, and another one, each in its turn
        for expected in (1, another):
            (tried,) = outbox.take(tries * 30_000.0)
            assert tried.seq == expected
            outbox.puback(tried.seq, 0x87)
        assert outbox.take(tries * 30_000.0 + 29_999.0) == []
    assert seqs(outbox.take(120_000.0)) == [1]
    outbox.puback(1, 0)
    assert seqs(outbox.take(120_001.0)) == [2, 3, 4, 5, 6]


def test_a_row_that_is_refused_for_its_own_sake_keeps_no_other() -> None:
    outbox = ready(window=10)
    outbox.offer(rows(*range(1, 5)))
    outbox.take(0.0)
    for seq in range(1, 5):
        outbox.puback(seq, 0x87)
    assert seqs(outbox.take(30_000.0)) == [1]
    outbox.puback(1, 0x95)
    assert seqs(outbox.take(30_000.0)) == [2]
    outbox.puback(2, 0)
    assert seqs(outbox.take(30_001.0)) == [1, 3, 4]


def test_topics_are_tried_each_for_itself() -> None:
    outbox = ready(window=10)
    offered = rows(*range(1, 5))
    outbox.offer([replace(row, topic=f"t/{row.seq % 2}") for row in offered])
    outbox.take(0.0)
    for seq in range(1, 5):
        outbox.puback(seq, 0x87)
    assert seqs(outbox.take(30_000.0)) == [2, 1]
    outbox.puback(1, 0)
    outbox.puback(2, 0x87)
    assert seqs(outbox.take(30_001.0)) == [3, 4]


def test_when_everything_was_refused_all_of_it_comes_back() -> None:
    outbox = ready()
    everything = list(range(1, 3 * module.QUARANTINE))
    delivered: list[int] = []
    quarantined: set[int] = set()
    outbox.offer(rows(*everything))

    def pump(now: float, code: int) -> None:
        for tick in range(10_000):
            if outbox.wants():
                after, limit = outbox.wants() or (0, 0)
                left = [seq for seq in everything if seq not in {*delivered, *quarantined}]
                outbox.backlog(rows(*[seq for seq in left if seq > after][:limit]))
            for each in outbox.take(now + tick):
                outbox.puback(each.seq, code)
            good, bad = outbox.settled()
            delivered.extend(good)
            quarantined.update(seq for seq, _ in bad)

    pump(0.0, 0x87)
    assert outbox.quarantined == len(quarantined) == module.QUARANTINE
    pump(1e6, 0)
    assert sorted(delivered) == everything
    assert (outbox.quarantined, outbox.queued) == (0, 0)


def test_a_row_that_ends_every_connection_goes_to_quarantine() -> None:
    outbox = ready(window=10)
    outbox.offer(rows(1, 2, 3))
    published: list[list[int]] = []
    for now in range(2 * module.DEATHS):
        outbox.connected()
        published.append(seqs(outbox.take(now * 1000.0)))
        outbox.disconnected()
    assert published == [[1, 2, 3]] * module.DEATHS + [[1]] * module.DEATHS
    assert outbox.settled() == ([], [(1, module.CLOSED_ON_IT)])
    outbox.connected()
    assert seqs(outbox.take(10_000.0)) == [2]
    outbox.puback(2, 0)
    assert seqs(outbox.take(10_001.0)) == [3]


def test_a_row_that_ends_every_connection_is_tried_less_and_less_often() -> None:
    """Each time costs everybody several connections. What is refused in its topic meanwhile is another matter."""
    outbox, now, ended = ready(), 0.0, []
    outbox.offer(rows(1))
    outbox.connected()
    while (outbox.next_at() or 0.0) < 86_400_000.0:
        now = max(now + 1000.0, outbox.next_at() or 0.0)
        if outbox.take(now):
            ended.append(now)
            outbox.disconnected()
            outbox.connected()
    assert len(ended) <= 32 * 2 * module.DEATHS, "at last every hour"
    outbox.offer(rows(2))
    assert seqs(outbox.take(now)) == [2]
    outbox.puback(2, 0x87)
    assert seqs(outbox.take(now + 30_000.0)) == [2]
    outbox.retry()
    assert seqs(outbox.take(now + 30_001.0)) == [1]
    outbox.puback(1, 0)
    outbox.puback(2, 0)
    assert (outbox.quarantined, outbox.refusals) == (0, 0)


def test_a_connection_that_the_broker_did_not_close_says_nothing_of_a_row() -> None:
    outbox = ready(window=10)
    outbox.offer(rows(1, 2))
    for now in range(5 * module.DEATHS):
        outbox.connected()
        assert seqs(outbox.take(now * 1000.0)) == [1, 2], "nor does it narrow the window"
        outbox.disconnected(by_broker=False)
    for now in range(module.DEATHS, 3 * module.DEATHS):
        outbox.connected()
        outbox.take(now * 100_000.0)
        outbox.disconnected(by_broker=now % 2 == 0)
    assert outbox.settled() == ([], [])


def test_lost_connections_refuse_nothing_while_rows_are_accepted() -> None:
    outbox = ready(window=2)
    outbox.offer(rows(*range(1, 40)))
    for now in range(30):
        outbox.connected()
        taken = outbox.take(now * 1000.0)
        outbox.puback(taken[0].seq, 0)
        outbox.disconnected()
    assert outbox.settled() == (list(range(1, 31)), [])


class AnyOrder(RuleBasedStateMachine):
    """The outbox beside a journal that lives on when the outbox starts anew."""

    WINDOW, MEMORY, BURST = 4, 6, 3

    def __init__(self) -> None:
        super().__init__()
        self.committed = 0
        self.told = 0  # of the committed ones
        self.undelivered: set[int] = set()  # as the journal has it
        self.quarantined: set[int] = set()
        self.accepted: set[int] = set()  # as the broker has it
        self.published: set[int] = set()
        self.now = 0.0
        self.paced = self.beside = 0
        """rows that may leave at this moment, by the pace and beside it"""
        self.start()

    def start(self) -> None:
        self.outbox = Outbox(
            self.WINDOW,
            self.MEMORY,
            oldest=min(self.undelivered, default=None),
            last=self.committed,
            burst=self.BURST,
        )
        self.up = False
        self.paced, self.beside = self.BURST, 0
        self.flying: list[int] = []
        self.told = self.committed
        self.quarantined.clear()

    @rule(count=st.integers(1, 10))
    def commit(self, count: int) -> None:
        self.undelivered.update(range(self.committed + 1, self.committed + count + 1))
        self.committed += count

    @rule()
    def tell(self) -> None:
        self.outbox.offer(rows(*range(self.told + 1, self.committed + 1)))
        self.beside += self.committed - self.told
        self.told = self.committed

    @rule(wait=st.sampled_from([0.0, 1.0, 60_000.0, 1e7]))
    def take(self, wait: float) -> None:
        self.now += wait
        self.paced = self.BURST if wait else self.paced
        taken = seqs(self.outbox.take(self.now))
        assert self.up or not taken
        assert len(taken) <= self.paced + self.beside
        self.paced, self.beside = max(0, self.paced - len(taken)), self.beside - max(0, len(taken) - self.paced)
        for seq in taken:
            assert seq <= self.committed
            if seq not in self.published:
                assert not any(earlier not in self.published for earlier in range(1, seq))
            self.published.add(seq)
            self.flying.append(seq)

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 99), code=st.sampled_from([0, 0, 0, 0x10, 0x80, 0x87, 0xFF]))
    def puback(self, which: int, code: int) -> None:
        seq = self.flying.pop(which % len(self.flying))
        outcome = self.outbox.puback(seq, code)
        assert outcome == ("delivered" if code < 0x80 else "quarantined")
        if code < 0x80:
            self.accepted.add(seq)

    @rule()
    def settle(self) -> None:
        delivered, quarantined = self.outbox.settled()
        assert self.accepted.issuperset(delivered)
        self.undelivered.difference_update(delivered)
        self.quarantined.update(seq for seq, _ in quarantined)

    @rule()
    def read(self) -> None:
        if asked := self.outbox.wants():
            after, limit = asked
            found = sorted(seq for seq in self.undelivered - self.quarantined if seq > after)
            self.outbox.backlog(rows(*found[:limit]))

    @rule()
    def connect(self) -> None:
        if not self.up:
            self.outbox.connected()
            self.up, self.beside = True, 0

    @rule(by_broker=st.booleans())
    def disconnect(self, by_broker: bool) -> None:
        self.outbox.disconnected(by_broker)
        self.up, self.flying = False, []

    @rule()
    def restart(self) -> None:
        self.start()

    @invariant()
    def window_holds(self) -> None:
        assert len(self.flying) <= self.WINDOW

    @invariant()
    def memory_holds(self) -> None:
        assert len(self.outbox._ready) <= self.MEMORY + self.WINDOW

    def teardown(self) -> None:
        """Let it run on with a kind broker: everything arrives."""
        self.tell()
        self.connect()
        for _ in range(20 + 2 * self.committed):
            self.settle()
            self.read()
            self.take(1e7)
            while self.flying:
                self.puback(0, 0)
        self.settle()
        assert self.accepted == set(range(1, self.committed + 1))
        assert self.undelivered == set()
        assert (self.outbox.queued, self.outbox.quarantined, self.outbox.oldest) == (0, 0, None)


AnyOrder.TestCase.settings = settings(stateful_step_count=60)
TestAnyOrder = AnyOrder.TestCase
