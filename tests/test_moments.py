"""RFC 3339 in the centre's messages: what is a moment, which one, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.moments import site_ms, stated, stated_at_site, utc_ms
from controller.stamps import rfc3339

BRUSSELS = ZoneInfo("Europe/Brussels")
Y2000 = 946_684_800_000.0
HOUR = 3_600_000.0


@pytest.mark.parametrize(
    ("text", "after_2000"),
    [
        ("2000-01-01T00:00:00Z", 0.0),
        ("2000-01-01t00:00:01z", 1000.0),
        ("2000-01-01T00:00:00.25Z", 250.0),
        ("2000-01-01T00:00:00.001999999Z", 1.999),
        ("2000-01-01T00:00:00-00:00", 0.0),
        ("2000-01-01T01:00:00+01:00", 0.0),
        ("1999-12-31T23:00:00-01:00", None),
        ("2000-01-01T00:00:00-12:30", 12.5 * HOUR),
        ("2000-02-29T23:59:59+23:59", 60 * 24 * HOUR - 1000 - 24 * HOUR + 60_000),
        ("2999-12-31T23:59:59Z", 31_556_995_199_000.0),
    ],
)
def test_moments(text: str, after_2000: float | None) -> None:
    if after_2000 is None:
        with pytest.raises(ValueError, match="is no moment; write"):
            utc_ms(text)
    else:
        assert utc_ms(text) == pytest.approx(Y2000 + after_2000, abs=1e-3)
        assert site_ms(text, BRUSSELS) == utc_ms(text)
        assert stated(text) == stated_at_site(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-11-23",
        "2026-11-23T18:30Z",
        "2026-11-23 18:30:00Z",
        "2026-11-23T18:30:00 Z",
        "2026-11-23T18:30:00Z ",
        "2026-11-23T18:30:00Z\n",
        "2026-11-23T18:30:00\n",
        "20261123T183000Z",
        "2026-W48-1T18:30:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T18:60:00Z",
        "2026-11-23T18:30:60Z",
        "2026-11-23T18:30:00+24:00",
        "2026-11-23T18:30:00+01:60",
        "2026-11-23T18:30:00+0100",
        "2026-11-23T18:30:00+01",
        "2026-11-23T18:30:00.Z",
        "2026-11-23T18:30:00,5Z",
        "2026-11-23T18:30:00.1234567890Z",
        "٢٠٢٦-١١-٢٣T18:30:00Z",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-00-10T00:00:00Z",
        "3000-01-01T00:00:00Z",
        "9" * 10_000,
    ],
)
def test_what_is_refused(text: str) -> None:
    for check in (utc_ms, stated, stated_at_site, lambda each: site_ms(each, BRUSSELS)):
        with pytest.raises(ValueError, match=r"^[^;]{1,120}; write [^;]+$"):
            check(text)


def test_a_local_time_counts_at_the_site_only() -> None:
    assert stated_at_site("2026-11-23T18:30:00") == "2026-11-23T18:30:00"
    with pytest.raises(ValueError, match="has no offset from UTC; write"):
        stated("2026-11-23T18:30:00")
    with pytest.raises(ValueError, match="names a day that no calendar has"):
        stated_at_site("2026-02-30T18:30:00")


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2026-11-23T18:30:00", "2026-11-23T17:30:00Z"),
        ("2026-11-23t18:30:00.9", "2026-11-23T17:30:00Z"),
        ("2026-07-01T00:00:00", "2026-06-30T22:00:00Z"),  # midnight
        ("2026-12-31T23:59:59", "2026-12-31T22:59:59Z"),
        ("2027-01-01T00:00:00", "2026-12-31T23:00:00Z"),  # year end
        ("2026-03-29T01:59:59", "2026-03-29T00:59:59Z"),
        ("2026-03-29T02:00:00", "2026-03-29T01:00:00Z"),  # does not exist: the first moment after the gap
        ("2026-03-29T02:30:00", "2026-03-29T01:00:00Z"),
        ("2026-03-29T02:59:59", "2026-03-29T01:00:00Z"),
        ("2026-03-29T03:00:00", "2026-03-29T01:00:00Z"),
        ("2026-10-25T01:59:59", "2026-10-24T23:59:59Z"),
        ("2026-10-25T02:00:00", "2026-10-25T00:00:00Z"),  # twice: the first occurrence
        ("2026-10-25T02:59:59", "2026-10-25T00:59:59Z"),
        ("2026-10-25T03:00:00", "2026-10-25T02:00:00Z"),
    ],
)
def test_local_time(local: str, utc: str) -> None:
    assert site_ms(local, BRUSSELS) == utc_ms(utc)


@given(st.integers(int(Y2000), 4_000_000_000_000))
def test_what_we_write_we_read(utc: int) -> None:
    assert utc_ms(rfc3339(utc)) == utc


@given(st.datetimes(datetime(2000, 1, 2), datetime(2999, 12, 30)).map(lambda one: one.replace(microsecond=0)))
def test_a_local_time_is_shown_again_by_the_clock_on_the_wall(local: datetime) -> None:
    found = datetime.fromtimestamp(site_ms(local.isoformat(), BRUSSELS) / 1000, BRUSSELS).replace(tzinfo=None, fold=0)
    assert found == local or timedelta(0) < found - local <= timedelta(hours=1)


@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    try:
        found = site_ms(text, UTC)
    except ValueError as error:
        what, write = str(error).split("; write ")
        found = Y2000 if what and write else 0.0
    assert found >= Y2000 - 24 * HOUR
