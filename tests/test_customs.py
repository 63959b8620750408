"""Customs: latches, the most restrictive status, and nothing believed that is unknown, absent or stale (P17)."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from controller import clearing, customs, kept
from controller.advice import CustomsHead, Status
from controller.customs import AHEAD_LIMIT, GRACE_MS, RANK, Book, Verdict
from tests.floor_fixture import UTC, advice, ready, record, ride

LATER = GRACE_MS + 1
BELONGS = {"consignment": "K1", "declaration": "D1", "bag": "G1", "air_waybill": "W1"}


def head(sequence: int, time: float = 1.0, since: int = 1) -> CustomsHead:
    return CustomsHead(sequence=sequence, time_ms=int(UTC + time), since=since)


def book(*records: tuple[str, int], position: int | None = None) -> Book:
    """A fresh book: (status, sequence) of P1 in order, then a head."""
    made = Book(60_000.0)
    made.connected(UTC, 0.0)
    for feed, (status, sequence) in enumerate(records, 1):
        made.take(record(status, sequence, feed), 0.0)
    made.beat(head(len(records) if position is None else position), 0.0)
    return made


# --- one record -------------------------------------------------------------------------------------------------------


def test_of_equals_the_one_that_was_heard_first_is_named() -> None:
    made = Book(60_000.0)
    for feed, authority in enumerate(("NL", "BE", "FR", "DE", "LU", "IT", "ES", "PT"), 1):
        made.take(record("hold", 1, feed, authority=authority), 0.0)
    assert made.latched(advice()).why == "H7 NL on parcel P1"


@pytest.mark.parametrize("status", get_args(Status))
def test_only_release_releases(status: str) -> None:
    found = book((status, 1)).verdict(advice(), 0.0)
    assert (found.released, found.status) == (status == "release", status)


def test_absent_and_unidentified_hold() -> None:
    assert book().verdict(advice(), 0.0) == Verdict(False, "hold", "no customs status")
    assert book(("release", 1)).verdict(None, 0.0) == Verdict(False, "hold", "not identified")


def test_a_parcel_that_needs_none_is_released_with_the_feed_away() -> None:
    assert Book(60_000.0).verdict(advice(customs="none"), 0.0) == Verdict(True, "none", "needs no release")
    assert Book(60_000.0).verdict(advice(), 0.0) == Verdict(False, "hold", "the customs feed is not fresh")


def test_the_newest_is_the_one_in_force() -> None:
    made = Book(60_000.0)
    old, new, same = record("hold", 1, 1), record("pending", 2, 2), record("hold", 2, 3)
    made.take(old, 0.0)
    made.take(new, 0.0)
    assert [made.newest(one) for one in (old, new, same)] == [False, True, False]
    assert made.latched(advice()).status == "pending", "a hold is no seizure: it does not stay"
    made.restore(old)
    assert made.newest(new), "what stood in the journal is older"
    made.restore(same)
    assert made.newest(same)
    assert not made.newest(record("hold", 9, 9, ("parcel", "P9")))


def test_the_same_status_again_has_its_own_code() -> None:
    made = book(("seize", 1))
    assert not made.take(record("seize", 2, 2, raw="S-2"), 0.0)
    (found,) = made.records.values()
    assert (found.sequence, found.raw) == (2, "S-2")


def test_a_newer_sequence_only() -> None:
    assert not book(("release", 1), ("hold", 2)).verdict(advice(), 0.0).released
    assert book(("hold", 1), ("release", 2)).verdict(advice(), 0.0).released
    assert not book(("hold", 2), ("release", 1)).verdict(advice(), 0.0).released, "older"
    assert not book(("hold", 2), ("release", 2)).verdict(advice(), 0.0).released, "the same number again"


def test_what_is_news() -> None:
    made = Book(1.0)
    assert made.take(record("hold", 1, 1), 0.0)
    assert not made.take(record("hold", 1, 1), 0.0), "a duplicate"
    assert not made.take(record("hold", 2, 2), 0.0), "the same status"
    assert made.take(record("release", 3, 3), 0.0)


# --- latches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [{"scheme": "ICS2"}, {"authority": "NL"}, {"scheme": "local", "authority": "hub"}])
def test_nobody_lifts_the_latch_of_another(other: dict[str, Any]) -> None:
    made = book(("hold", 1))
    made.take(record("release", 99, 2, **other), 0.0)
    assert made.verdict(advice(), 0.0).status == "hold"
    made.take(record("release", 2, 3), 0.0)
    assert made.verdict(advice(), 0.0).released


@pytest.mark.parametrize("kind", BELONGS)
def test_a_hold_of_anything_it_belongs_to(kind: str) -> None:
    made = book(("release", 1))
    made.take(record("hold", 1, 2, (kind, BELONGS[kind])), 0.0)
    assert not made.verdict(advice(belongs=BELONGS), 0.0).released
    assert made.verdict(advice(), 0.0).released, "another parcel's waybill"
    made.take(record("release", 2, 3, (kind, BELONGS[kind])), 0.0)
    assert made.verdict(advice(belongs=BELONGS), 0.0).released


def test_a_kind_and_an_id_are_one_key() -> None:
    made = book(("release", 1))
    made.take(record("seize", 1, 2, ("bag", "P1")), 0.0)
    assert made.verdict(advice(), 0.0).released


def test_a_release_of_the_waybill_alone_is_a_positive_release() -> None:
    made = Book(60_000.0)
    made.connected(UTC, 0.0)
    made.take(record("release", 1, 1, ("air_waybill", "W1")), 0.0)
    made.beat(head(1), 0.0)
    assert made.verdict(advice(belongs=BELONGS), 0.0).released


def test_the_most_restrictive_counts_in_any_order() -> None:
    said = [
        record("release", 1, 1),
        record("hold", 1, 2, ("bag", "G1")),
        record("seize", 1, 3, ("air_waybill", "W1"), scheme="ICS2"),
        record("pending", 1, 4, scheme="ACAS"),
    ]
    for order in permutations(said):
        made = Book(60_000.0)
        for one in order:
            made.take(one, 0.0)
        assert made.latched(advice(belongs=BELONGS)).status == "seize"


def test_every_status_has_a_rank_and_release_the_lowest() -> None:
    """From the only positive one to the most restrictive, as hubs rank them: of two the later one counts."""
    ranks = "release pending return info_requested screen inspect hold seize do_not_load".split()
    assert set(ranks) == set(RANK) == set(get_args(Status))
    for free, strict in combinations(ranks, 2):
        made = book((free, 1))
        made.take(record(strict, 1, 2, ("bag", "G1")), 0.0)
        found = made.latched(advice(belongs={"bag": "G1"}))
        assert (found.status, found.why, found.released) == (strict, "H7 BE on bag G1", False)


SAID = st.lists(
    st.tuples(
        st.sampled_from(get_args(Status)),
        st.integers(0, 4),
        st.sampled_from((("parcel", "P1"), ("bag", "G1"), ("air_waybill", "W1"), ("parcel", "P2"))),
        st.sampled_from(("H7", "ICS2")),
    ),
    max_size=12,
)


@given(SAID)
def test_against_a_model_that_keeps_everything(said: list[tuple[str, int, tuple[str, str], str]]) -> None:
    made = Book(60_000.0)
    latest: dict[tuple[tuple[str, str], str], tuple[int, str]] = {}
    for feed, (status, sequence, subject, scheme) in enumerate(said, 1):
        made.take(record(status, sequence, feed, subject, scheme=scheme), 0.0)
        if sequence > latest.get((subject, scheme), (-1, ""))[0]:
            latest[subject, scheme] = sequence, status
    mine = [status for (subject, _), (_, status) in latest.items() if subject[1] in ("P1", "G1", "W1")]
    found = made.latched(advice(belongs={"bag": "G1", "air_waybill": "W1"}))
    assert found.released == (bool(mine) and set(mine) == {"release"})


@pytest.mark.parametrize("status", ["seize", "do_not_load"])
def test_seize_and_do_not_load_stay_until_a_newer_release(status: str) -> None:
    made = book((status, 1), ("pending", 2), ("hold", 4))
    assert made.latched(advice()).status == status
    assert not made.take(record("release", 3, 4), 0.0), "older than what was said last"
    assert made.latched(advice()).status == status
    assert made.take(record("release", 5, 5), 0.0)
    assert made.verdict(advice(), 0.0).released
    assert made.take(record("hold", 6, 6), 0.0)
    assert made.latched(advice()).status == "hold", "lifted is lifted"


def test_a_more_restrictive_status_takes_the_place_of_one_that_stays() -> None:
    assert book(("seize", 1), ("do_not_load", 2)).latched(advice()).status == "do_not_load"
    assert book(("do_not_load", 1), ("seize", 2)).latched(advice()).status == "do_not_load"


def test_what_stays_is_kept_with_the_newest_sequence() -> None:
    bench = ready()
    bench.customs("seize", 1, raw="S-9")
    bench.customs("hold", 2, raw="H-1")
    again = Book(60_000.0)
    for (kind, _), value in bench.kept.items():
        if kind == "customs":
            again.restore(type(record("hold")).model_validate_json(kept.dump(value)))
    (found,) = again.records.values()
    assert (found.status, found.raw, found.sequence) == ("seize", "S-9", 2)


# --- the site's own hand ----------------------------------------------------------------------------------------------


def local(status: str, sequence: int) -> Any:
    """A record as a command makes it."""
    return record(status, sequence, None, scheme="local", authority="lgg")


def test_only_local_records_are_without_a_feed_number() -> None:
    assert local("hold", 1).feed is None
    with pytest.raises(ValidationError, match="feed is missing"):
        record("hold", 1, None)


def test_a_local_release_ends_the_local_hold_and_releases_nothing() -> None:
    made = book()
    made.take(local("hold", 1), 0.0)
    assert made.latched(advice(customs="none")).status == "hold"
    made.take(local("release", 2), 0.0)
    assert not made.latched(advice()).released
    assert made.latched(advice()).why == "no customs status"
    assert made.latched(advice(customs="none")).released
    made.take(record("release", 1, 1), 0.0)
    assert made.latched(advice()).released


def test_local_records_leave_the_feed_alone() -> None:
    made = book(("release", 1))
    made.take(local("hold", 1), 0.0)
    assert (made.position, made.ahead, made.fresh(0.0)) == (1, set(), True)


@given(st.lists(st.tuples(st.sampled_from(("hold", "release")), st.booleans()), max_size=8))
def test_a_local_hand_never_makes_a_parcel_freer_than_customs_does(said: list[tuple[str, bool]]) -> None:
    with_hand, without = Book(60_000.0), Book(60_000.0)
    for sequence, (status, by_hand) in enumerate(said, 1):
        if by_hand:
            with_hand.take(local(status, sequence), 0.0)
        else:
            for made in (with_hand, without):
                made.take(record(status, sequence, sequence), 0.0)
    for parcel in (advice(), advice(customs="none")):
        assert with_hand.latched(parcel).released <= without.latched(parcel).released


# --- how much is remembered -------------------------------------------------------------------------------------------


FEW = 100
MARGIN = FEW // customs.MARGIN


def crowd(made: Book, count: int, status: str = "release", start: int = 1) -> Book:
    """So many records of as many parcels, X1 first."""
    for number in range(start, start + count):
        made.restore(record(status, 1, number, ("parcel", f"X{number}")))
    return made


def test_the_oldest_releases_are_forgotten_but_none_that_is_needed() -> None:
    made = crowd(Book(60_000.0, FEW), 5, "hold")
    crowd(made, FEW - 4, start=6)
    gone = made.forget({("parcel", "X6"), ("parcel", "X8")})
    assert [key[3] for key in gone] == ["X7", "X9", "X10"]
    assert MARGIN == 5
    assert all(("parcel", f"X{number}") in made.by_subject for number in (1, 2, 3, 4, 5, 6, 8))
    assert ("parcel", "X7") not in made.by_subject
    assert not made.latched(advice("X7")).released
    assert made.latched(advice("X8")).released
    assert made.forget(set()) == [], "there is room now"


def test_what_is_needed_is_asked_again_after_all_others() -> None:
    made = crowd(Book(60_000.0, FEW), FEW + 1)
    assert [key[3] for key in made.forget({("parcel", "X1")})] == ["X2", "X3", "X4", "X5"]
    crowd(made, 4, start=FEW + 2)
    assert [key[3] for key in made.forget(set())] == ["X6", "X7", "X8", "X9", "X10"]
    assert list(made.released)[-5:] == [("H7", "BE", "parcel", f"X{n}") for n in (1, *range(FEW + 2, FEW + 6))]
    assert made.released.keys() == made.records.keys()


def test_of_a_subject_only_the_release_is_forgotten() -> None:
    made = crowd(Book(60_000.0, FEW), FEW)
    made.restore(record("hold", 1, FEW + 1, ("parcel", "X1"), scheme="ICS2"))
    assert ("H7", "BE", "parcel", "X1") in made.forget(set())
    assert made.latched(advice("X1")).why == "ICS2 BE on parcel X1"


def test_a_release_said_again_is_young() -> None:
    made = crowd(Book(60_000.0, FEW), FEW + 1)
    made.take(record("release", 2, 9999, ("parcel", "X1")), 0.0)
    assert "X1" not in {key[3] for key in made.forget(set())}


def test_a_hold_again_is_no_release_any_more() -> None:
    made = crowd(Book(60_000.0, FEW), FEW + 1)
    made.take(record("hold", 2, 9999, ("parcel", "X1")), 0.0)
    assert "X1" not in {key[3] for key in made.forget(set())}
    assert ("parcel", "X1") in made.by_subject


def test_where_nothing_may_be_forgotten_a_further_record_is_not_heard() -> None:
    made = Book(60_000.0, FEW)
    made.connected(UTC, 0.0)
    crowd(made, FEW + MARGIN, "hold")
    assert made.forget(set()) == []
    assert not made.take(record("release", 1, 1, ("parcel", "NEW")), 0.0)
    assert (made.position, len(made.records)) == (0, FEW + MARGIN)
    made.beat(head(1), 0.0)
    assert not made.fresh(LATER), "so that what it might have said holds everything"
    made.take(record("release", 2, 1, ("parcel", "X1")), LATER)
    assert made.latched(advice("X1")).released, "who is known is heard"


def test_on_the_floor_what_is_forgotten_is_forgotten_on_disk() -> None:
    bench = ready(parcels=(advice("P1"), advice("P2")))
    bench.floor.book.limit = FEW
    bench.customs("release", subject=("parcel", "P2"))
    bench.customs("release", subject=("parcel", "P1"))
    bench.head()
    ride(bench, 1, "CP2")
    for number in range(FEW - 2):
        bench.customs("release", subject=("parcel", f"X{number}"))
    assert ("customs", "H7|BE|parcel|P1") in bench.kept
    bench.customs("release", subject=("parcel", "ONE-MORE"))
    assert ("customs", "H7|BE|parcel|P1") not in bench.kept
    assert ("customs", "H7|BE|parcel|P2") in bench.kept, "it is on the belt"
    assert {key for kind, key in bench.kept if kind == "customs"} == {
        clearing.kept_as(key) for key in bench.floor.book.records
    }


@given(st.lists(st.text("a|%7C", min_size=1, max_size=4), min_size=8, max_size=8))
def test_no_two_records_share_a_place_in_the_journal(parts: list[str]) -> None:
    one: Any = tuple(parts[:4])
    other: Any = tuple(parts[4:])
    assert (clearing.kept_as(one) == clearing.kept_as(other)) == (one == other)


def test_the_name_of_a_usual_record_in_the_journal_is_what_it_always_was() -> None:
    assert clearing.kept_as(("H7", "BE", "parcel", "P1")) == "H7|BE|parcel|P1"


# --- the feed ---------------------------------------------------------------------------------------------------------


def test_a_gap_holds_until_it_is_closed() -> None:
    made = book(("release", 1))
    made.take(record("hold", 1, 3, ("parcel", "P3")), 0.0)
    made.beat(head(3), 0.0)
    assert made.verdict(advice(), LATER).status == "hold"
    made.take(record("hold", 1, 2, ("parcel", "P2")), LATER)
    assert made.verdict(advice(), LATER).released


def test_a_record_beyond_a_gap_holds_before_any_head_tells() -> None:
    made = book(("release", 1))
    made.take(record("hold", 1, 3, ("parcel", "P3")), 0.0)
    assert not made.fresh(LATER)


def test_while_a_gap_stands_further_records_do_not_prolong_the_grace() -> None:
    made = book(("release", 1))
    for feed in range(3, 40):
        made.take(record("hold", 1, feed, ("parcel", f"X{feed}")), feed * 100.0)
    assert not made.fresh(3 * 100.0 + GRACE_MS + 1)


def test_a_head_that_is_further_than_what_came_holds() -> None:
    made = book(("release", 1))
    made.beat(head(2), 0.0)
    assert not made.verdict(advice(), LATER).released
    made.take(record("hold", 1, 2, ("parcel", "P2")), LATER)
    assert made.verdict(advice(), LATER).released


def test_without_any_head_nothing_is_believed() -> None:
    made = Book(60_000.0)
    made.connected(UTC, 0.0)
    made.take(record("release", 1, 1), 0.0)
    assert not made.verdict(advice(), 0.0).released


def test_a_stale_head() -> None:
    made = book(("release", 1))
    assert made.verdict(advice(), 60_000.0).released
    assert not made.verdict(advice(), 60_001.0).released
    made.beat(head(1, time=60_002), 60_002.0)
    assert made.verdict(advice(), 60_002.0).released


def test_a_head_older_than_the_connection_proves_nothing() -> None:
    made = book(("release", 1))
    made.connected(UTC + 5000, 0.0)
    assert not made.fresh(0.0)
    made.beat(head(1, time=4999), 0.0)
    assert not made.fresh(0.0)
    made.beat(head(1, time=5000), 0.0)
    assert made.fresh(0.0)


def test_before_the_first_connection_a_head_proves_nothing() -> None:
    made = Book(60_000.0)
    made.beat(head(0, time=1e12), 0.0)
    assert not made.fresh(0.0)


def test_a_node_that_knows_nothing_starts_where_the_feed_does() -> None:
    made = Book(60_000.0)
    made.connected(UTC, 0.0)
    made.take(record("release", 1, 41), 0.0)
    made.beat(head(41, since=41), 0.0)
    assert made.position == 41
    assert made.verdict(advice(), 0.0).released
    made.beat(head(41, since=5), 0.0)
    assert made.position == 41, "never back"


def test_repeats_of_the_feed_change_nothing() -> None:
    made = book(("release", 1), ("hold", 2))
    for feed in (1, 2, 1):
        made.take(record("release", 1, feed), 0.0)
    assert (made.position, made.fresh(0.0)) == (2, True)
    assert made.verdict(advice(), 0.0).status == "hold"


def test_memory_ahead_of_a_gap_is_bounded_and_the_gap_can_be_closed() -> None:
    made = book(("release", 1))
    made.ahead.update(range(3, AHEAD_LIMIT + 2))
    for feed in (AHEAD_LIMIT + 2, AHEAD_LIMIT + 3):
        made.take(record("hold", feed, feed, ("parcel", "P3")), 0.0)
        assert len(made.ahead) == AHEAD_LIMIT
    made.take(record("hold", 1, 2, ("parcel", "P2")), 0.0)
    assert (made.position, made.ahead) == (AHEAD_LIMIT + 2, set())
    made.beat(head(AHEAD_LIMIT + 3), 0.0)
    assert not made.fresh(LATER), "what was not remembered is missing"
    made.take(record("hold", 1, AHEAD_LIMIT + 3, ("parcel", "P4")), 0.0)
    assert made.fresh(LATER)


def test_neither_a_gap_nor_a_further_head_prolongs_the_grace() -> None:
    """The head is ahead from the first moment on: nobody has heard 4 and 5, whatever else comes."""
    made = book(("release", 1))
    made.take(record("hold", 1, 3, ("parcel", "P3")), 0.0)
    made.beat(head(4), 0.0)
    made.beat(head(5, time=900), 900.0)
    made.take(record("hold", 1, 2, ("parcel", "P2")), 950.0)
    assert (made.position, made.ahead, made.stale_at()) == (3, set(), GRACE_MS)
    assert made.fresh(GRACE_MS)
    assert not made.fresh(LATER)


def test_in_a_new_connection_nothing_is_believed_until_all_was_heard() -> None:
    made = book(("release", 1))
    made.connected(UTC + 5000, 5000.0)
    made.take(record("hold", 1, 2, ("parcel", "P2")), 5000.0)
    assert not made.fresh(5000.0), "no head yet"
    assert made.beat(head(4, time=5100), 5100.0)
    assert not made.fresh(5100.0), "no grace: 3 and 4 may have been missed"
    made.take(record("hold", 1, 4, ("parcel", "P4")), 5100.0)
    assert made.beat(head(2, time=5150), 5150.0)
    assert made.beat(head(6, time=5200), 5200.0)
    made.take(record("hold", 1, 3, ("parcel", "P3")), 5200.0)
    assert not made.fresh(5200.0), "there was no moment at which nothing was missing"
    for feed in (5, 6):
        made.take(record("hold", 1, feed, ("parcel", f"P{feed}")), 5300.0)
    assert made.fresh(5300.0)


def test_a_feed_that_goes_back_is_not_believed() -> None:
    made = book(("release", 1), ("hold", 2))
    assert not made.beat(head(1, time=10), 10.0)
    assert (made.fresh(10.0), made.stale_at()) == (False, None)
    assert made.beat(head(3, time=20), 20.0)
    assert not made.fresh(20.0), "no grace"
    made.take(record("hold", 1, 3, ("parcel", "P3")), 20.0)
    assert made.fresh(20.0)


def test_a_beat_that_was_overtaken_says_nothing() -> None:
    made = book(("release", 1))
    made.beat(head(1, time=50_000), 50_000.0)
    assert made.beat(head(1, time=10), 50_001.0)
    assert made.stale_at() == 110_000
    assert made.beat(head(0, time=10), 50_001.0), "nor does it go back"
    assert made.fresh(50_001.0)


def test_a_beat_is_as_old_as_it_says() -> None:
    made = Book(60_000.0)
    made.connected(UTC + 5000, 1000.0)
    made.beat(head(0, time=6000), 9000.0)
    assert made.stale_at() == 62_000
    made.beat(head(0, time=99_000), 9000.0)
    assert made.stale_at() == 69_000, "but not from the future"


def test_a_beat_that_is_delivered_again_does_not_take_the_feed_back() -> None:
    made = book(("release", 1), position=1)
    made.take(record("hold", 1, 2, ("parcel", "P2")), 5.0)
    assert made.beat(head(1), 6.0), "the broker has not had its acknowledgement yet"
    assert made.fresh(6.0)
    assert made.beat(head(1, time=7), 7.0), "the record may have overtaken a new one"
    assert not made.beat(head(1, time=8), 8.0), "but not the next"


def test_records_may_overtake_beats_that_count_on() -> None:
    made = book(("release", 1), position=1)
    for feed in range(2, 9):
        made.take(record("hold", 1, feed, ("parcel", f"P{feed}")), float(feed))
        made.take(record("hold", 2, feed + 1, ("parcel", f"P{feed}")), float(feed))
        assert made.beat(head(feed, time=feed), float(feed)), "it counts what had overtaken the one before"
        assert made.fresh(float(feed))
    assert not made.beat(head(8, time=20), 20.0), "nine had come when the last beat did"


def test_a_feed_that_goes_back_between_two_beats_is_found_with_the_second() -> None:
    made = book(*[("hold", number) for number in range(1, 6)], position=5)
    made.take(record("hold", 1, 6, ("parcel", "P6")), 5.0)
    assert not made.beat(head(4, time=6), 6.0), "it counts less than the beat before"
    made = book(*[("hold", number) for number in range(1, 6)], position=5)
    for feed in (6, 7, 8):
        made.take(record("hold", 1, feed, ("parcel", f"P{feed}")), 5.0)
    assert made.beat(head(6, time=6), 6.0)
    made.take(record("release", 2, 7, ("parcel", "P7")), 6.0)
    assert not made.beat(head(7, time=7), 7.0), "the centre was restored and counts 7 again"


def test_a_feed_that_starts_later_takes_a_node_with_it() -> None:
    made = book(("release", 1))
    for feed in (4, 6, 8):
        made.take(record("hold", 1, feed, ("parcel", f"X{feed}")), 0.0)
    made.beat(head(8, since=6), 0.0)
    assert (made.position, made.ahead) == (6, {8})
    made.beat(head(8, since=9), 0.0)
    assert (made.position, made.ahead, made.fresh(0.0)) == (8, set(), True)


@given(st.permutations(list(range(1, 9))), st.integers(0, 8))
def test_fresh_exactly_when_nothing_is_missing(order: list[int], came: int) -> None:
    made = Book(60_000.0)
    made.connected(UTC, 0.0)
    for feed in order[:came]:
        made.take(record("hold", 1, feed, ("parcel", f"X{feed}")), 0.0)
    made.beat(head(max(order[:came], default=0)), 0.0)
    assert made.fresh(0.0) == (set(order[:came]) == set(range(1, came + 1)))


# --- on the floor -----------------------------------------------------------------------------------------------------


def test_a_late_head_lets_a_held_parcel_go() -> None:
    bench = ready(parcels=(advice(),))
    bench.customs("release")
    bench.lose_session()
    bench.reach()
    bench.session()
    ride(bench)
    assert bench.dests() == [(1, ("BOND", "EX"), "HOLD")]
    bench.answer()
    bench.head()
    assert bench.dests()[-1] == (2, ("L01", "L02", "EX"), "PLAN")


def test_the_feed_going_stale_holds_what_is_on_the_belt() -> None:
    bench = ready(parcels=(advice(), advice("P2", customs="none")))
    bench.customs("release")
    bench.head()
    bench.after(55_000)
    ride(bench, 1, left=20_000)
    bench.answer()
    ride(bench, 2, "CP2", left=20_000)
    bench.answer()
    assert [reason for _, _, reason in bench.dests()] == ["PLAN", "PLAN"]
    bench.after(900)
    assert len(bench.dests()) == 2
    bench.after(200)
    assert bench.dests()[2:] == [(2, ("BOND", "EX"), "HOLD")]
    assert bench.destinations()[2].ref == (bench.travel(1).id, 2), "the other one needs no release"
