"""Inductions and desks that fill themselves from mixes, and the centre that hears of it, in virtual time."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from firmware_stubs import floor_file
from firmware_stubs.centres import centre
from firmware_stubs.sections import FloorError
from firmware_stubs.several_floors import load_all
from firmware_stubs.stub import Message
from firmware_stubs.world import World
from tests.floor_bench import S1, Bench, floor

UTC = 1_790_000_000_000.0
DOCK = {
    "point": {"DOCK": {"kind": "presence"}},
    "stub": {"dock": {"kind": "line", "link": "pty:///t/dock", "point": "DOCK"}},
}
CENTRE = {"stub": {"centre": {"kind": "centre", "link": "mqtt://127.0.0.1:1883", "site": "lgg"}}}
STATE = "hub/v1/lgg/a/state/node"


def mixed(*more: dict[str, Any], rate: float = 2.0, **mix: Any) -> dict[str, Any]:
    document = floor(S1, *more)
    document["mix"] = {"in": mix}
    document["induction"]["S1"] |= {"rate_per_s": rate, "mix": "in"}
    return document


def bench(document: dict[str, Any], parcels: int | None = None, seed: int = 1) -> Bench:
    return Bench(document, seed=seed, parcels=parcels)


def messages(one: Bench) -> list[tuple[str, Any]]:
    """What the centre says now, by the last part of the topic; arrays taken apart."""
    found = []
    for name, piece in one.world.output():
        if isinstance(piece, Message):
            assert name == "centre"
            assert not piece.retain
            bodies = json.loads(piece.payload)
            topic = piece.topic.removeprefix("hub/v1/lgg/")
            found += [(topic, body) for body in (bodies if isinstance(bodies, list) else [bodies])]
    return found


def node(one: Bench, fresh: bool, now: float) -> None:
    state = json.dumps({"state": "online", "customs_fresh": fresh}).encode()
    one.world.feed("centre", Message(STATE, state, retain=True), now)


def test_an_induction_with_a_mix_never_starves_and_each_parcel_is_announced_ahead() -> None:
    one = bench(mixed(rate=2.0))
    one.world.release(0)
    one.run(120_000)
    announced = dict(one.of("announced", "parcel", "t"))
    inducted = one.of("inducted", "parcel", "t")
    assert len(inducted) == pytest.approx(240, rel=0.15)
    assert one.world.waiting == 8  # 4 s at 2 a second
    ahead = [at - announced[parcel] for parcel, at in inducted[8:]]
    assert 3000 < sum(ahead) / len(ahead) < 5000
    assert min(ahead) > 0


def test_the_parcels_of_one_seed_are_the_same_whatever_happens_beside() -> None:
    def codes(document: dict[str, Any], until: float, seed: int = 1) -> list[Any]:
        one = bench(document, seed=seed)
        one.world.release(0)
        one.run(until)
        return one.of("announced", "parcel", "codes", "goods")[:50]

    alone = codes(mixed(), 60_000)
    assert len(alone) == 50
    assert codes(mixed(DOCK, CENTRE, rate=4.0), 40_000) == alone
    assert codes(mixed(), 60_000, seed=2) != alone


def test_parcels_ends_all_mixes_together_and_the_belts_run_empty() -> None:
    document = mixed(DOCK)
    document["desk"] = {"DOCK": {"mix": "in", "every_s": 2}}
    one = bench(document, parcels=25)
    one.world.release(0)
    one.run()
    counts = one.world.counts()
    assert counts["inducted"] + counts["shown"] == 25
    assert counts["inducted"] == counts["in_lanes"]
    assert counts["not_inducted"] == counts["not_shown"] == one.world.waiting == 0
    times = one.of("shown", "t")
    assert len(times) >= 3
    assert {round(b[0] - a[0]) for a, b in itertools.pairwise(times)} == {2000}


def test_the_manifest_works_beside_a_mix() -> None:
    one = bench(mixed())
    one.give("mine")
    one.run(60_000)
    assert "mine" in one.lanes()
    assert len(one.lanes()) > 50


def test_what_fell_into_a_lane_is_shown_at_a_desk_so_long_after() -> None:
    document = mixed(DOCK)
    document["desk"] = {"DOCK": {"from_lanes": ["S1-EX"], "after_s": 20, "every_s": 1}}
    one = bench(document, parcels=30)
    one.world.release(0)
    one.run()
    fell, shown = dict(one.of("lane", "parcel", "t")), dict(one.of("shown", "parcel", "t"))
    assert len(fell) == 30
    assert fell.keys() == shown.keys()
    assert min(shown[parcel] - fell[parcel] for parcel in fell) == pytest.approx(20_000)
    counts = one.world.counts()
    assert counts["shown_again"] == counts["in_lanes"] == 30
    assert "shown" not in counts  # each parcel is in one place only


def test_the_centre_says_what_comes_and_what_customs_says_and_numbers_have_no_gap() -> None:
    one = bench(mixed(CENTRE, held=0.2, late_release=0.2, recalled=0.2, unknown=0.1), parcels=100)
    one.world.connected("centre", True, 0)
    one.world.release(0)
    one.run(300_000)
    said = messages(one)
    goods = {entry["parcel"]: entry["goods"] for entry in one.of("announced")}
    advised = {body["parcel"]: body for topic, body in said if topic == "advice"}
    assert advised.keys() == {parcel for parcel, one in goods.items() if one["customs"] != "unknown"}
    for parcel, advice in advised.items():
        assert advice["aliases"] == list(goods[parcel]["aliases"])
        assert (advice["country"], advice["postcode"]) == (goods[parcel]["country"], goods[parcel]["postcode"])
        assert advice["customs"] == ("none" if goods[parcel]["customs"] == "none" else "required")
    records: dict[str, list[str]] = {}
    for topic, body in said:
        if topic == "customs":
            records.setdefault(body["subject_id"], []).append(body["status"])
    story = {
        "release": ["release"],
        "late_release": ["pending", "release"],
        "hold": ["hold"],
        "recall": ["release", "hold"],
    }
    for parcel, one_of in goods.items():
        assert records.get(parcel, []) == story.get(one_of["customs"], [])
    feeds = [body["feed"] for topic, body in said if topic == "customs"]
    heads = [body for topic, body in said if topic == "customs/head"]
    assert feeds == list(range(feeds[0], feeds[0] + len(feeds)))
    assert len(heads) == 301
    assert heads[0]["since"] == feeds[0]
    assert heads[-1]["sequence"] == feeds[-1]
    assert [entry["parcel"] for entry in one.of("customs")] == [b["subject_id"] for t, b in said if t == "customs"]


def test_a_late_release_and_a_recall_leave_so_long_after_the_parcel_came() -> None:
    keys: dict[str, Any] = {"late_after_s": [2, 3], "recalled_after_s": [5, 6]}
    one = bench(mixed(CENTRE, imports=1, held=0, late_release=0.5, recalled=0.5, unknown=0, **keys), parcels=40)
    one.world.connected("centre", True, 0)
    one.world.release(0)
    one.run(120_000)
    came = dict(one.of("inducted", "parcel", "t"))
    goods = {entry["parcel"]: entry["goods"]["customs"] for entry in one.of("announced")}
    last = {entry["parcel"]: entry for entry in one.of("customs")}
    assert set(goods.values()) == {"late_release", "recall"}
    for parcel, at in came.items():
        least, status = (2000, "release") if goods[parcel] == "late_release" else (5000, "hold")
        assert last[parcel]["status"] == status
        assert least <= last[parcel]["t"] - at <= least + 1000


def test_a_node_that_does_not_believe_the_feed_hears_all_of_it_again() -> None:
    one = bench(mixed(CENTRE), parcels=20)
    one.world.release(0)
    one.run(10_000)
    assert messages(one) == []  # there is no broker
    assert one.of("customs") == []
    one.world.connected("centre", True, 10_000)
    first = [said for said in messages(one) if said[0] != "customs/head"]
    assert len(one.of("customs")) == sum(topic == "customs" for topic, _ in first) > 5
    assert not one.world.in_session
    node(one, fresh=True, now=10_100)
    assert messages(one) == []
    node(one, fresh=False, now=20_000)
    again = [said for said in messages(one) if said[0] != "customs/head"]
    assert all(said in again for said in first)
    node(one, fresh=False, now=20_100)
    assert messages(one) == []  # not at once


def test_what_may_be_lost_with_the_broker_is_said_again() -> None:
    one = bench(mixed(CENTRE), parcels=40)
    one.world.connected("centre", True, 0)
    one.world.release(0)
    one.run(10_000)
    before = [said for said in messages(one) if said[0] != "customs/head"]
    one.world.connected("centre", False, 10_000)
    one.run(15_000)
    assert messages(one) == []
    one.world.connected("centre", True, 15_000)
    after = [said for said in messages(one) if said[0] != "customs/head"]
    assert all(said in after for said in before)
    assert len(after) > len(before)
    feeds = sorted(body["feed"] for topic, body in after if topic == "customs")
    assert feeds == list(range(feeds[0], feeds[0] + len(feeds)))


def test_who_asks_for_a_code_is_answered() -> None:
    one = bench(mixed(CENTRE, unknown=0, codes=[0, 1]), parcels=5)
    one.world.connected("centre", True, 0)
    one.world.release(0)
    one.run(1000)
    advice = [body for topic, body in messages(one) if topic == "advice"]
    for code, answer in ((advice[2]["aliases"][0], advice[2]), ("RB123456785GB", None)):
        one.world.feed("centre", Message("hub/v1/lgg/ask", json.dumps({"code": code}).encode()), 1000)
        assert messages(one) == [("answer", {"code": code, "advice": answer})]
    for nonsense in (b"", b"[1]", b'{"code": 7}'):
        one.world.feed("centre", Message("hub/v1/lgg/ask", nonsense), 1000)
        one.world.feed("centre", Message(STATE, nonsense, retain=True), 1000)
    assert messages(one) == []


def test_what_is_no_more_kept_is_in_force_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centre, "KEPT", 50)
    one = bench(mixed(CENTRE), parcels=200)
    one.world.connected("centre", True, 0)
    one.world.release(0)
    one.run(200_000)
    messages(one)
    node(one, fresh=False, now=200_000)
    again = messages(one)
    one.run(202_000)
    head = [body for topic, body in messages(one) if topic == "customs/head"][-1]
    feeds = [body["feed"] for topic, body in again if topic == "customs"]
    assert 10 < len(feeds) < 50
    assert feeds == list(range(head["since"], head["sequence"] + 1))


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


TEXT = """
[line.{0}]
speed_mm_s = 1000
length_mm = 3000
default_lane = "{0}-EX"
[point.{0}-IND]
line = "{0}"
position_mm = 0
induction = true
[lane.{0}-EX]
line = "{0}"
position_mm = 3000
[induction.{0}]
point = "{0}-IND"
rate_per_s = 2
mix = "in"
[mix.in]
box = 1
[stub.plc-{0}]
kind = "telegram"
link = "pty://{1}/plc-{0}"
line = "{0}"
plc = "{0}"
controller = "HUB"
"""


def test_several_floor_files_are_one_world(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{name}.toml", TEXT.format(name, tmp_path)) for name in ("A1", "B1")]
    ledger: list[dict[str, Any]] = []
    world = World(load_all(paths), ledger.append, seed=None, now=0.0, utc_offset_ms=0.0, parcels=20)
    world.release(0)
    while (at := world.next_at()) is not None and at < 60_000:
        world.advance(at)
    assert {entry["line"] for entry in ledger if entry["what"] == "lane"} == {"A1", "B1"}
    assert world.counts() == {"inducted": 20, "in_lanes": 20, "on_belts": 0, "not_inducted": 0}


def test_ids_and_links_are_of_one_floor_file_only(tmp_path: Path) -> None:
    one = write(tmp_path / "one.toml", TEXT.format("A1", tmp_path))
    for text, said in (
        (TEXT.format("A1", tmp_path), "two.toml: [point.A1-IND] is also in"),
        (TEXT.format("B1", tmp_path).replace("plc-B1]", "plc-A1]"), "two.toml: [stub.plc-A1] is also in"),
        (TEXT.format("B1", tmp_path).replace("/plc-B1", "/plc-A1"), "plc-A1 is already the link of [stub.plc-A1]"),
    ):
        two = write(tmp_path / "two.toml", text)
        with pytest.raises(FloorError, match=re.escape(said)) as raised:
            load_all([one, two])
        assert str(one) in str(raised.value)


@pytest.mark.parametrize(
    ("table", "section", "said"),
    [
        ("induction", {"S1": {"mix": "inn"}}, "[induction.S1] mix: no mix is called 'inn'; did you mean 'in'?"),
        ("desk", {"DOCKS": {"mix": "in"}}, "[desk.DOCKS]: no point is called 'DOCKS'; did you mean 'DOCK'?"),
        ("desk", {"S1-T1": {"mix": "in"}}, "[desk.S1-T1]: [point.S1-T1] is on a belt"),
        ("desk", {"DOCK": {}}, "[desk.DOCK] mix is missing"),
        ("desk", {"DOCK": {"from_lanes": ["S1-EXX"]}}, "[desk.DOCK] from_lanes: no lane is called 'S1-EXX'"),
        ("desk", {"DOCK": {"mix": "in", "every_s": 0}}, "[desk.DOCK] every_s: must be from 0.001"),
        ("desk", {"DOCK": {"mix": "in", "after_s": 1}}, "[desk.DOCK] after_s: goes with from_lanes"),
        ("point", {"AUX": {}, "DOCK": {"line": "S1", "position_mm": 3}}, "[desk.DOCK]: [point.DOCK] is on a belt"),
        ("stub", {"dock": {"point": "S1-T1"}}, "[desk.DOCK]: nothing reads there; write a [stub.ID]"),
        ("stub", {"centre": {"site": "l/g"}}, "[stub.centre] site = 'l/g' is no id"),
        ("stub", {"centre": {"link": "pty:///x"}}, "[stub.centre] link: give mqtt://host:port"),
        ("stub", {"c2": CENTRE["stub"]["centre"]}, "is already the link of [stub.centre]"),
    ],
)
def test_a_wrong_floor_says_what_to_write(table: str, section: dict[str, Any], said: str) -> None:
    document = mixed(DOCK, CENTRE)
    document["desk"] = {"DOCK": {"mix": "in"}} if table != "desk" else {}
    for name, keys in section.items():
        document[table].setdefault(name, {}).update(keys)
    with pytest.raises(FloorError, match=re.escape(said)):
        floor_file.read(document)
