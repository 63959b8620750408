"""The scenarios, in the order of the table: name -> module of this package, and what it tells in a line."""

from __future__ import annotations

SCENARIOS = {
    "divert": "from a scan to its divert, beside a C echo",
    "ports": "the same on 8 to 256 ports",
    "events": "events through journal and uplink",
    "outage": "an outage of the broker, and the drain",
    "start": "start to first divert, memory",
    "step": "the floor's step alone, and how it grows",
    "advices": "a million advices",
    "trace": "a journal of ten million events",
    "encodings": "PLCs in three encodings",
    "simulated": "the whole hub in virtual time",
}
