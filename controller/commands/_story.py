"""Events in the words of the floor, for a person at a terminal.

Codes of four or two letters stand behind their words, because the PLC's own log shows them too. Texts from labels can
be printed by anybody: everything in them that is not printable is shown as an escape.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

from controller.commands import _story_readers
from controller.wording import counted

Event: TypeAlias = dict[str, Any]

REASONS = {
    "PLAN": "by the sort plan",
    "HOLD": "no customs release",
    "DOUB": "not sure which item it is",
    "NORD": "not read",
    "CONF": "codes of several parcels",
    "MULT": "several unknown codes",
    "DUPL": "the same parcel twice",
    "UNKN": "no advice",
    "BADC": "wrong check digit",
    "AMBI": "ambiguous",
    "SCAN": "no word from the scanner",
    "NOLN": "no lane",
    "SIZE": "first choice does not fit",
    "FULL": "first choice full",
    "LOCK": "first choice locked",
    "JAM": "first choice jammed",
    "FALT": "first choice at fault",
    "NCON": "first choice without container",
    "MAIN": "first choice in maintenance",
    "STOP": "first choice stopped",
    "ESTP": "first choice in emergency stop",
    "MANU": "first choice in manual",
    "PASS": "first choice passed",
}
"""Reason of a decision -> why it goes there, for a trace."""

REFUSALS = {
    "EXPIRED": "too late to be sent, so it was not sent",
    "LATE": "the PLC: too late, none of its lanes can be reached",
    "UNKT": "the PLC: the item is gone",
    "NSYN": "the PLC: no session",
    "BUSY": "the PLC: busy",
    "MODE": "the PLC: not in automatic",
    "OLDD": "the PLC: it holds a newer one",
    "LUNK": "the PLC: unknown lane",
    "PUNK": "the PLC: unknown point",
    "FORM": "the PLC: bad field",
}

RESULTS = {
    "FU": "the first lane was full",
    "LK": "the first lane was locked",
    "NC": "the first lane had no container",
    "RL": "the first lane was rate limited",
    "IN": "the first lane was inhibited or at fault",
    "MI": "its gate was missed",
    "SZ": "it did not fit the first lane",
    "DB": "doubtful",
    "JA": "the first lane was jammed",
    "LA": "the destination came late",
    "NA": "no destination came",
    "MR": "removed by hand",
}
"""Results of DIVC (PLC interface v1 §2) beside OK."""

NOT_SAID = ("visit", "travel", "parcel")
"""Who an event is about stands before what happened."""

NOTHING: tuple[Any, ...] = ("", [], {})

EVIDENCE = {"gate": "the gate", "chute_eye": "the chute's eye", "cell_empty": "the empty cell", "scanned": "a scan"}


def safe(text: object) -> str:
    """Text from outside, fit for a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def name_of(event: Event) -> str:
    """`parcel/sorted` of `hubfloor.parcel.sorted.v1`."""
    return "/".join(str(event["type"]).split(".")[1:3])


def moment(event: Event) -> datetime:
    """When it happened."""
    return datetime.fromisoformat(event["time"])


def day_of(event: Event) -> str:
    """The UTC day on which it happened."""
    return str(event["time"])[:10]


def line_of(event: Event) -> str:
    """One event as one line: time of the day, name, who, what. Names are whole, also where they reach over a column."""
    return f"{str(event['time'])[11:23]} {name_of(event):<16} {safe(_who(event)):<16} {say(event)}"


def _who(event: Event) -> str:
    """Its parcel or travel, else its subject; an alarm is known by its own name, whomever it is about."""
    data, (kind, _, name) = event["data"], str(event["subject"]).partition("/")
    if kind == "alarm":
        return name
    about = data.get("parcel") or data.get("travel")
    return str(about or (name if kind == name_of(event).split("/")[0] else event["subject"]))


def say(event: Event) -> str:
    """What happened, in words."""
    data: Event = _safe(event["data"])
    teller = TELLERS.get(name_of(event)) or TELLERS.get(name_of(event).split("/")[0])
    if teller is not None:
        return teller(data)
    return ", ".join(_named(key, value) for key, value in data.items() if key not in NOT_SAID and value not in NOTHING)


