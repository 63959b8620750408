"""The events that the broker is told, and their topics: the hub's public contract, version 1.

An event is a CloudEvents 1.0 envelope (envelope.py) around one `Data` model below; JSON Schema comes from these. Only
additive changes are made within v1. Every model carries the same set of ids where they are known, so that a consumer
can join visit, travel, parcel, container and departure without knowing the event.

Names: `family/name`, published on `hub/v1/{site}/{node}/event/{family}/{name}`, type `hubfloor.{family}.{name}.v1`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Mode = Literal["production", "test", "maintenance", "simulated"]
Priority = Literal["low", "medium", "high", "critical"]
Evidence = Literal["commanded", "gate", "chute_eye", "cell_empty", "scanned"]

EVIDENCE: dict[str, Evidence] = {"C": "commanded", "G": "gate", "E": "chute_eye", "X": "cell_empty"}
"""The PLC's evidence letter -> our word (PLC interface v1 §2)."""


class Data(BaseModel):
    """What every event may carry: who it is about and who did it."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    visit: str | None = Field(None, description="the parcel's stay in the hub")
    travel: str | None = Field(None, description="one trip of one item on one line")
    parcel: str | None = Field(None, description="the parcel's id as its advice names it")
    container: str | None = Field(None, description="bag, cage, pallet or ULD")
    departure: str | None = Field(None, description="truck or flight")
    actor: str | None = Field(None, description="the person or system that acted")
    station: str | None = Field(None, description="where a person acted")
    process: str | None = Field(None, description="unload, inspect, put, load, …")
    evidence: Evidence | None = Field(None, description="how the fact is known")


class Inducted(Data):
    """A travel begins."""

    line: str
    point: str | None = None
    track: int
    epoch: int
    via: Literal["INDU", "ARRV", "GHST", "HAND", "TRAK", "DIVC"] = Field(description="the message that named it first")
    length_mm: int | None = None


class PassageSeen(BaseModel):
    """All reads of one tag in a portal in one. `first_ms` and `last_ms`: how long before this event was made."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    epc: str
    portal: str
    direction: Literal["in", "out"] | None = None
    first_ms: int
    last_ms: int
    count: int
    rssi: float | None = None
    antennas: tuple[int, ...] = ()


class ReadSeen(Data):
    """One result of a reader: a code, or why there is none."""

    reader: str
    point: str | None = None
    outcome: str = Field(description="READ NO_READ AMBIGUOUS BAD_CHECK SCANNER_DOWN; UNCLAIMED: nobody was there then")
    code: str | None = None
    symbology: str | None = None
    source: str = "tunnel"
    encoding: str | None = Field(None, description="how bytes beyond ASCII became text; latin-1? = a guess")
    passage: PassageSeen | None = Field(None, description="through an RFID portal")
    target: str | None = Field(None, description="the container, departure or lane a hand works at, as it says it")
    verdict: Literal["ok", "wrong", "hold"] | None = Field(None, description="what the hand that asked was told")
    words: str | None = Field(None, description="the same for its display")
    scanned: str | None = Field(None, description="when, by the hand's own clock")
    stored: bool | None = Field(None, description="done while nobody could answer")


class Received(BaseModel):
    """One measurement exactly as the machine gave it."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    what: str = Field(description="weight length width height volume dim_weight dim_factor")
    value: str = Field(description="the machine's own digits")
    unit: str
    quality: str = Field(description="ok; else it is no value: under over unstable zeroed outside error")
    approved: bool | None = Field(None, description="legal for trade, null = the machine does not say")


class Measured(Data):
    """Weight and size: as the machine gave them, and in g and mm where they are values."""

    point: str
    weight_g: int | None = None
    weight_status: str
    record_id: str | None = None
    length_mm: int | None = None
    width_mm: int | None = None
    height_mm: int | None = None
    size_status: str
    received: tuple[Received, ...] = Field((), description="as the machine gave them; empty: a PLC did, in g and mm")


class Routed(Data):
    """A decision: the lanes in order and the reason for them."""

    line: str
    decision: int
    lanes: tuple[str, ...]
    reason: str = Field(description="4 letters, as in the PLC's log")
    why: str = Field(description="the same in words")
    destination: str | None = None
    identity: str = Field(description="outcome of the identity: READ NO_READ CONFLICT …")
    plan: str = Field(description="name and version of the sort plan")
    customs: str = Field(description="effective customs status the decision used")
    deadline_ms: int | None = Field(None, description="ms left until decide_by when it was made")
    doubtful: bool = False


class Refused(Data):
    """A decision that will not be obeyed: refused by the PLC, or too late to be sent."""

    line: str
    decision: int
    code: str = Field(description="the PLC's refusal, or EXPIRED when it was never (again) sent")
    standing: int = Field(description="the decision that stands instead, 0 none")


class Recirculated(Data):
    """The item passed its gate and is still on the line."""

    line: str
    decision: int
    wanted: str | None = None
    result: str
    lap: int


class Recall(Data):
    """A parcel that may not leave lies in an unsupervised lane: find it."""

    line: str
    lane: str
    ordinal: int = Field(description="the how many-eth drop in that lane it was")
    seconds_since_drop: float | None = Field(None, description="absent after a reboot of the machine in between")
    customs: str
    terminal: str = Field(description="the travel whose terminal event put it there")


class Ended(Data):
    """A travel's one terminal event: what the machine knew."""

    line: str
    track: int
    decision: int = Field(description="the decision obeyed, 0 none")
    wanted: str | None = None
    lane: str | None = Field(None, description="where it went")
    result: str = Field(description="the PLC's result code, or -")
    reason: str = Field(description="why it ended so")
    destination: str | None = None
    identity: str
    lap: int = 0
    ordinal: int | None = None
    doubtful: bool = Field(
        False, description="tracking was lost near it, or messages were late: it may be another item"
    )
    decision_not_recorded: bool = False


