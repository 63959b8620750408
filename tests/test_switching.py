"""The calendar of plan switches: which moment a local time is, and which switch fell last."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.sections import DAYS, Switch
from controller.switching import DAY_MS, Schedule, following, moment, newest, zone

BRUSSELS, NEW_YORK = "Europe/Brussels", "America/New_York"


def ms(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000


def at(time: str, plan: str = "day", days: tuple[Any, ...] = DAYS) -> Switch:
    return Switch(at=time, plan=plan, days=days)


NIGHT, DAY = at("22:00", "night"), at("06:00")


@pytest.mark.parametrize(
    ("where", "day", "time", "utc"),
    [
        # an ordinary day, in winter and in summer
        ("UTC", "2026-11-23", "22:00", "2026-11-23T22:00"),
        (BRUSSELS, "2026-11-23", "22:00", "2026-11-23T21:00"),
        (BRUSSELS, "2026-07-01", "22:00", "2026-07-01T20:00"),
        (NEW_YORK, "2026-11-23", "22:00", "2026-11-24T03:00"),
        (NEW_YORK, "2026-07-01", "22:00", "2026-07-02T02:00"),
        # midnight, year end, leap day
        (BRUSSELS, "2027-01-01", "00:00", "2026-12-31T23:00"),
        (NEW_YORK, "2026-12-31", "23:59", "2027-01-01T04:59"),
        (BRUSSELS, "2028-02-29", "00:00", "2028-02-28T23:00"),
        (NEW_YORK, "2028-02-29", "23:00", "2028-03-01T04:00"),
        # clocks go forward: what lies in the gap comes at its end
        (BRUSSELS, "2026-03-29", "01:59", "2026-03-29T00:59"),
        (BRUSSELS, "2026-03-29", "02:00", "2026-03-29T01:00"),
        (BRUSSELS, "2026-03-29", "02:30", "2026-03-29T01:00"),
        (BRUSSELS, "2026-03-29", "02:59", "2026-03-29T01:00"),
        (BRUSSELS, "2026-03-29", "03:00", "2026-03-29T01:00"),
        (BRUSSELS, "2026-03-29", "03:01", "2026-03-29T01:01"),
        (NEW_YORK, "2026-03-08", "02:30", "2026-03-08T07:00"),
        (NEW_YORK, "2026-03-08", "03:30", "2026-03-08T07:30"),
        # clocks go back: what comes twice means the first time
        (BRUSSELS, "2026-10-25", "01:59", "2026-10-24T23:59"),
        (BRUSSELS, "2026-10-25", "02:30", "2026-10-25T00:30"),
        (BRUSSELS, "2026-10-25", "03:00", "2026-10-25T02:00"),
        (NEW_YORK, "2026-11-01", "01:30", "2026-11-01T05:30"),
        (NEW_YORK, "2026-11-01", "02:00", "2026-11-01T07:00"),
        # odd zones: half an hour of change, a gap at midnight, a day that never was
        ("Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03T15:30"),
        ("America/Sao_Paulo", "2018-11-04", "00:30", "2018-11-04T03:00"),
        ("Pacific/Apia", "2011-12-30", "10:00", "2011-12-30T10:00"),
    ],
)
def test_a_local_time_is_one_moment(where: str, day: str, time: str, utc: str) -> None:
    assert moment(date.fromisoformat(day), time, zone(where)) == ms(utc)


@pytest.mark.parametrize(
    ("where", "switches", "now", "last", "plan", "next_"),
    [
        (BRUSSELS, (DAY, NIGHT), "2026-11-23T12:00", "2026-11-23T05:00", "day", "2026-11-23T21:00"),
        (BRUSSELS, (DAY, NIGHT), "2026-11-23T21:00", "2026-11-23T21:00", "night", "2026-11-24T05:00"),
        (BRUSSELS, (DAY, NIGHT), "2026-12-31T23:30", "2026-12-31T21:00", "night", "2027-01-01T05:00"),
        (NEW_YORK, (DAY, NIGHT), "2028-02-29T02:00", "2028-02-28T11:00", "day", "2028-02-29T03:00"),
        # once a week: the other days have none
        (BRUSSELS, (at("04:00", "sun", ("sun",)),), "2026-11-23T12:00", "2026-11-22T03:00", "sun", "2026-11-29T03:00"),
        (BRUSSELS, (at("04:00", "sun", ("sun",)),), "2026-11-29T02:59", "2026-11-22T03:00", "sun", "2026-11-29T03:00"),
        # 02:30 that comes twice is made once
        (BRUSSELS, (at("02:30"),), "2026-10-25T00:30", "2026-10-25T00:30", "day", "2026-10-26T01:30"),
        (BRUSSELS, (at("02:30"),), "2026-10-25T01:30", "2026-10-25T00:30", "day", "2026-10-26T01:30"),
        # 02:30 that does not come is made at 03:00
        (BRUSSELS, (at("02:30"),), "2026-03-29T00:59", "2026-03-28T01:30", "day", "2026-03-29T01:00"),
        (BRUSSELS, (at("02:30"),), "2026-03-29T01:00", "2026-03-29T01:00", "day", "2026-03-30T00:30"),
        # two that the gap puts on one moment: the later on the wall counts, in any order of the file
        (BRUSSELS, (at("02:45", "b"), at("02:15", "a")), "2026-03-29T01:00", "2026-03-29T01:00", "b", None),
        (BRUSSELS, (at("02:15", "a"), at("02:45", "b")), "2026-03-29T01:00", "2026-03-29T01:00", "b", None),
    ],
)
def test_the_last_switch_and_the_next(
    where: str, switches: tuple[Switch, ...], now: str, last: str, plan: str, next_: str | None
) -> None:
    found = newest(switches, zone(where), ms(now))
    assert found is not None
    assert (found[0], found[1].plan) == (ms(last), plan)
    if next_ is not None:
        assert following(switches, zone(where), ms(now)) == ms(next_)


def test_without_switches_there_is_no_moment() -> None:
    assert following((), UTC, 0.0) is None
    assert newest((), UTC, 0.0) is None
    schedule = Schedule((), UTC)
    assert schedule.next_at(0.0) is None
    assert schedule.due(0.0) is None


@settings(max_examples=25)
@given(
    st.sampled_from(["UTC", BRUSSELS, NEW_YORK, "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"]),
    st.datetimes(datetime(2010, 1, 1), datetime(2037, 1, 1)),
    st.lists(st.tuples(st.integers(0, 23), st.integers(0, 59), st.sets(st.sampled_from(DAYS), min_size=1)), min_size=1),
)
def test_no_moment_is_missed_or_made_twice(where: str, start: datetime, times: list[tuple[int, int, set[Any]]]) -> None:
    """Going from moment to moment is the same as looking at every minute of three days, gaps aside."""
    switches = [at(f"{hour:02}:{minute:02}", days=tuple(days)) for hour, minute, days in times[:4]]
    here = ZoneInfo(where)
    first = start.replace(second=0, microsecond=0, tzinfo=UTC)
    walked, now = [], first.timestamp() * 1000 - 1
    while (now := following(switches, here, now) or 0.0) < (first + timedelta(days=3)).timestamp() * 1000:
        walked.append(now)
    seen = []
    for minute in range(3 * 24 * 60):
        utc = first + timedelta(minutes=minute)
        local = utc.astimezone(here)
        hits = any(one.at == f"{local:%H:%M}" and DAYS[local.weekday()] in one.days for one in switches)
        if hits and local.fold == 0:
            seen.append(utc.timestamp() * 1000)
    assert set(seen) <= set(walked)
    changes = {(first + timedelta(hours=hours)).astimezone(here).utcoffset() for hours in range(-1, 74)}
    if len(changes) == 1:
        assert seen == walked


def test_a_schedule_makes_each_switch_once() -> None:
    schedule = Schedule((DAY, NIGHT), zone(BRUSSELS))
    schedule.done = ms("2026-11-23T12:00")
    assert schedule.next_at(ms("2026-11-23T12:00")) == ms("2026-11-23T21:00")
    assert schedule.due(ms("2026-11-23T20:59")) is None
    late = ms("2026-11-23T21:00") + 70
    assert schedule.next_at(late) == ms("2026-11-23T21:00")
    assert schedule.due(late) == NIGHT
    assert schedule.due(late) is None
    assert schedule.next_at(late) == ms("2026-11-24T05:00")


def test_of_several_missed_switches_the_newest_is_made() -> None:
    schedule = Schedule((DAY, NIGHT), zone(BRUSSELS))
    schedule.done = ms("2026-11-23T12:00")
    assert schedule.due(ms("2026-11-26T12:00")) == DAY
    assert schedule.due(ms("2026-11-26T12:01")) is None


def test_a_schedule_that_was_never_followed_begins_with_the_newest() -> None:
    schedule = Schedule((DAY, NIGHT), zone(BRUSSELS))
    now = ms("2026-11-23T12:00")
    assert schedule.next_at(now) == now
    assert schedule.due(now) == DAY


def test_a_clock_that_was_wrong_by_days_does_not_stop_the_schedule() -> None:
    schedule = Schedule((DAY, NIGHT), zone(BRUSSELS))
    now = ms("2026-11-23T12:00")
    schedule.done = now + DAY_MS / 2
    assert schedule.due(now) is None
    schedule.done = now + DAY_MS
    assert schedule.due(now) is None, "a day is no wrong clock yet"
    schedule.done = now + 400 * DAY_MS
    assert schedule.due(now) == DAY
    assert schedule.done == now


def test_of_two_at_one_time_the_first_in_the_file_is_made() -> None:
    assert newest((at("06:00", "a"), at("06:00", "b")), UTC, ms("2026-11-23T06:00")) == (
        ms("2026-11-23T06:00"),
        at("06:00", "a"),
    )


def test_utc_needs_no_tz_database() -> None:
    assert zone("UTC") is UTC
    assert zone("Europe/Brussels") == ZoneInfo("Europe/Brussels")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Europe/Brussel", "did you mean 'Europe/Brussels'"),
        ("europe/brussels", "did you mean 'Europe/Brussels'"),
        ("nowhere at all", 'write a name of the tz database, as "Europe/Brussels"'),
        ("", "no time zone"),
        ("Europe", "no time zone"),
        ("../etc/passwd", "no time zone"),
        ("/etc/localtime", "no time zone"),
        ("a\0b", "no time zone"),
        ("\udc80", "no time zone"),
        ("x" * 5000, "no time zone"),
    ],
)
def test_what_is_no_time_zone(name: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        zone(name)
