"""What is wrong with the URL of a link, and what to write instead: the words of `links.parse`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult

PARITY = {"none": "N", "even": "E", "odd": "O", "mark": "M", "space": "S"}


def unknown_scheme(url: str, scheme: str, forms: Mapping[str, str]) -> str:
    """A URL of no scheme of `forms` (scheme -> an example)."""
    if url.startswith("/"):
        return f"a path alone; write serial://{url}?baud=9600, with the speed of the machine"
    if re.fullmatch(r"[A-Za-z0-9._-]+:[0-9]{1,5}", url):
        return f"an address alone; write tcp://{url}"
    close = difflib.get_close_matches(scheme, forms, n=1)
    if close:
        return f"unknown scheme {scheme!r}; did you mean {forms[close[0]]}?"
    return f"unknown scheme {scheme!r}; write one of: {', '.join(forms.values())}"


def unknown_setting(name: str, known: Sequence[str]) -> str:
    """A setting of a serial line that there is not."""
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown setting {name!r}; {meant}known are: {', '.join(sorted(known))}"


def wrong_choice(key: str, value: str, allowed: Sequence[str]) -> str:
    """A value that is none of those allowed."""
    letter = PARITY.get(value.casefold()) if key == "parity" else None
    return f"{key} = {value!r}; write " + (f"{key}={letter}" if letter else f"one of: {', '.join(allowed)}")


def topic_in(parts: SplitResult) -> str:
    """A topic behind the broker."""
    there, topic = f"{parts.scheme}://{parts.netloc}", parts.path.strip("/")
    return f"a topic does not stand in it; write link = {there!r} and base = {topic!r}"
