"""The JSON PLC stub against PLC interface v1 §5: topics, sessions, numbers, the members of every message.

The controller is a script that writes and reads its JSON with the standard library.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs.plcs._json_codec import JsonCodec
from firmware_stubs.plcs.mqtt_json import Plc, Settings
from firmware_stubs.stub import Measures, Message, PlcStub
from tests.plc_bench import LINE

UP, DOWN, STATUS = "hub/s1/up", "hub/s1/down", "hub/s1/status"
LAST = 2**31 - 1
Json = dict[str, Any]

# PLC interface v1 §5, the message printed there.
WORKED = (
    '{"v":1,"session":1795412345678,"type":"ARRV","flag":"R","epoch":26,"seq":6245,"evt":413,"point":"IND-1",'
    '"track":417,"age_ms":12,"left_ms":1300,"length_mm":380,"gap_mm":1210,"carrier":null,"lap":0,"certainty":"S",'
    '"codes":[]}'
)


def new(**settings: object) -> Plc:
    return Plc(Settings(base="hub/s1", **settings), LINE, seed=1, now=0.0)  # type: ignore[arg-type]


@dataclass
class Hub:
    """A scripted controller: answers every request with A and the durable number it is told to have."""

    plc: Plc
    session: int = 1000
    epoch: int = 3
    term: int = 7
    seq: int = 1
    durable: int = 0
    heard: list[Json] = field(default_factory=list)

    def tell(self, kind: str, flag: str, epoch: int, seq: int, now: float, **more: object) -> None:
        own = {"v": 1, "session": self.session, "type": kind, "flag": flag, "epoch": epoch, "seq": seq} | more
        self.plc.feed(Message(DOWN, json.dumps(own).encode()), now)

    def said(self) -> list[Json]:
        messages = self.plc.take()
        assert all((one.topic, one.qos, one.retain) == (UP, 1, False) for one in messages)
        return [json.loads(one.payload) for one in messages]

    def ask(self, kind: str, now: float, **fields: object) -> Json:
        self.tell(kind, "R", self.epoch, self.seq, now, **fields)
        self.seq += 1
        answer, *rest = self.said()
        self.heard += rest
        assert answer["type"] == kind
        return answer

    def syes(self, now: float, durable_epoch: int = 0, durable: int = 0) -> Json:
        return self.ask("SYES", now, term=self.term, durable_epoch=durable_epoch, durable_evt=durable)

    def start(self, now: float, durable_epoch: int = 0, durable: int = 0) -> list[Json]:
        self.heard = []
        self.session += 1
        assert self.syes(now, durable_epoch, durable)["flag"] == "A"
        return [*self.heard, *self.listen(now, self.heard[0])]

    def listen(self, now: float, open_request: Json | None = None) -> list[Json]:
        self.plc.tick(now)
        heard: list[Json] = []
        for _ in range(1000):
            if open_request:
                self.tell(
                    open_request["type"], "A", open_request["epoch"], open_request["seq"], now, durable_evt=self.durable
                )
            said = self.said()
            if not said:
                return heard
            (open_request,) = said
            heard.append(open_request)
        raise AssertionError("the PLC does not stop talking")


def begun(**settings: object) -> tuple[Plc, Hub]:
    plc = new(**settings)
    plc.opened(0.0)
    assert plc.take() == [Message(STATUS, b"online", qos=1, retain=True)]
    hub = Hub(plc)
    hub.start(0.0)
    return plc, hub


def kinds(said: list[Json]) -> list[str]:
    return [one["type"] for one in said]


def test_the_printed_message_comes_byte_for_byte() -> None:
    values = {"evt": 413, "point": "IND-1", "track": 417, "age": 12, "left": 1300, "length": 380, "gap": 1210}
    values |= {"carrier": 0, "lap": 0, "certainty": "S", "codes": ()}
    assert JsonCodec().request("ARRV", 26, 6245, 1795412345678, values) == WORKED.encode()


def test_topics_will_and_status() -> None:
    plc: PlcStub = new()
    assert plc.subscriptions() == [(DOWN, 1)]
    assert plc.will() == Message(STATUS, b"offline", qos=1, retain=True)
    assert plc.take() == []
    plc.opened(10.0)
    assert plc.take() == [Message(STATUS, b"online", qos=1, retain=True)]
    assert plc.take() == []
    plc.closed(20.0)
    plc.opened(30.0)
    assert len(plc.take()) == 1


def test_a_session_and_an_item_to_its_lane() -> None:
    plc, hub = begun(epoch=26, next_evt=413, next_track=417)
    plc.edge("IND", 380, 100.0)
    assert kinds(hub.listen(100.0)) == ["INDU"]
    plc.edge("DEC", 380, 1100.0, codes=[b'A"\\\xe9\x00\x1d\x7f~'])
    (message,) = plc.take()
    text = message.payload.decode("ascii")
    assert r'"codes":["A\"\\\u00E9\u0000\u001D\u007F~"]' in text
    arrv = json.loads(text)
    assert list(arrv) == [*json.loads(WORKED)]
    assert (arrv["evt"], arrv["track"], arrv["age_ms"], arrv["carrier"]) == (414, 417, 0, None)
    assert arrv["session"] == hub.session
    hub.listen(1100.0, arrv)
    plc2, hub2 = begun()
    track = plc2.edge("IND", 300, 0.0)
    hub2.listen(0.0)
    fields = {"point": "DEC", "track": track, "decision": 1, "reason": "PLAN", "flags": [], "if_none": "D"}
    answer = hub2.ask("DEST", 10.0, **fields, lanes=["L01", "L02"])
    assert answer == {"v": 1, "session": hub2.session, "type": "DEST", "flag": "A", "epoch": 3, "seq": hub2.seq - 1}
    assert hub2.ask("DEST", 11.0, **fields | {"decision": 0}, lanes=["L01"])["code"] == "FORM"
    assert (
        hub2.ask("DEST", 12.0, **fields | {"decision": 2, "flags": ["N"]}, lanes=["L01"])["code"] == "FORM"
    )  # N and D
    assert hub2.ask("DEST", 13.0, **fields | {"flags": ["X"]}, lanes=["L01"])["code"] == "FORM"
    assert hub2.ask("DEST", 14.0, **fields | {"track": 999}, lanes=["L01"])["code"] == "UNKT"
    (command,) = [plc2.gates(at)[0] for at in [3000.0]]
    plc2.lane_eye("L01", 3300.0)
    hub2.said()
    (divc,) = [one for one in hub2.start(3310.0) if one["type"] == "DIVC"]
    assert command.lane == divc["actual"] == divc["wanted"] == "L01"
    assert (divc["result"], divc["evidence"], divc["age_ms"]) == ("OK", "E", 10)


def test_the_members_of_every_other_message() -> None:
    plc, hub = begun()
    plc.edge("IND", 300, 0.0)
    track = plc.edge("EYE", 300, 500.0)
    plc.measured("EYE", track, Measures(1200, "A", "R7", 300, 200, 100, "U"), 510.0)
    plc.button("L01", "CLOS", 520.0)
    plc.container("L01", b"", 530.0)
    plc.container("L01", b"C\xff", 540.0)
    plc.handed_over("IND", 250, "S9", 26, 17, 550.0)
    plc.edge("DEC", 300, 20_000.0)
    said = {one["type"] + str(one.get("presence", "")): one for one in hub.start(20_000.0)}
    own = {kind: [key for key in one][6:] for kind, one in said.items()}
    assert own["SYBE"] == own["SYEN"] == []
    assert own["SPED"] == ["element", "mm_s", "encoder", "age_ms"]
    assert own["INDU"] == ["evt", "point", "track", "carrier", "carriers", "length_mm", "age_ms"]
    assert own["PASS"] == ["evt", "point", "track", "age_ms"]
    assert own["BUTN"] == ["evt", "element", "button", "age_ms"]
    assert own["LOST"] == ["evt", "track", "last_point", "before", "behind", "age_ms"]
    assert own["GHST"] == ["evt", "point", "track", "before", "behind", "carrier", "age_ms"]
    assert said["GHST"]["carrier"] is None
    assert own["STAT"] == ["evt", "element", "state", "code", "age_ms"]
    assert said["STAT"]["code"] is None
    assert (said["CONTG"]["code"], said["CONTP"]["code"]) == (None, "C\xff")
    assert own["CONTP"] == ["evt", "lane", "presence", "code", "age_ms"]
    meas = said["MEAS"]
    assert (meas["weight_g"], meas["weight_status"], meas["record_id"], meas["size_status"]) == (1200, "A", "R7", "U")
    assert (meas["length_mm"], meas["width_mm"], meas["height_mm"]) == (300, 200, 100)
    hand = said["HAND"]
    assert (hand["from_line"], hand["from_epoch"], hand["from_track"], hand["point"]) == ("S9", 26, 17, "IND")
    trak = [one for one in hub.start(20_010.0) if one["type"] == "TRAK"]
    assert [*trak[0]["items"][0]] == ["track", "point", "lane", "decision", "certainty", "lap", "age_ms"]
    assert trak[0]["items"][0]["lane"] is None


def test_an_age_is_never_more_than_99999() -> None:
    plc, hub = begun()
    plc.edge("IND", 300, 0.0)
    plc.belt_speed(0, 1.0)
    (indu,) = [one for one in hub.start(500_000.0) if one["type"] == "INDU"]
    assert indu["age_ms"] == 99_999


# Sessions


def test_without_a_session_everything_but_syes_gets_nsyn_with_its_own_session() -> None:
    plc = new()
    hub = Hub(plc, session=77)
    answer = hub.ask("LIFE", 0.0, durable_evt=0)
    assert (answer["session"], answer["code"]) == (77, "NSYN")
    assert hub.ask("WHAT", 1.0)["code"] == "NSYN"


def test_a_request_of_another_session_is_ignored_in_a_session() -> None:
    plc, hub = begun()
    for session in (hub.session - 1, hub.session + 1):
        hub.tell("LIFE", "R", hub.epoch, hub.seq, 10.0, session=session, durable_evt=0)
    hub.tell("LIFE", "R", 4, hub.seq, 10.0, durable_evt=0)
    assert hub.said() == []
    assert plc.counts["other_session"] == 3
    assert hub.ask("LIFE", 20.0, durable_evt=0)["flag"] == "A"


def test_messages_of_another_session_do_not_keep_this_one_and_its_answers_are_ignored() -> None:
    plc, hub = begun()
    plc.edge("IND", 300, 0.0)
    (indu,) = hub.said()
    hub.tell("INDU", "A", indu["epoch"], indu["seq"], 1.0, session=hub.session + 1, durable_evt=1)
    assert plc.counts["unmatched"] == 1
    for at in range(100, 3000, 100):
        hub.tell("LIFE", "R", hub.epoch, hub.seq, float(at), session=5, durable_evt=0)
    plc.tick(3000.0)
    assert not plc.in_session
    assert not plc.hang_up()  # the broker's connection is not the session's


def test_any_session_number_but_the_one_in_force_is_accepted() -> None:
    _, hub = begun()
    for session in (hub.session - 500, 2**53, 1):
        hub.session = session
        assert hub.syes(10.0)["flag"] == "A"
    hub.heard.clear()
    hub.seq += 1
    hub.tell("SYES", "R", hub.epoch, hub.seq, 20.0, term=7, durable_epoch=0, durable_evt=0)
    assert hub.said() == []  # with the session in force it begins none
    assert hub.plc.counts["other_session"] == 1
    assert hub.plc.in_session


@pytest.mark.parametrize("change", [{"term": 8}, {"epoch": 4}, {"term": 6, "session": 5000}])
def test_oldc_leaves_the_session_alone(change: dict[str, int]) -> None:
    plc, hub = begun()
    other = Hub(plc, hub.session)
    for key, value in change.items():
        setattr(other, key, value)
    assert other.syes(10.0)["code"] == "OLDC"
    assert plc.in_session
    assert hub.ask("LIFE", 20.0, durable_evt=0)["flag"] == "A"


def test_a_syes_that_the_broker_delivers_twice_is_answered_twice_and_begins_once() -> None:
    plc, hub = begun()
    plc.edge("IND", 300, 0.0)
    hub.listen(0.0)
    hub.session += 1
    hub.syes(10.0)
    hub.tell("SYES", "R", hub.epoch, hub.seq - 1, 11.0, term=7, durable_epoch=0, durable_evt=0)
    assert [(one["type"], one["flag"]) for one in hub.said()] == [("SYES", "A")]
    assert kinds(hub.listen(12.0, hub.heard[-1])) == ["SPED", "TRAK", "INDU", "SYEN"]


def test_the_end_of_the_connection_ends_the_session() -> None:
    plc, hub = begun()
    plc.closed(10.0)
    assert not plc.in_session
    assert hub.ask("LIFE", 20.0, durable_evt=0)["code"] == "NSYN"


def test_a_power_cycle_breaks_the_connection_once() -> None:
    plc, _ = begun()
    plc.power_cycle(10.0)
    assert plc.hang_up()
    assert not plc.hang_up()
    assert plc.take() == []


# Numbers and repeats


def test_repeats_leave_after_2500_ms() -> None:
    plc, hub = begun()
    plc.edge("IND", 300, 0.0)
    (first,) = hub.said()
    for number in range(1, 4):
        for at in range(1000, 2500, 500):
            hub.ask("LIFE", (number - 1) * 2500.0 + at, durable_evt=0)
        plc.tick(number * 2500.0 - 1)
        assert hub.said() == []
        plc.tick(number * 2500.0)
        (again,) = hub.said()
        assert (again["seq"], again["age_ms"]) == (first["seq"], number * 2500)
    hub.ask("LIFE", 9000.0, durable_evt=0)
    plc.tick(10_000.0)
    assert not plc.in_session


def test_any_lower_sequence_is_old_however_far_behind() -> None:
    plc, hub = begun()
    hub.seq = LAST - 1
    assert hub.ask("LIFE", 10.0, durable_evt=0)["flag"] == "A"
    hub.tell("LIFE", "R", hub.epoch, 1, 20.0, durable_evt=0)
    assert hub.said() == []
    assert plc.counts["old"] == 1
    assert hub.ask("LIFE", 30.0, durable_evt=0)["seq"] == LAST


def test_numbers_do_not_wrap_and_spent_ones_begin_an_epoch() -> None:
    plc, hub = begun(next_evt=LAST - 1, epoch=26)
    for at in (0.0, 500.0):
        plc.edge("IND", 300, at)
    assert [one["evt"] for one in hub.listen(500.0)] == [LAST - 1, LAST]
    plc.edge("IND", 300, 1000.0)
    hub.listen(1000.0)
    assert not plc.in_session
    assert plc.epoch == 27
    said = hub.start(1010.0)
    assert [(one["type"], one["epoch"], one.get("lost_count")) for one in said][2:3] == [("OVFL", 27, 3)]
    assert said[2]["evt"] == 1

    plc, hub = begun(next_sequence=LAST - 3, epoch=26)  # SYBE, SPED, SYEN took three
    plc.edge("IND", 300, 0.0)
    assert [one["seq"] for one in hub.listen(0.0)] == [LAST]
    assert (plc.epoch, plc.in_session) == (26, True)
    hub.listen(900.0)  # LIFE would be the next
    assert (plc.epoch, plc.in_session) == (27, False)
    assert hub.start(910.0)[0]["seq"] == 1


def test_a_durable_number_far_behind_is_not_taken_for_one_ahead() -> None:
    plc, hub = begun(next_evt=LAST - 5, epoch=26)
    plc.edge("IND", 300, 0.0)
    hub.listen(0.0)
    assert [one["epoch"] for one in hub.start(10.0, 26, 3)][:1] == [26]
    assert [one["epoch"] for one in hub.start(20.0, 26, LAST)][:1] == [27]
    assert plc.epoch == 27


# What is not to be read


def test_what_is_no_message_is_counted_and_not_answered() -> None:
    plc, hub = begun()
    good: Json = {"v": 1, "session": hub.session, "type": "LIFE", "flag": "R", "epoch": 3, "seq": 9, "durable_evt": 0}
    bad: list[Json] = [{key: one for key, one in good.items() if key != gone} for gone in list(good)[:6]]
    bad += [good | {key: wrong} for key, wrong in (("v", "1"), ("seq", True), ("epoch", 3.0), ("type", 7))]
    payloads = [json.dumps(one).encode() for one in bad]
    payloads += [b"", b"[]", b"17", b"\xff\xfe", b"[" * 50_000, b'{"v":' + b"9" * 5000 + b"}", b" " * 70_000]
    for payload in payloads:
        plc.feed(Message(DOWN, payload), 10.0)
    assert plc.counts["garbled"] == len(payloads)
    plc.feed(Message(DOWN, json.dumps(good).encode(), retain=True), 10.0)
    plc.feed(Message("hub/s2/down", json.dumps(good).encode()), 10.0)
    assert (plc.counts["retained"], plc.counts["wrong_receiver"]) == (1, 1)
    assert hub.said() == []
    with pytest.raises(TypeError, match="MQTT"):
        plc.feed(b"bytes", 20.0)


def test_an_unknown_version_type_or_field_is_form_and_unknown_members_are_ignored() -> None:
    plc, hub = begun()
    assert hub.ask("LIFE", 10.0, v=2, durable_evt=0)["code"] == "FORM"
    assert hub.ask("\U0001f4e6\ud800", 10.0)["code"] == "FORM"
    assert hub.ask("LIFE", 10.0, durable_evt=None)["code"] == "FORM"
    assert hub.ask("LIFE", 10.0, durable_evt=True)["code"] == "FORM"
    assert hub.ask("LAMP", 10.0, element="L01", colour="R", mode="S", text=None, size=7)["flag"] == "A"
    assert hub.ask("TIME", 10.0, utc_ms=1795412345678)["flag"] == "A"
    hub.tell("LIFE", "X", hub.epoch, hub.seq, 20.0)
    assert hub.said() == []
    assert plc.counts["unknown"] == 1


def test_a_command_before_syen_is_refused_and_ends_the_session() -> None:
    plc, hub = begun()
    hub.session += 1
    hub.syes(10.0)
    assert hub.ask("CMND", 11.0, element="LINE", command="STOP", command_id="1")["code"] == "NSYN"
    assert not plc.in_session


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
                max_leaves=6,
            ).map(lambda value: json.dumps(value).encode()),
            st.fixed_dictionaries(
                {
                    "v": st.sampled_from([1, 2]),
                    "session": st.integers(0, 1002),
                    "type": st.sampled_from("SYES LIFE DEST CMND LAMP TIME ARRV".split()),
                    "flag": st.sampled_from("RANX"),
                    "epoch": st.integers(-1, 5),
                    "seq": st.integers(-1, 30),
                },
                optional={
                    "term": st.integers(0, 9),
                    "durable_epoch": st.integers(0, 3),
                    "durable_evt": st.integers(0, 9),
                    "lanes": st.lists(st.sampled_from(["L01", "EX"]), max_size=5),
                    "flags": st.sampled_from([[], ["N"], ["N", "N"], "N"]),
                    "code": st.sampled_from(["NSYN", "BUSY", "FORM", None, 7]),
                    "element": st.sampled_from(["LINE", "L01", None, 3]),
                },
            ).map(lambda value: json.dumps(value).encode()),
        ),
        max_size=20,
    )
)
def test_no_payload_breaks_it(payloads: list[bytes]) -> None:
    plc, _ = begun()
    plc.edge("IND", 300, 0.0)
    now = 0.0
    for payload in payloads:
        now += 50
        plc.feed(Message(DOWN, payload), now)
        plc.tick(now)
        for said in plc.take():
            json.loads(said.payload)
    assert Hub(plc, session=9_000, epoch=77, term=99_999_999).syes(now + 10_000)["flag"] == "A"


@pytest.mark.parametrize("base", ["", "a/#", "a/+/b", "$SYS/x"])
def test_a_base_that_is_no_topic_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="base = "):
        Settings(base=base)
