"""What a hand is told: ok, wrong or hold, by process, customs, and where the parcel belongs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.advice import ContainerRecord, Departure
from controller.floor import Connection
from controller.inputs import Loaded, Parted, Planned, Stood, Stored
from controller.plan import plan_of_text
from devices.types import Hand, HandAnswer, NoRead, Read
from tests.floor_fixture import DOCK, PLAN, Bench, advice, ready

FREE = {"customs": "none"}
AUTHORITIES = [("BE", ("parcel", "P1")), ("NL", ("air_waybill", "AWB1"))]


def scan(bench: Bench, code: str | None, process: str, target: str = "", *, stored: bool = False) -> HandAnswer:
    """A hand scans; what it is told."""
    hand = Hand(process, "D4", "op-7", f"s{len(bench.told)}", target, "2026-11-26T21:04:05Z", stored)
    bench.item(Read(code or "", b"", bench.now, reader="hand-3", hand=hand), DOCK)
    command = bench.told[-1].command
    assert isinstance(command, HandAnswer)
    assert (command.device, command.ref) == ("hand-3", hand.ref)
    return command


def hub(*parcels: Any) -> Bench:
    """Everything is there, with a container at a lane and a truck."""
    bench = ready(parcels=parcels or (advice("P1", "FR", **FREE),))
    containers = [
        ContainerRecord(lane="S1-L03", container="CAGE-3", status="open"),
        ContainerRecord(lane="S1-BOND", container="BOND-1", status="open"),
    ]
    bench.step(Stood(tuple(containers)))
    times = {"cut_off": "2030-01-01T00:00:00Z", "arrives": "2030-01-02T00:00:00Z"}
    trucks = [
        Departure(departure="TRUCK-FR", destinations=("FRANCE",), **times),
        Departure(departure="TRUCK-NL", destinations=("SMALL",), **times),
        Departure(departure="GONE-FR", destinations=("FRANCE",), status="departed", **times),
    ]
    bench.step(Planned(tuple(trucks)))
    return bench


@pytest.mark.parametrize(
    ("process", "target", "verdict", "words"),
    [
        ("identify", "", "ok", "to FRANCE"),
        ("unload", "", "ok", "to FRANCE"),
        ("load", "", "ok", "to FRANCE"),
        ("load", "TRUCK-FR", "ok", "to FRANCE"),
        ("load", "TRUCK-NL", "wrong", "goes to FRANCE, not with TRUCK-NL"),
        ("load", "GONE-FR", "wrong", "GONE-FR takes nothing more"),
        ("put", "S1-L01", "ok", "to FRANCE"),
        ("put", "S1-L03", "wrong", "goes to FRANCE, not into S1-L03"),
        ("put", "CAGE-3", "wrong", "goes to FRANCE, not into S1-L03"),
        ("put", "NOWHERE", "ok", "to FRANCE; NOWHERE is not known here"),
    ],
)
def test_where_a_parcel_belongs(process: str, target: str, verdict: str, words: str) -> None:
    told = scan(hub(), "CP1", process, target)
    assert (told.verdict, told.words) == (verdict, words)
    assert told.tone == {"ok": "short", "wrong": "long"}[verdict]


def test_the_event_says_who_did_what_where_and_what_was_answered() -> None:
    bench = hub()
    scan(bench, "CP1", "put", "CAGE-3")
    said = bench.last("parcel/read")
    assert (said.reader, said.actor, said.station, said.process) == ("hand-3", "op-7", "D4", "put")
    assert (said.parcel, said.container, said.target, said.verdict) == ("P1", "CAGE-3", "CAGE-3", "wrong")
    assert said.scanned == "2026-11-26T21:04:05Z"
    scan(bench, "CP1", "load", "TRUCK-FR")
    said = bench.last("parcel/read")
    assert (said.departure, said.container) == ("TRUCK-FR", None)
    for target in ("", "S1-L01", "NOWHERE"):
        scan(bench, "CP1", "load", target)
        said = bench.last("parcel/read")
        assert (said.departure, said.container, said.target) == (None, None, target or None)


def test_a_container_that_has_left_is_not_known() -> None:
    bench = hub()
    bench.step(Stood((ContainerRecord(container="CAGE-3", lane="S1-L03", status="removed"),)))
    assert scan(bench, "CP1", "put", "CAGE-3").words == "to FRANCE; CAGE-3 is not known here"
    assert bench.last("parcel/read").container is None


def test_one_of_the_destinations_that_its_rule_allows_is_enough() -> None:
    bench = hub(advice("P1", "DE", **FREE))
    plan = PLAN.replace('destination = "MANY"', 'destination = "MANY"\nalso = ["BENELUX"]')
    bench.step(Loaded(plan_of_text(plan.replace('version = "1"', 'version = "2"'), "plan", bench.config), plan))
    assert scan(bench, "CP1", "put", "S1-L01").words == "to MANY"
    assert scan(bench, "CP1", "put", "S1-L03").words == "to MANY"
    bench.floor.plan = plan_of_text(
        plan.replace('["S1-L01", "S1-L02", "S1-L03", "S1-L04", "S1-BOND"]', '["S1-L01"]'), "p", bench.config
    )
    assert scan(bench, "CP1", "put", "S1-L03").words == "to MANY"
    assert scan(bench, "CP1", "put", "S1-L04").words == "goes to MANY, not into S1-L04"


def test_the_page_for_those_who_program_terminals_shows_what_they_are_told() -> None:
    bench = hub(advice("P2", "FR", aliases=("CP2",)))
    bench.customs("hold", subject=("parcel", "P2"))
    told = scan(bench, "CP2", "load")
    page = (Path(__file__).parents[1] / "docs" / "handhelds.md").read_text()
    assert f'"verdict": "{told.verdict}", "words": "{told.words}", "tone": "{told.tone}"' in page


@pytest.mark.parametrize("status", ["do_not_load", "screen", "hold", "inspect", "seize"])
def test_what_stops_a_parcel_that_stays(status: str) -> None:
    bench = hub(advice("P1", "FR"))
    bench.customs(status)
    bench.head()
    assert scan(bench, "CP1", "unload").words == f"customs {status}"


@pytest.mark.parametrize("process", ["put", "load", "depart"])
def test_what_leaves_needs_a_release(process: str) -> None:
    bench = hub(advice("P1", "FR"))
    told = scan(bench, "CP1", process)
    assert (told.verdict, told.tone) == ("hold", "triple")
    assert told.words == "customs hold: no customs status"
    bench.customs("release")
    bench.head()
    assert scan(bench, "CP1", process).verdict == "ok"
    bench.customs("hold", 2)
    bench.head()
    assert scan(bench, "CP1", process).verdict == "hold"


def test_what_does_not_leave_is_stopped_by_what_was_said_of_it_and_by_nothing_else() -> None:
    bench = hub(advice("P1", "FR"))
    assert scan(bench, "CP1", "unload").verdict == "ok"
    bench.customs("inspect")
    bench.head()
    assert scan(bench, "CP1", "unload").words == "customs inspect"
    bench.customs("pending", 2)
    bench.head()
    assert scan(bench, "CP1", "unload").verdict == "ok"


def test_a_supervised_place_takes_what_has_no_release() -> None:
    bench = hub(advice("P1", "FR"))
    for target in ("S1-BOND", "BOND-1"):
        told = scan(bench, "CP1", "put", target)
        assert (told.verdict, told.words) == ("ok", "stays under customs: hold")


def test_blind_the_load_of_imports_is_refused_and_unloading_goes_on() -> None:
    bench = hub(advice("P1", "FR"))
    bench.customs("release")
    bench.head()
    assert scan(bench, "CP1", "load").verdict == "ok"
    bench.step(Parted())
    bench.after(61_000)
    told = scan(bench, "CP1", "load")
    assert (told.verdict, told.words) == ("hold", "customs hold: the customs feed is not fresh")
    assert scan(bench, "CP1", "unload").verdict == "ok"


def test_nobody_knows_it() -> None:
    bench = hub(advice("P1", "FR", **FREE), advice("P2", "FR", aliases=("CP1",), **FREE))
    assert scan(bench, "NOPE", "load").words == "not advised"
    told = scan(bench, "CP1", "load")
    assert (told.verdict, told.words) == ("hold", "codes of several parcels")
    bench.item(NoRead(b"", bench.now), DOCK)
    assert bench.last("parcel/read").outcome == "NO_READ"


def test_what_was_done_while_nobody_could_answer_is_recorded_and_an_alarm_where_it_should_not_have_been() -> None:
    bench = hub(advice("P1", "FR"), advice("P2", "FR", **FREE))
    assert scan(bench, "CP2", "load", "TRUCK-FR", stored=True).verdict == "ok"
    assert bench.named("alarm/raised") == []
    told = scan(bench, "CP1", "load", "TRUCK-FR", stored=True)
    assert (told.verdict, told.words) == ("ok", "recorded")
    alarm = bench.last("alarm/raised")
    assert (alarm.alarm, alarm.priority) == ("hand-held-P1", "critical")
    assert "TRUCK-FR" in alarm.what
    assert bench.last("parcel/read").stored


def test_a_process_that_nobody_knows_leaves_unless_the_site_says_that_it_stays() -> None:
    bench = hub(advice("P1", "FR"))
    for process in ("hand_out", "Load", "laod", "UNLOAD"):
        assert scan(bench, "CP1", process).verdict == "hold"
    bench = ready('[customs] => [hands]\nstaying = ["shelve"]\n[customs]', parcels=(advice("P1", "FR"),))
    assert scan(bench, "CP1", "shelve").verdict == "ok"
    assert scan(bench, "CP1", "identify").verdict == "hold"


@pytest.mark.parametrize("name", ["S1-L01", "TRUCK-FR", "TRUCK-NL", "NEW"])
def test_a_name_of_several_things_is_supervised_only_where_all_of_them_are(name: str) -> None:
    bench = hub(advice("P1", "FR"))
    bench.step(Stood((ContainerRecord(lane="S1-BOND", container=name, status="open"),)))
    assert scan(bench, "CP1", "put", name).verdict == ("ok" if name == "NEW" else "hold")
    bench.customs("release")
    bench.head()
    words = scan(bench, "CP1", "put", name).words
    assert words == ("goes to FRANCE, not with TRUCK-NL" if name == "TRUCK-NL" else "goes to FRANCE, not into S1-BOND")


def test_a_departure_called_like_a_supervised_lane_takes_only_what_has_a_release() -> None:
    bench = hub(advice("P1", "FR"))
    times = {"cut_off": "2030-01-01T00:00:00Z", "arrives": "2030-01-02T00:00:00Z"}
    bench.step(Planned((Departure(departure="S1-BOND", destinations=("FRANCE",), **times),)))
    assert scan(bench, "CP1", "load", "S1-BOND").verdict == "hold"


def test_what_is_closed_takes_nothing_from_hands() -> None:
    bench = hub(advice("P1", "BE", **FREE))
    assert scan(bench, "CP1", "put", "CAGE-3").verdict == "ok"
    bench.step(Stood((ContainerRecord(container="CAGE-3", lane="S1-L03", status="closed", version=2),)))
    told = scan(bench, "CP1", "put", "CAGE-3")
    assert (told.verdict, told.words) == ("wrong", "CAGE-3 is closed")
    assert scan(bench, "CP1", "put", "S1-L03").verdict == "ok", "beside it"
    bench.floor.lanes["S1-L03"].closed_by = "command c1"
    assert scan(bench, "CP1", "put", "S1-L03").words == "S1-L03 is closed"


def test_nothing_is_put_to_what_was_filled_under_customs() -> None:
    bench = hub(advice("P1", "BE", **FREE))
    bench.floor.containers["CAGE-3"].bonded = True
    told = scan(bench, "CP1", "put", "CAGE-3")
    assert (told.verdict, told.words) == ("hold", "CAGE-3 was filled in a supervised lane")


@pytest.mark.parametrize(
    ("fields", "verdict", "words"),
    [
        ({"screened": True, "goods": "books"}, "ok", "to FRANCE"),
        ({"goods": "books"}, "hold", "not into S1-L01: it is secure, and the parcel was not screened"),
        ({"screened": True, "goods": "lithium"}, "wrong", "not into S1-L01: it takes books, not lithium"),
        (
            {"screened": True, "goods": "books", "weight_g": 6000},
            "wrong",
            "not into S1-L01: 6000 g is heavier than 5000 g",
        ),
        (
            {"screened": True, "goods": "books", "length_mm": 301},
            "wrong",
            "not into S1-L01: 301 mm is longer than 300 mm",
        ),
    ],
)
def test_what_a_lane_does_not_take_from_the_belt_it_does_not_take_from_hands(
    fields: dict[str, Any], verdict: str, words: str
) -> None:
    limits = 'secure = true\ngoods = ["books"]\nmax_length_mm = 300\nmax_weight_g = 5000\n'
    bench = ready(f"[lane.S1-L01]\n => [lane.S1-L01]\n{limits}", parcels=(advice("P1", "FR", **FREE, **fields),))
    told = scan(bench, "CP1", "put", "S1-L01")
    assert (told.verdict, told.words) == (verdict, words)


def test_what_nobody_knows_and_was_taken_without_an_answer_is_an_alarm() -> None:
    bench = hub()
    assert scan(bench, "NOPE", "unload", stored=True).words == "recorded"
    assert bench.named("alarm/raised") == []
    assert scan(bench, "NOPE", "load", "TRUCK-FR", stored=True).words == "recorded"
    alarm = bench.last("alarm/raised")
    assert (alarm.alarm, alarm.priority) == ("hand-held-unknown", "critical")
    assert "not advised" in alarm.what


def test_words_fit_a_display() -> None:
    bench = hub(advice("P1", "FR"))
    bench.customs("hold", subject=("parcel", "P1"), authority="A" * 64)
    bench.head()
    assert len(scan(bench, "CP1", "load").words) == 64


def test_a_scan_that_nobody_waits_for_is_an_event_alone() -> None:
    bench = hub()
    bench.item(Read("CP1", b"", bench.now), DOCK)
    assert bench.told == []
    assert (bench.last("parcel/read").parcel, bench.last("parcel/read").verdict) == ("P1", None)
    bench.step(Connection(DOCK, False))


@given(data=st.data())
@settings(max_examples=150)
def test_nobody_takes_outside_what_has_no_release(data: st.DataObject) -> None:
    """Against a second reckoning: the newest word of each authority, a fresh feed or not, where the hand works."""
    free = data.draw(st.booleans())
    bench = hub(advice("P1", "FR", customs="none" if free else "required", belongs={"air_waybill": "AWB1"}))
    said: dict[tuple[str, str], tuple[int, str]] = {}
    fresh_until = bench.now + 60_000
    for _ in range(data.draw(st.integers(1, 8))):
        match data.draw(st.sampled_from(["record", "beat", "wait", "scan", "scan"])):
            case "record":
                authority, about = data.draw(st.sampled_from(AUTHORITIES))
                sequence = data.draw(st.integers(1, 4))
                status = data.draw(st.sampled_from(["release", "hold", "pending", "inspect"]))
                bench.customs(status, sequence, about, authority=authority)
                bench.head()
                fresh_until = bench.now + 60_000
                if sequence > said.get((authority, about[0]), (0, ""))[0]:
                    said[authority, about[0]] = sequence, status
            case "beat":
                bench.head()
                fresh_until = bench.now + 60_000
            case "wait":
                bench.after(data.draw(st.sampled_from([10.0, 30_000.0, 61_000.0])))
            case _:
                process = data.draw(st.sampled_from(["load", "put", "depart", "unload", "identify"]))
                target = data.draw(st.sampled_from(["", "S1-L01", "S1-BOND", "BOND-1", "TRUCK-FR", "CAGE-3"]))
                told = scan(bench, "CP1", process, target)
                words = [status for _, status in said.values()]
                positive = all(word == "release" for word in words) and (bool(words) or free)
                released = positive and (free or bench.now <= fresh_until)
                outside = process in ("load", "put", "depart") and target not in ("S1-BOND", "BOND-1")
                if outside and not released:
                    assert told.verdict == "hold"
                elif outside and target != "CAGE-3":
                    assert told.verdict == "ok"


def test_while_the_disk_is_full_no_scan_is_taken() -> None:
    bench = hub()
    bench.step(Stored(False))
    before = len(bench.events)
    told = scan(bench, "CP1", "load")
    assert (told.verdict, told.words) == ("hold", "not recorded, the disk is full: scan it again later")
    assert bench.told[-1].at_once, "it waits for no disk"
    answered = len(bench.told)
    hand = Hand("load", "D4", "op-7", "s-stored", stored=True)
    bench.item(Read("CP1", b"", bench.now, reader="hand-3", hand=hand), DOCK)
    assert len(bench.told) == answered, "its terminal keeps it"
    assert len(bench.events) == before
    bench.step(Stored(True))
    assert scan(bench, "CP1", "load").verdict == "ok"
