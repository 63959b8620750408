"""The calendar of plan switches: local times of days in a time zone -> moments in UTC, also where a clock is changed.

A local time that comes twice (the clock is put back) means its first occurrence. One that does not come at all (the
clock is put forward over it) means the first moment after the gap. Of several that fall on one moment that way, the one
that is later on the wall counts.

Nothing here has a clock; times are UTC ms. `Schedule` is the memory beside it: up to when its moments were followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from controller.sections import DAYS, Switch
from controller.wording import closest, shown

Moment: TypeAlias = tuple[float, datetime, Switch]
"""(UTC ms, the local time meant, the switch)"""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_MS = 86_400_000.0
WINDOW_DAYS = 8
"""A week and a day: in so many days every switch falls at least once, wherever in its day we are."""


def zone(name: str) -> tzinfo:
    """The time zone of that name in the tz database. Raises ValueError in the form `what is wrong; what to write`."""
    if name == "UTC":
        return UTC  # the only one that needs no tz database
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        known = available_timezones()
    if not known:
        raise ValueError('this machine has no tz database; install its package tzdata, or write time_zone = "UTC"')
    close = closest(name, known)
    instead = f"did you mean {close!r}?" if close else 'write a name of the tz database, as "Europe/Brussels"'
    raise ValueError(f"no time zone {shown(name)}; {instead}")


def moment(day: date, at: str, where: tzinfo) -> float:
    """When it is `at` ("02:30") on that day there, in UTC ms."""
    local = datetime.combine(day, time.fromisoformat(at))
    first = _utc(local.replace(tzinfo=where))
    if _local(first, where) == local:
        return _ms(first)
    # In a gap fold 0 reckons with the offset before it and fold 1 with the one behind: the jump lies between the two.
    before, behind = _utc(local.replace(tzinfo=where, fold=1)), first
    while behind - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(behind - before) // timedelta(seconds=2))
        before, behind = (before, middle) if _local(middle, where) > local else (middle, behind)
    return _ms(behind)


def following(switches: Sequence[Switch], where: tzinfo, after: float) -> float | None:
    """The first moment of any switch after this one; None = there are no switches."""
    moments = _moments(switches, where, _local(_of(after), where).date() - timedelta(days=1))
    return min((at for at, _, _ in moments if at > after), default=None)


def newest(switches: Sequence[Switch], where: tzinfo, until: float) -> tuple[float, Switch] | None:
    """The last switch that fell at or before this moment, and when; None = there are no switches."""
    moments = _moments(switches, where, _local(_of(until), where).date() - timedelta(days=WINDOW_DAYS))
    fell = [one for one in moments if one[0] <= until]
    if not fell:
        return None
    at, _, switch = max(fell, key=lambda one: one[:2])
    return at, switch


class Schedule:
    """The scheduled switches of a floor, each made once.

    `done` = UTC ms up to which they were followed, None = not at all yet: then the newest one is due.
    """

    def __init__(self, switches: Sequence[Switch], where: tzinfo) -> None:
        self._switches, self._where = switches, where
        self._next: tuple[float, float | None] | None = None
        self.done: float | None = None

    def next_at(self, utc: float) -> float | None:
        """When `due` is wanted, which may be in the past; None = never."""
        if not self._switches:
            return None
        if self.done is None or self.done > utc + DAY_MS:  # noted by a clock that was wrong by days
            return utc
        if self._next is None or self._next[0] != self.done:
            self._next = self.done, following(self._switches, self._where, self.done)
        return self._next[1]

    def due(self, utc: float) -> Switch | None:
        """The newest switch that fell since the last call; it is followed with this."""
        at = self.next_at(utc)
        if at is None or at > utc:
            return None
        self.done = utc
        fell = newest(self._switches, self._where, utc)
        return fell[1] if fell else None


def _moments(switches: Sequence[Switch], where: tzinfo, first: date) -> Iterator[Moment]:
    """All moments of some days around one."""
    for day in (first + timedelta(days=number) for number in range(WINDOW_DAYS + 2)):
        for switch in switches:
            if DAYS[day.weekday()] in switch.days:
                yield moment(day, switch.at, where), datetime.combine(day, time.fromisoformat(switch.at)), switch


def _utc(local: datetime) -> datetime:
    return local.astimezone(UTC)


def _local(utc: datetime, where: tzinfo) -> datetime:
    return utc.astimezone(where).replace(tzinfo=None)


def _of(ms: float) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def _ms(utc: datetime) -> float:
    return (utc - EPOCH) / timedelta(milliseconds=1)
