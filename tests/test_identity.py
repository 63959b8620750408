"""From all results of a travel to one identity, or to the reason why there is none: every outcome is distinct."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.advice import Advice
from controller.floor import Connection, Heard
from controller.identity import Identity, Outcome, Result, identify
from controller.identity_rules import Rules
from controller.routing import REASONS
from devices import types as said
from devices.scanners import line
from tests.floor_fixture import DOCK, TUNNEL, advice, ready, ride

STORE = (
    advice("P1", aliases=("A1", "A2", "SHARED")),
    advice("P2", aliases=("B1", "SHARED")),
)


def look(key: str) -> tuple[Advice, ...]:
    return tuple(one for one in STORE if key == one.parcel or key in one.aliases)


def result(code: str | None, outcome: str = "READ", reader: str = "t1") -> Result:
    return Result(reader, outcome, code, 0.0)  # type: ignore[arg-type]


def settled(*results: Result, suspect: bool = False, silent: Outcome = "SCANNER_LATE") -> Identity:
    return identify(results, look, Rules(), suspect=suspect, silent=silent)


@pytest.mark.parametrize(
    ("results", "outcome", "parcel"),
    [
        ([result("A1")], "READ", "P1"),
        ([result("P1")], "READ", "P1"),
        ([result("A1"), result("A2"), result("A1", reader="t2")], "READ", "P1"),
        ([result("A1"), result("EAN-OF-A-BOX")], "READ", "P1"),
        ([result("A1"), result(None, "NO_READ", "t2")], "READ", "P1"),
        ([result("A1"), result("B1")], "CONFLICT", None),
        ([result("SHARED")], "CONFLICT", None),
        ([result("X"), result("Y")], "MULTI", None),
        ([result("X"), result("X", reader="t2")], "UNKNOWN_CODE", None),
        ([result(None, "NO_READ")], "NO_READ", None),
        ([result(None, "BAD_CHECK")], "BAD_CHECK", None),
        ([result(None, "AMBIGUOUS")], "AMBIGUOUS", None),
        ([result("A1"), result(None, "NO_READ")], "AMBIGUOUS", None),
        ([], "SCANNER_LATE", None),
    ],
)
def test_outcomes(results: list[Result], outcome: str, parcel: str | None) -> None:
    found = settled(*results)
    assert (found.outcome, found.parcel) == (outcome, parcel)
    assert found.why


def test_a_reader_that_is_away_is_not_one_that_is_late() -> None:
    assert settled(silent="SCANNER_DOWN").outcome == "SCANNER_DOWN"
    assert settled(silent="SCANNER_LATE").outcome == "SCANNER_LATE"


def test_nothing_is_taken_from_a_suspect_item() -> None:
    found = settled(result("A1"), suspect=True)
    assert (found.outcome, found.parcel) == ("AMBIGUOUS", None)


def test_the_source_is_told() -> None:
    assert settled(result("A1")).source == "tunnel"
    assert settled(Result("plc-S1", "READ", "A1", 0.0, source="plc")).source == "plc"
    assert settled(result(None, "NO_READ", "t2"), Result("d1", "READ", "A1", 0.0, source="ocr")).source == "ocr"
    assert settled(result(None, "NO_READ")).source == ""


@pytest.mark.parametrize(
    ("results", "why"),
    [
        ([result("A1")], "1 code of P1"),
        ([result("A1"), result("A2")], "2 codes of P1"),
        ([result("A1"), result("A2"), result("A1", reader="t2")], "2 codes of P1"),
        ([result("A1"), result("B1")], "codes of 2 parcels: P1, P2"),
        ([result("X"), result("Y")], "2 codes, none of them advised"),
        (
            [result("A1", reader=name) for name in ("t2", "t1")]
            + [result(None, "NO_READ", name) for name in ("t2", "t1")],
            "t1 gave both a code and a no-read: two items",
        ),
        ([result(None, "BAD_CHECK"), result(None, "NO_READ")], "a code was read whose check digit is wrong"),
    ],
)
def test_the_reason_in_words(results: list[Result], why: str) -> None:
    assert settled(*results).why == why


def test_every_outcome_but_read_has_its_reason() -> None:
    assert set(REASONS) == set(get_args(Outcome)) - {"READ"}
    assert all(len(reason) == 4 for reason in REASONS.values())


RESULTS = st.lists(
    st.one_of(
        st.sampled_from(("A1", "A2", "B1", "SHARED", "P1", "X", "Y")).map(result),
        st.sampled_from(("NO_READ", "BAD_CHECK")).map(lambda outcome: result(None, outcome, "t2")),
    ),
    max_size=6,
)


@given(RESULTS, st.randoms())
def test_the_order_of_codes_does_not_matter_and_nobody_guesses(results: list[Result], rng: object) -> None:
    found = settled(*results)
    codes = [one for one in results if one.code is not None]
    assert settled(*reversed(codes)).outcome == settled(*codes).outcome
    if found.advice is not None:
        named = {one.parcel for code in codes if code.code for one in look(code.code)}
        assert named == {found.parcel}


# --- as the floor comes to them ---------------------------------------------------------------------------------------


def test_read_no_read_and_bad_check_on_the_floor() -> None:
    for item, identity, reason in (
        (said.Read("CP1", b"CP1", 0.0), "READ", "PLAN"),
        (said.NoRead(b"", 0.0), "NO_READ", "NORD"),
        (_misread(), "BAD_CHECK", "BADC"),
        (said.Read("?", b"?", 0.0), "UNKNOWN_CODE", "UNKN"),
    ):
        bench = ready(parcels=(advice(customs="none"),))
        bench.indu(1)
        bench.after(1200)
        bench.step(Heard(TUNNEL, type(item)(**{**_fields(item), "at": bench.now})))  # type: ignore[arg-type]
        bench.after(800).arrv(1)
        bench.after(300)
        assert (bench.last("parcel/routed").identity, bench.last("parcel/routed").reason) == (identity, reason)
        assert bench.last("parcel/read").symbology is None


def _fields(item: said.Item) -> dict[str, object]:
    return {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}


def _misread() -> said.Item:
    """What a driver says of a code whose check digit is wrong."""
    driver = line.Driver(line.Settings(check="mod10"))
    (item,) = driver.feed(b"4006381333930\r\n", 0.0)
    assert isinstance(item, said.Garbled)
    return item


def test_other_garbage_of_a_reader_is_no_result() -> None:
    bench = ready()
    bench.indu(1)
    bench.after(1200).step(Heard(TUNNEL, said.Garbled(b"x", "too long", bench.now)))
    bench.step(Heard(TUNNEL, said.Heartbeat(b"HB", bench.now)))
    assert bench.travel().results == []


@pytest.mark.parametrize(("up", "outcome"), [(True, "SCANNER_LATE"), (False, "SCANNER_DOWN")])
def test_scanner_late_and_scanner_down_on_the_floor(up: bool, outcome: str) -> None:
    bench = ready(reader=up)
    bench.indu(1)
    bench.after(2000).arrv(1)
    assert bench.last("parcel/routed").identity == outcome
    assert bench.dests() == [(1, ("EX",), "SCAN")]


def test_a_scanner_that_went_down_again() -> None:
    bench = ready()
    bench.step(Connection(TUNNEL, False))
    bench.indu(1)
    bench.after(2000).arrv(1)
    assert bench.last("parcel/routed").identity == "SCANNER_DOWN"


def test_the_same_parcel_twice_alive() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    ride(bench, 1)
    ride(bench, 2)
    assert set(bench.dests()[1:]) == {(2, ("EX",), "DUPL"), (1, ("EX",), "DUPL")}, "the first one turns round, too"
    assert bench.travel(2).identity == "DUPLICATE_LIVE"
    alarms = bench.named("alarm/raised")
    assert alarms
    assert all(alarm.alarm.startswith("duplicate-") for alarm in alarms)
    bench.customs("release")
    assert len(bench.named("alarm/raised")) == len(alarms), "said once"


def test_so_many_pieces_as_advised_are_no_duplicates() -> None:
    bench = ready(parcels=(advice(customs="none", pieces=2),))
    for track in (1, 2, 3):
        ride(bench, track)
    assert [reason for _, _, reason in bench.dests()[:2]] == ["PLAN", "PLAN"]
    assert bench.dests()[2] == (1, ("EX",), "DUPL")


def test_a_parcel_that_left_may_come_again_and_goes_on_with_its_visit() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    ride(bench, 1)
    bench.divc(1, "S1-EX", decision=1, result="FU")
    ride(bench, 2)
    assert bench.dests()[-1][2] == "PLAN"
    first, second = bench.named("parcel/routed")
    assert first.travel != second.travel
    assert first.visit == second.visit


def test_identity_may_come_late() -> None:
    bench = ready()
    ride(bench, 1)
    assert bench.dests() == [(1, ("EX",), "UNKN")]
    bench.answer()
    bench.after(200).advise(advice(customs="none"))
    assert bench.dests()[-1] == (2, ("L01", "L02", "EX"), "PLAN")


@pytest.mark.parametrize(
    ("changes", "reader", "source"),
    [
        ((), TUNNEL, "tunnel"),
        (('late_mm = 400 => late_mm = 400\nsource = "ocr"',), TUNNEL, "ocr"),
        ((), DOCK, "handheld"),
        (('point = "DOCK" => point = "DOCK"\nsource = "rfid"',), DOCK, "rfid"),
    ],
)
def test_a_read_names_its_source(changes: tuple[str, ...], reader: str, source: str) -> None:
    bench = ready(*changes)
    bench.step(Connection(reader, True))
    bench.indu(1)
    bench.after(1200).read("CP1", reader=reader)
    assert bench.last("parcel/read").source == source


def test_a_camera_on_the_line_lifts_a_doubt_as_a_tunnel_does() -> None:
    bench = ready('late_mm = 400 => late_mm = 400\nsource = "ocr"', parcels=(advice(customs="none"),))
    bench.indu(1)
    bench.after(500).stat("LINE", "ESTP")
    bench.stat("LINE", "RUN")
    bench.after(700).read("CP1")
    assert not bench.travel().doubtful


def test_the_reads_of_a_plc_name_their_source() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    bench.indu(1)
    bench.after(2000).arrv(1, codes=(said.Code(b"CP1"),))
    assert bench.travel().parcel == "P1"
    assert [one.source for one in bench.travel().results] == ["plc"]