class Corrected(Data):
    """What was learnt after the terminal event; never a second terminal."""

    corrects: str = Field(description="the travel whose terminal event is corrected")
    why: str


class AtRisk(Data):
    """No departure keeps the promise, or none with the minutes to spare that leaving the plan's order takes."""

    promise_by: str = Field(description="UTC when it is due")
    slack_min: int | None = Field(
        None,
        description="minutes from the best arrival that is left to the promise, negative when it is later; absent: "
        "no departure is left",
    )


class ContainerChanged(Data):
    """A container at a lane: opened, an item added, closed for further ones, removed."""

    lane: str | None = None
    ordinal: int | None = Field(None, description="of the drop that was added")
    count: int | None = Field(None, description="items in it")
    why: str | None = None


class Commanded(Data):
    """A command of the centre and what became of it. `actor` is who gave it."""

    command: str = Field(description="the command's id")
    verb: str
    arguments: dict[str, str] | None = None
    why: str | None = Field(None, description="why it was refused")


class PlanChanged(Data):
    """Another sort plan, or another wave of it, is in force."""

    plan: str = Field(description="name and version")
    wave: str
    before: str
    before_wave: str | None = None
    why: str = Field(description="command, time, or the centre's message")


class LineChanged(Data):
    """State of a line, as its PLC says."""

    line: str
    state: str
    element: str = "LINE"
    code: str | None = None
    speed_mm_s: int | None = None


class LaneChanged(Data):
    """State of a lane, as its PLC says."""

    lane: str
    state: str
    code: str | None = None


class DeviceChanged(Data):
    """State of a device's link or session."""

    device: str
    why: str


class Alarm(Data):
    """Something a person has to look at."""

    alarm: str = Field(description="id of the alarm, stable while it stands")
    what: str
    priority: Priority = "medium"
    sequences: Annotated[tuple[int, ...], Field(max_length=100)] | None = Field(
        None, description="events of this node that it is about, ascending, at most the first 100"
    )


class NodeChanged(Data):
    """The daemon itself."""

    boot: int
    version: str
    why: str = Field("", description="why it stops, or was made anew while it ran")


EVENTS: dict[str, type[Data]] = {
    "parcel/inducted": Inducted,
    "parcel/read": ReadSeen,
    "parcel/measured": Measured,
    "parcel/routed": Routed,
    "parcel/rerouted": Routed,
    "parcel/refused": Refused,
    "parcel/recirculated": Recirculated,
    "parcel/at_risk": AtRisk,
    "parcel/recall": Recall,
    "parcel/held_escaped": Recall,
    "parcel/corrected": Corrected,
    "parcel/sorted": Ended,
    "parcel/mis_sorted": Ended,
    "parcel/rejected": Ended,
    "parcel/lost": Ended,
    "parcel/removed": Ended,
    "parcel/flushed": Ended,
    **{f"container/{name}": ContainerChanged for name in ("opened", "added", "removed", "closed")},
    **{
        f"line/{name}": LineChanged
        for name in ("started", "stopped", "jammed", "cleared", "estop", "inhibited", "flushed")
    },
    **{f"lane/{name}": LaneChanged for name in ("full", "half", "free", "locked", "opened")},
    **{f"device/{name}": DeviceChanged for name in ("online", "offline", "degraded", "recovered")},
    **{f"alarm/{name}": Alarm for name in ("raised", "acknowledged", "shelved", "cleared")},
    **{f"node/{name}": NodeChanged for name in ("started", "stopping", "restarted")},
    **{f"command/{name}": Commanded for name in ("done", "refused")},
    "plan/switched": PlanChanged,
}

TERMINAL = frozenset(f"parcel/{name}" for name in ("sorted", "mis_sorted", "rejected", "lost", "removed", "flushed"))
"""Every travel has exactly one event of these."""
