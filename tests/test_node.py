"""Node: what it tells a machine and the centre, in what order, and what bad messages do to it."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.advice import Advice
from controller.advices import Advices
from controller.inbound import TOPICS
from controller.journal_rows import Batch, Row
from controller.node import Node, Start
from controller.states import Publish
from tests.floor_fixture import EPOCH, PLC, TUNNEL, UTC, advice, record, small_floor
from tests.hub import MemoryJournal
from tests.telegram_line import plc, seqs

HUB = "hub/v1/lgg"


def arrv(track: int, age: int = 0, left: int = 2500) -> str:
    """Body of ARRV behind its evt."""
    return f"S1-DEC......{track:06}{age:05}{left:05}002000000000000000S0"


def indu(track: int, age: int = 0) -> str:
    """Body of INDU behind its evt."""
    return f"S1-IND......{track:06}000000000200{age:05}"


def divc(track: int, decision: int, lane: str = "S1-L01") -> str:
    """Body of DIVC behind its evt."""
    return f"{track:06}{decision:04}{lane:.<12}{lane:.<12}OKG0000000"


def trak(track: int, decision: int = 0, age: int = 0) -> str:
    """Body of TRAK with one item."""
    return f"01{track:06}S1-DEC......{'S1-L01' if decision else '':.<12}{decision:04}S00{age:05}"


def named(row: Row) -> str:
    """`family/name` of a row."""
    return row.topic.split("/event/")[1]


class Daemon:
    """A Node with a journal in memory, a broker that is there, and a PLC that is a script."""

    def __init__(self, *changes: str, journal: MemoryJournal | None = None, now: float = 100_000.0) -> None:
        self.config, self.plan = small_floor(*changes)
        self.journal = journal or MemoryJournal()
        self.now, self.out, self.tokens, self.seq, self.evt, self.epoch = now, b"", 0, 0, 0, EPOCH
        start = Start(now, UTC + now, True, Random(5))
        self.node = Node(self.config, {self.plan.plan: self.plan}, self.journal.restored(), self.journal.look, start)

    def up(self) -> Daemon:
        """Links, broker and session are there; the customs feed is fresh."""
        self.node.link_up(PLC, self.now)
        self.node.link_up(TUNNEL, self.now)
        self.node.connected(self.now)
        self.say("customs/head", {"sequence": 0, "time_ms": int(UTC + self.now)})
        self.begin()
        self.synchronised()
        self.commit()
        return self

    def take(self) -> list[tuple[str, str, int]]:
        """What is written to the PLC now; every request of the controller but SYES is answered later."""
        data = self.node.take(PLC)
        assert isinstance(data, bytes)
        self.out += data
        return seqs(data)

    def answer(self, kind: str, code: str = "") -> None:
        """The PLC answers the last request of that type."""
        number = [seq for name, flag, seq in seqs(self.out) if (name, flag) == (kind, "R")][-1]
        flag = "N" if code else "A"
        self.node.received(PLC, plc(kind, number, code, flag, epoch=self.journal.boot), self.now)
        self.take()

    def request(self, kind: str, body: str = "") -> list[tuple[str, str, int]]:
        self.seq = self.seq % 9999 + 1
        self.node.received(PLC, plc(kind, self.seq, body, epoch=self.epoch), self.now)
        return self.take()

    def event(self, kind: str, body: str) -> list[tuple[str, str, int]]:
        self.evt += 1
        return self.request(kind, f"{self.evt:06}{body}")

    def begin(self) -> None:
        self.take()
        self.answer("SYES")
        self.request("SYBE")

    def synchronised(self) -> None:
        self.request("SYEN")
        self.answer("TIME")

    def read(self, code: str, ms: float = 0.0) -> None:
        self.now += ms
        self.node.received(TUNNEL, b"\x02" + code.encode() + b"\x03", self.now)

    def say(self, topic: str, body: Any) -> int:
        """The centre publishes; the token of its message."""
        self.tokens += 1
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.node.message(f"{HUB}/{topic}", payload, self.tokens, self.now)
        self.take()
        return self.tokens

    def on_its_way(self) -> Batch:
        """What is on its way to the disk."""
        batch = self.node.rows()
        assert batch is not None
        return batch

    def durable(self, batch: Batch) -> list[tuple[str, str, int]]:
        """It is there."""
        self.journal.commit(batch)
        self.node.committed(batch, self.now)
        return self.take()

    def commit(self) -> list[tuple[str, str, int]]:
        return self.durable(self.on_its_way())

    def commit_if_any(self) -> None:
        """Commit, if there is something."""
        batch = self.node.rows()
        if batch is not None:
            self.durable(batch)

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """Bodies of the committed events of that type."""
        rows = [row for row in self.journal.rows.values() if not name or named(row) == name]
        return [json.loads(row.body) for row in rows]


DURABLE_FIRST = "durable_first = false => durable_first = true"


# --- answer first, record at once, tell the machine when durable ------------------------------------------------------


def test_the_destination_leaves_before_the_commit() -> None:
    hub = Daemon().up()
    assert [(kind, flag) for kind, flag, _ in hub.event("ARRV", arrv(1))] == [("ARRV", "A"), ("DEST", "R")]


def test_links_are_taken_in_the_order_in_which_they_got_something() -> None:
    hub = Daemon().up()
    hub.node.dirty.clear()
    for link in (TUNNEL, PLC, TUNNEL):
        hub.node.received(link, b"", hub.now)
    assert list(hub.node.dirty) == [TUNNEL, PLC]
    hub.node.take(TUNNEL)
    assert list(hub.node.dirty) == [PLC]


def test_durable_first_lets_the_destination_wait() -> None:
    hub = Daemon(DURABLE_FIRST).up()
    assert [(kind, flag) for kind, flag, _ in hub.event("ARRV", arrv(1))] == [("ARRV", "A")]
    first = hub.on_its_way()
    assert [named(row) for row in first.events] == ["parcel/inducted", "parcel/routed"]
    hub.event("INDU", indu(2))
    assert ("DEST", "R") not in [sent[:2] for sent in seqs(hub.out)]
    assert [(kind, flag) for kind, flag, _ in hub.durable(first)] == [("DEST", "R")]


def test_durable_first_and_nothing_to_wait_for_is_sent() -> None:
    """ENAB follows the answer to INHB, without an event; on an empty belt no other one will come."""
    hub = Daemon(DURABLE_FIRST).up()
    for lane, state in (("S1-BOND", "FULL"), ("S1-EX", "FULL")):
        hub.event("STAT", f"{lane:.<12}{state}......00000")
    assert [(kind, flag) for kind, flag, _ in hub.commit()] == [("CMND", "R")]
    hub.event("STAT", f"{'S1-EX':.<12}FREE......00000")
    hub.commit()
    hub.answer("CMND")
    hub.commit()
    assert [(kind, flag) for kind, flag, _ in seqs(hub.out)].count(("CMND", "R")) == 2, "INHB, then ENAB"


def test_durable_first_and_too_late_is_never_sent() -> None:
    hub = Daemon(DURABLE_FIRST).up()
    hub.event("ARRV", arrv(1, left=500))
    batch = hub.on_its_way()
    hub.now += 451
    hub.durable(batch)
    hub.node.tick(hub.now)
    hub.take()
    assert ("DEST", "R") not in [sent[:2] for sent in seqs(hub.out)]
    assert hub.node.floor.late == 1
    hub.commit()
    assert hub.events("parcel/refused")[-1]["data"]["code"] == "EXPIRED"


def test_durable_first_and_meanwhile_another_item_has_the_track() -> None:
    """The PLC lost its memory while the disk was slow: track 17 is somebody else, whom the decision must not reach."""
    hub = Daemon(DURABLE_FIRST).up()
    hub.event("ARRV", arrv(17))
    batch = hub.on_its_way()
    hub.now += 100
    hub.epoch, hub.seq, hub.evt = EPOCH + 1, 0, 0
    hub.request("LIFE")
    hub.begin()
    hub.synchronised()
    hub.event("INDU", indu(17))
    hub.out = b""
    hub.durable(batch)
    hub.node.tick(hub.now)
    hub.take()
    assert ("DEST", "R") not in [sent[:2] for sent in seqs(hub.out)]


def test_a_travel_of_a_line_that_is_gone_ends_at_the_start() -> None:
    hub = Daemon().up()
    hub.event("INDU", indu(1))
    hub.commit()
    (key,) = [key for key in hub.journal.state if key[0] == "travel"]
    hub.journal.state[key] = hub.journal.state[key].replace(b'"line":"S1"', b'"line":"S9"')
    again = Daemon(journal=hub.journal)
    again.commit()
    (lost,) = again.events("parcel/lost")
    assert (lost["data"]["travel"], lost["data"]["reason"]) == (key[1], "line S9 is not on the floor any more")
    assert key not in hub.journal.state
    once_more = Daemon(journal=hub.journal)
    once_more.commit()
    assert len(once_more.events("parcel/lost")) == 1


def test_durable_is_told_after_the_commit_only() -> None:
    hub = Daemon().up()
    hub.event("INDU", indu(1))
    batch = hub.on_its_way()
    assert batch.channels == {PLC: (EPOCH, 1)}
    hub.out = b""
    hub.event("INDU", indu(2))
    assert b"INDUA" in hub.out
    assert b"006000000" in hub.out, "taken, nothing durable"
    hub.durable(batch)
    hub.out = b""
    hub.event("INDU", indu(3))
    assert b"006000001" in hub.out


def test_a_message_is_acknowledged_after_the_commit_only() -> None:
    hub = Daemon().up()
    hub.node.acks()
    token = hub.say("advice", advice().model_dump(mode="json"))
    assert hub.node.acks() == []
    batch = hub.on_its_way()
    assert batch.tokens == [token]
    assert hub.node.acks() == []
    hub.durable(batch)
    assert hub.node.acks() == [token]
    assert hub.node.acks() == []


def test_an_event_is_published_after_the_commit_only() -> None:
    hub = Daemon().up()
    while hub.node.outbox.wants() is not None:
        hub.node.backlog(hub.journal.backlog(*(hub.node.outbox.wants() or (0, 0))))
    published = keys(hub.node.publishes(hub.now))
    hub.event("INDU", indu(1))
    hub.now += 10
    assert keys(hub.node.publishes(hub.now)) == []
    hub.commit()
    (new,) = keys(hub.node.publishes(hub.now))
    assert new == max(published) + 1
    hub.node.puback(new, 0, hub.now)
    hub.commit()
    assert new not in hub.journal.open_rows


def keys(published: list[Publish]) -> list[int]:
    return [publish.key for publish in published if publish.key]


def test_an_event_with_its_number_in_one_transaction() -> None:
    hub = Daemon().up()
    hub.event("ARRV", arrv(1))
    batch = hub.on_its_way()
    assert batch.channels == {PLC: (EPOCH, 1)}
    assert [named(row) for row in batch.events] == ["parcel/inducted", "parcel/routed"]
    assert {kind for kind, _ in batch.state} == {"travel"}


# --- a life with the real driver --------------------------------------------------------------------------------------


def test_a_parcel() -> None:
    hub = Daemon().up()
    hub.say("advice", advice(customs="none").model_dump(mode="json"))
    hub.event("INDU", indu(1))
    hub.read("CP1", 1200)
    hub.now += 800
    hub.event("ARRV", arrv(1))
    assert b"S1-L01......S1-L02......S1-EX......." in hub.out
    hub.answer("DEST")
    hub.event("DIVC", divc(1, 1))
    hub.commit()
    assert [event["type"].split(".")[2] for event in hub.events()][-4:] == ["inducted", "read", "routed", "sorted"]
    assert hub.events("parcel/sorted")[0]["data"]["parcel"] == "P1"


def test_a_refusal_comes_back_to_the_floor() -> None:
    hub = Daemon().up()
    hub.event("ARRV", arrv(1))
    hub.answer("DEST", "LATE")
    hub.commit()
    assert hub.events("parcel/refused")[0]["data"]["code"] == "LATE"


def test_a_destination_that_is_not_answered_in_time_is_given_up_and_counted() -> None:
    hub = Daemon().up()
    hub.event("ARRV", arrv(1, left=500))
    for _ in range(20):
        hub.now += 50
        hub.node.tick(hub.now)
        hub.take()
    sendings = [sent for sent in seqs(hub.out) if sent[:2] == ("DEST", "R")]
    assert 1 <= len(sendings) <= 2, "not repeated after 450 ms"
    assert hub.node.floor.late == 1


def test_a_restart_goes_on_with_what_was_committed() -> None:
    hub = Daemon().up()
    hub.event("ARRV", arrv(1))
    hub.commit()
    hub.event("INDU", indu(2))
    again = Daemon(journal=hub.journal, now=hub.now + 300)
    assert again.node.boot == hub.node.boot + 1
    assert [travel.track for _, travel in again.node.floor.travels()] == [1], "what was not committed is not there"
    again.node.link_up(PLC, again.now)
    again.take()
    assert b"SYES" in again.out
    assert b"0007000001" in again.out, "durable epoch and evt of the journal"
    again.commit()
    assert [event["type"] for event in again.events()].count("hubfloor.node.restarted.v1") == 1


def test_time_is_set_after_syen_and_every_ten_minutes() -> None:
    hub = Daemon().up()
    assert f"{UTC + hub.now:013.0f}".encode() in hub.out
    hub.out = b""
    hub.now += 600_000
    hub.node.floor.plc_line[PLC].synchronised = True
    hub.node._time_at.set(PLC, hub.now)
    assert hub.node.next_at() is not None


# --- messages that are wrong ------------------------------------------------------------------------------------------

GOOD = advice().model_dump(mode="json")
RECORD = record("hold").model_dump(mode="json")


@pytest.mark.parametrize(
    ("topic", "body", "field"),
    [
        ("advice", b"", None),
        ("advice", b"\xff\xfe", "not JSON"),
        ("advice", b"{", "not JSON"),
        ("advice", b"null", "message"),
        ("advice", b"[" * 5000, "not JSON"),
        ("advice", b"[" + b"7," * 20_000 + b"7]", "20001 elements; send them in arrays of at most 20000"),
        ("advice", {"version": 1}, "parcel"),
        ("advice", {**GOOD, "country": "fr"}, "country"),
        ("advice", {**GOOD, "pieces": 0}, "pieces"),
        ("advice", {**GOOD, "aliases": ["x"] * 33}, "aliases"),
        ("advice", {**GOOD, "customs": "released"}, "customs"),
        ("advice", {**GOOD, "parcel": "P" * 65}, "parcel"),
        ("advice", [GOOD, {**GOOD, "belongs": {"ship": "1"}}], "element 2: belongs"),
        ("customs", {**RECORD, "status": "ok"}, "status"),
        ("customs", {**RECORD, "feed": 0}, "feed"),
        ("customs", {**RECORD, "sequence": -1}, "sequence"),
        ("customs", {**RECORD, "scheme": "h7"}, "scheme"),
        ("customs/head", {"sequence": 1}, "time_ms"),
        ("customs/head", [], "one beat"),
        ("command/hold", {}, "topic"),
    ],
)
def test_a_bad_message_is_refused_named_and_acknowledged(topic: str, body: Any, field: str | None) -> None:
    hub = Daemon().up()
    hub.node.acks()
    before = hub.node.floor.book.position
    token = hub.say(topic, body)
    hub.commit()
    assert hub.node.acks() == [token]
    alarms = hub.events("alarm/raised")
    assert len(alarms) == (field is not None)
    if field is not None:
        assert topic in alarms[0]["data"]["what"]
        assert field in alarms[0]["data"]["what"]
        assert hub.node.errors == {topic if topic != "command/hold" else "other": 1}
    assert hub.node.floor.book.position == before
    assert hub.node.floor.book.records == {}
    hub.say("advice", advice("P9").model_dump(mode="json"))
    hub.say("customs", RECORD)
    hub.commit()
    assert "P9" in hub.journal.advice
    assert len(hub.node.floor.book.records) == 1


def test_the_same_complaint_comes_once_a_minute() -> None:
    hub = Daemon().up()
    for _ in range(50):
        hub.say("advice", b"{")
        hub.now += 1000
    hub.commit()
    assert len(hub.events("alarm/raised")) == 1
    hub.now += 60_000
    hub.say("advice", b"{")
    hub.commit()
    assert len(hub.events("alarm/raised")) == 2
    assert hub.node.errors == {"advice": 51}


def test_fields_that_we_do_not_know_are_no_error() -> None:
    hub = Daemon().up()
    hub.say("advice", {**GOOD, "colour": "red"})
    hub.say("customs", {**RECORD, "colour": "red"})
    assert hub.node.errors == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, *RECORD, "x"]), inner),
    max_leaves=6,
)


@given(
    st.sampled_from((*TOPICS, "n1/command/stop", "n1/command/hold", "")),
    st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()),
    st.sampled_from((GOOD, RECORD, {"sequence": 1, "time_ms": 2})),
    st.dictionaries(st.sampled_from([*GOOD, *RECORD, "time_ms", "since"]), JSON, max_size=2),
)
def test_no_message_crashes_it(topic: str, raw: bytes, base: dict[str, Any], change: dict[str, Any]) -> None:
    hub = Daemon()
    tokens = [hub.say(topic, raw), hub.say(topic, {**base, **change}), hub.say(topic, [base, {**base, **change}])]
    hub.commit()
    assert hub.node.acks() == tokens


@given(st.binary(max_size=200))
def test_no_bytes_of_a_device_crash_it(noise: bytes) -> None:
    hub = Daemon().up()
    hub.node.received(PLC, noise, hub.now)
    hub.node.received(TUNNEL, noise, hub.now)
    hub.node.rows()


# --- the advice store -------------------------------------------------------------------------------------------------


class Store:
    """Advices over a journal; what `commit` was told is found by `fetch`."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.advices = Advices(self.journal.look)

    def take(self, *news: Advice) -> list[bool]:
        taken = [self.advices.take(one) for one in news]
        rows = [(n.parcel, n.keys[1:], n.model_dump_json().encode()) for n, ok in zip(news, taken, strict=True) if ok]
        self.batch = Batch(advice=list(rows))
        return taken

    def commit(self) -> None:
        self.journal.commit(self.batch)
        self.advices.committed((parcel for parcel, _, _ in self.batch.advice), (body for *_, body in self.batch.advice))

    def found(self, key: str) -> list[tuple[str, int]]:
        return sorted((one.parcel, one.version) for one in self.advices.look(key))