def _named(key: str, value: Any) -> str:
    """A field that has no words of its own."""
    if isinstance(value, dict):
        value = ", ".join(_named(*item) for item in value.items())
    elif isinstance(value, list):
        value = " ".join(str(item) for item in value)
    return f"{key} {value}"


def _safe(value: Any) -> Any:
    if isinstance(value, list):
        return [_safe(item) for item in value]
    if isinstance(value, dict):
        return {safe(key): _safe(item) for key, item in value.items()}
    return safe(value) if isinstance(value, str) else value


def _inducted(d: Event) -> str:
    at = f" at {d['point']}" if d.get("point") else ""
    via = "" if d["via"] == "INDU" else f", first named by {d['via']}"
    size = f", {d['length_mm']} mm" if d.get("length_mm") else ""
    return f"line {d['line']}{at}, track {d['track']}{size}{via}"


def _routed(d: Event) -> str:
    lanes = ", ".join(d["lanes"]).replace(", ", ", else ", 1) or "the default lane"
    left = f"; {d['deadline_ms']} ms left" if d.get("deadline_ms") is not None else ""
    return f"#{d['decision']} to {lanes}: {REASONS.get(d['reason'], 'reason')} ({d['reason']}), {d['why']}{left}"


def _refused(d: Event) -> str:
    which = f"#{d['decision']}" if d["decision"] else "a new decision"
    stands = f"#{d['standing']}" if d["standing"] else "the default lane"
    return f"{which}: {REFUSALS.get(d['code'], 'the PLC refused it')} ({d['code']}); {stands} stands"


def _ended(d: Event) -> str:
    asked, lane, wanted = d["decision"], d.get("lane"), d.get("wanted")
    parts = [f"into {lane}" if lane else "nobody knows where it is"]
    if lane and asked:
        parts[0] += f" as #{asked} asked" if lane == wanted or not wanted else f", #{asked} asked for {wanted} first"
    elif lane:
        parts.append("no decision was obeyed")
    if d["result"] in RESULTS:
        parts.append(f"{RESULTS[d['result']]} ({d['result']})")
    if d["reason"] not in ("OK", d["result"]):
        words = REASONS.get(d["reason"])
        parts.append(f"{words} ({d['reason']})" if words else str(d["reason"]))
    if d.get("evidence"):
        parts.append(f"seen by {EVIDENCE[d['evidence']]}" if d["evidence"] in EVIDENCE else "not seen, only commanded")
    if d.get("decision_not_recorded"):
        parts.append("the journal lacks that decision")
    return "; ".join(parts)


def _recall(d: Event) -> str:
    ago = f", {d['seconds_since_drop']} s before" if "seconds_since_drop" in d else ""
    where = f"find it in {d['lane']}: drop {d['ordinal']}{ago}"
    return f"customs says {d['customs']}; {where}"


def _escaped(d: Event) -> str:
    return f"without a release in a lane that is not supervised; {_recall(d)}"


TELLERS: dict[str, Callable[[Event], str]] = {
    "parcel/inducted": _inducted,
    "parcel/read": _story_readers.read,
    "parcel/measured": _story_readers.measured,
    "parcel/routed": _routed,
    "parcel/rerouted": _routed,
    "parcel/refused": _refused,
    "parcel/recall": _recall,
    "parcel/held_escaped": _escaped,
    **{f"parcel/{name}": _ended for name in ("sorted", "mis_sorted", "rejected", "lost", "removed", "flushed")},
    "device": lambda d: str(d["why"]),
    "lane": lambda d: str(d["state"]),
    "alarm": lambda d: f"{d['priority']}: {d['what']}",
    "alarm/cleared": lambda d: f"over: {d['what'].removeprefix('it is over: ')}",
}


def left_out(damaged: int) -> str:
    """Of events that the journal cannot give any more."""
    return f"{counted(damaged, 'event')} {'is' if damaged == 1 else 'are'} damaged and left out"
