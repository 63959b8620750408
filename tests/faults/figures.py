"""What the tests of the fault suite ask for and print."""

from __future__ import annotations

import json

from tests.faults.consumer import Book
from tests.faults.fake_broker import FakeBroker
from tests.faults.hub import NODE, SITE, Hub
from tests.faults.threads import until

KEEPALIVE_S = 2
RECOVERY_S = 60.0  # P10
GROWTH_MB = 12.0
"""What a daemon may take more under a fault: its window, its queue of committed rows, the allocator's slack."""
BASE = f"hub/v1/{SITE}/{NODE}"
NOTHING = dict.fromkeys(
    (
        "not heard by the centre",
        "heard and not in the journal",
        "sequences with two ids",
        "gaps in the journal",
        "scanners whose reads differ",
    ),
    0,
)


def told(what: str, **figures: float | str) -> str:
    """The figures of a test, in words; numbers are seconds."""
    return f"{what}: " + ", ".join(f"{name.replace('_', ' ')} {_shown(value)}" for name, value in figures.items())


def _shown(value: float | str) -> str:
    return f"{value:.2f} s" if isinstance(value, float) else str(value)


def accepted_to(hub: Hub) -> int:
    """Everything below was acknowledged."""
    status = hub.status()
    oldest = status["broker"]["oldest"]
    return int(status["sequence"] if oldest is None else oldest - 1)


def central(broker: FakeBroker) -> Book:
    """What the fake broker took on, as a consumer would have heard it."""
    book = Book()
    for message in broker.accepted():
        if message.topic.startswith(f"{BASE}/event/"):
            book.heard(json.loads(message.payload))
    return book


def arrived(hub: Hub, broker: FakeBroker, limit_s: float = RECOVERY_S) -> float:
    """Wait until the fake broker has accepted everything; the seconds."""
    hub_last, stream = hub.last(), hub.stream()
    try:
        return until(lambda: central(broker).has_all(stream, hub_last), "all are accepted", limit_s, 0.2)
    except AssertionError:
        missing = central(broker).missing(stream, hub_last)
        raise AssertionError(
            f"after {limit_s:g} s {missing} of {hub_last} events are not accepted; broker {hub.broker()}; "
            f"the end of the log:\n{hub.log[-1000:]}"
        ) from None