@pytest.mark.parametrize("committed", [False, True])
def test_upsert_by_version(committed: bool) -> None:
    store = Store()
    assert store.take(advice(version=3)) == [True]
    if committed:
        store.commit()
    assert store.take(advice(version=2, country="BE")) == [False]
    assert store.found("P1") == store.found("CP1") == [("P1", 3)]
    assert store.take(advice(version=3, country="BE")) == [True]
    assert store.take(advice(version=4, aliases=("NEW",))) == [True]
    assert store.found("NEW") == store.found("P1") == [("P1", 4)]
    assert store.found("CP1") == [], "an alias that it no longer has"


@pytest.mark.parametrize("committed", [False, True])
def test_a_number_that_is_advised_with_spaces_is_found_as_it_is_read(committed: bool) -> None:
    store = Store()
    store.take(advice(aliases=("003404338364426365 97", "RB 123 456 785 GB", "BOX-1 A")))
    if committed:
        store.commit()
    for code in ("00340433836442636597", "003404338364426365 97", "RB123456785GB", "BOX-1 A"):
        assert store.found(code) == [("P1", 0)], code
    assert store.found("BOX1A") == [], "no number: what it would be without them is another text"
    store.take(advice(version=1, aliases=("OTHER",)))
    assert store.found("RB123456785GB") == []


