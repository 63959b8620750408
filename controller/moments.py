"""Moments in the centre's messages: RFC 3339 text -> UTC ms.

Strictly as RFC 3339 §5.6 has them, from the year 2000 on, without leap seconds: what is only nearly right was meant by
somebody as another time. The `stated` functions are validators: a field that holds them is refused with its name.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo

from controller.switching import moment
from controller.wording import shown

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOURS = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
LOCAL = re.compile(rf"(2[0-9]{{3}}-[0-9]{{2}}-[0-9]{{2}})T({HOURS}:[0-5][0-9])(?:\.[0-9]{{1,9}})?", re.ASCII)
WHOLE = re.compile(rf"{LOCAL.pattern}(?:Z|[+-]{HOURS})", re.ASCII)


def utc_ms(text: str) -> float:
    """UTC ms of a text with its offset. Raises ValueError in the form `what is wrong; what to write`."""
    upper = text.upper()
    if not WHOLE.fullmatch(upper):
        what = "has no offset from UTC" if LOCAL.fullmatch(upper) else "is no moment"
        raise ValueError(f'{shown(text)} {what}; write "2026-11-23T18:30:00+01:00"')
    _day(upper)
    return (datetime.fromisoformat(upper) - EPOCH) / timedelta(milliseconds=1)


def site_ms(text: str, zone: tzinfo) -> float:
    """The same; without an offset it is local time of the zone, where fractions of a second do not count.

    A local time that comes twice is its first occurrence, one that does not exist the first moment after the gap.
    """
    local = LOCAL.fullmatch(text.upper())
    return moment(_day(local[1]), local[2], zone) if local else utc_ms(text)


def stated(text: str) -> str:
    """The text, if it is a moment with its offset; else ValueError."""
    utc_ms(text)
    return text


def stated_at_site(text: str) -> str:
    """The text, if it is a moment with its offset or a local time without; else ValueError."""
    site_ms(text, UTC)
    return text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise ValueError(f"{shown(text)} names a day that no calendar has; write its date as YYYY-MM-DD") from None