def test_a_number_that_is_advised_with_spaces_is_so_on_disk() -> None:
    hub = Daemon()
    hub.say("advice", {"parcel": "P9", "aliases": ["RB 123 456 785 GB"]})
    hub.commit()
    assert [parcel for parcel, _ in hub.journal.look("RB123456785GB")] == ["P9"]


@pytest.mark.parametrize("committed", [False, True])
def test_several_parcels_with_one_alias(committed: bool) -> None:
    store = Store()
    store.take(advice("P1", aliases=("SHARED",)), advice("P2", aliases=("SHARED", "B")))
    if committed:
        store.commit()
    assert store.found("SHARED") == [("P1", 0), ("P2", 0)]
    store.take(advice("P2", aliases=("B",), version=1))
    assert store.found("SHARED") == [("P1", 0)]
    assert store.found("B") == [("P2", 1)]


def test_parcels_with_one_alias_are_found_in_the_order_in_which_they_came() -> None:
    store, names = Store(), [f"P{number}" for number in (5, 3, 8, 1, 9, 2, 7, 4)]
    store.take(*(advice(name, aliases=("SHARED",)) for name in names))
    assert [one.parcel for one in store.advices.look("SHARED")] == names


def test_found_from_the_moment_it_was_taken_and_not_kept_twice() -> None:
    store = Store()
    store.take(advice())
    assert store.found("CP1") == [("P1", 0)]
    store.commit()
    assert store.found("CP1") == [("P1", 0)]
    assert store.advices._fresh == {}
    assert store.advices._by_key == {}


def test_newer_advice_during_the_commit_stays() -> None:
    store = Store()
    store.take(advice(version=1))
    first = store.batch
    store.take(advice(version=2, country="BE"))
    store.batch = first
    store.commit()
    assert store.found("CP1") == [("P1", 2)]


def test_nobody_knows_it() -> None:
    assert Store().found("P1") == []


def test_advice_of_an_array_is_stored_whole() -> None:
    hub = Daemon().up()
    hub.say("advice", [advice(f"P{n}").model_dump(mode="json") for n in range(300)])
    hub.commit()
    assert len(hub.journal.advice) == 300


# --- state and floods -------------------------------------------------------------------------------------------------


def test_state_of_the_node() -> None:
    hub = Daemon().up()
    states = {publish.topic: publish for publish in hub.node.publishes(hub.now) if publish.key == 0}
    assert all(publish.retain for publish in states.values())
    first = states["hub/v1/lgg/n1/state/node"]
    body = json.loads(first.payload)
    assert (body["state"], body["boot"], body["plan"], body["customs_fresh"]) == ("online", 1, "day 1", True)
    will = hub.node.will()
    assert (will.topic, json.loads(will.payload)["state"], will.retain) == (first.topic, "offline", True)


def test_nothing_is_published_while_the_broker_is_away() -> None:
    hub = Daemon().up()
    hub.node.disconnected(hub.now)
    assert hub.node.publishes(hub.now) == []
    hub.event("INDU", indu(1))
    hub.commit()
    assert hub.events("parcel/inducted")[0]["degraded"] is True
    assert hub.node.publishes(hub.now) == []


def test_deciding_goes_on_while_the_broker_is_away() -> None:
    hub = Daemon().up()
    hub.say("advice", advice(customs="none").model_dump(mode="json"))
    hub.commit()
    hub.node.disconnected(hub.now)
    hub.event("INDU", indu(1))
    hub.read("CP1", 1200)
    hub.now += 800
    hub.event("ARRV", arrv(1))
    hub.commit()
    assert hub.events("parcel/routed")[0]["data"]["reason"] == "PLAN"


def test_a_flood_of_unknown_topics_raises_no_flood_of_alarms() -> None:
    hub = Daemon().up()
    for number in range(3000):
        hub.say(f"x{number}", b"")
    hub.commit()
    assert len(hub.events("alarm/raised")) <= 100


def test_a_command_keeps_no_memory_after_its_answer() -> None:
    hub = Daemon().up()
    for track in range(1, 200):
        hub.event("ARRV", arrv(track))
        hub.answer("DEST")
        hub.event("DIVC", divc(track, 1, "S1-EX"))
    assert hub.node._refs == {}
    assert hub.node.floor.travels() == []
    assert not hub.node.floor.live


def test_a_trigger_goes_to_its_scanner_when_it_is_on_disk_and_its_answer_to_the_centre() -> None:
    daemon = Daemon(
        '[scanner.dock-1]\nkind = "line" => [scanner.dock-1]\nkind = "sick_cola"',
        'point = "DOCK"\nprefix = "\\u0002"\nsuffix = "\\u0003" => point = "DOCK"',
    ).up()
    daemon.node.link_up("dock-1", daemon.now)
    now = round(UTC + daemon.now)
    body = {"id": "t1", "issued": now, "expires": now + 60_000, "actor": "desk-4", "device": "dock-1"}
    daemon.node.message(f"{HUB}/n1/command/trigger", json.dumps(body).encode(), 1, daemon.now)
    assert daemon.node.take("dock-1") == b"", "not before what was reported until then is on disk"
    daemon.commit()
    assert daemon.node.take("dock-1") == b"\x02sMN mTCgateon\x03"
    daemon.node.received("dock-1", b"\x02sAN mTCgateon 1\x03", daemon.now)
    daemon.commit()
    (reply,) = [one for one in daemon.node.publishes(daemon.now) if "/reply/trigger" in one.topic]
    assert json.loads(reply.payload)["result"] == "done"
