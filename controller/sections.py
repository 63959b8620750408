"""The tables of the floor file as frozen models. docs/configuration.md is their manual, config.py reads them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from controller.identity_section import IdentitySection
from controller.wording import shown

BROKERS = 16

FLOORSIM_TABLES = ("belt", "induction", "chute", "transfer", "scale", "reader", "stub", "mix", "desk", "bagging")

Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

ID, LINE_ID, FLOOR_ID = "[A-Za-z0-9_-]{1,64}", "[A-Z0-9_-]{1,4}", "[A-Z0-9_-]{1,12}"
ID_OF = {"line": LINE_ID, "point": FLOOR_ID, "lane": FLOOR_ID, "scanner": ID, "plc": ID}
ID_WORDS = {
    ID: "1 to 64 of A-Z a-z 0-9 _ -",
    LINE_ID: "1 to 4 of A-Z 0-9 _ -",
    FLOOR_ID: "1 to 12 of A-Z 0-9 _ -",
}
"""Lines, points and lanes are named in the PLC's telegrams (PLC interface v1 §3), the others in topics."""


def check_id(name: str, pattern: str = ID) -> str:
    """`name`, or ValueError in the form `what is wrong; what to write`."""
    if not re.fullmatch(pattern, name):
        raise ValueError(f"{shown(name)} cannot be an id here; write {ID_WORDS[pattern]}")
    return name


def check_broker(url: str) -> str:
    """`url`, or ValueError in the form `what is wrong; what to write`."""
    match = re.fullmatch(r"mqtts?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?/?", url)
    if re.match(r"mqtts?://[^/]*@", url):
        raise ValueError("no name or password in the url; write username = … and password_file = …")
    if match is None or int(match[1] or 1) not in range(1, 65536):
        raise ValueError(f'{shown(url)} is no broker; write "mqtt://host:1883" or "mqtts://host:8883"')
    return url


def check_file(path: Path) -> Path:
    """`path`, or ValueError in the form `what is wrong; what to write`."""
    if path == Path() or "\0" in str(path):
        raise ValueError(f"{shown(str(path))} is no file; write its path, as seen from this file or from /")
    return path


def one_or_several(value: object) -> object:
    """A text as one of several; ValueError in the form `what is wrong; what to write` for what is neither."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not 1 <= len(value) <= BROKERS:
        raise ValueError(f'must be one broker or up to {BROKERS}; write "mqtt://host:1883" or ["mqtt://a", "mqtt://b"]')
    texts = [one for one in value if isinstance(one, str)]
    if len(set(texts)) < len(texts):
        raise ValueError("a broker stands in it twice; write each once")
    return tuple(value)


File: TypeAlias = Annotated[Path, AfterValidator(check_file)]
Id: TypeAlias = Annotated[str, AfterValidator(check_id), WithJsonSchema({"type": "string", "pattern": f"^{ID}$"})]
IdKey: TypeAlias = Annotated[str, StringConstraints(pattern=f"^{ID}$")]
LineKey: TypeAlias = Annotated[str, StringConstraints(pattern=f"^{LINE_ID}$")]
FloorKey: TypeAlias = Annotated[str, StringConstraints(pattern=f"^{FLOOR_ID}$")]
Millimetres: TypeAlias = Annotated[int, Field(ge=0, le=10_000_000)]


class Section(BaseModel):
    """A table of the floor file; a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


BrokerUrl: TypeAlias = Annotated[str, AfterValidator(check_broker)]


class OnBroker(Section):
    """Who floord is at a broker: name, password, our certificate and its key, and who signed the broker's."""

    username: str | None = None
    password_file: File | None = None
    ca_file: File | None = None
    cert_file: File | None = None
    key_file: File | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        for one, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
            if getattr(self, one) is not None and getattr(self, other) is None:
                raise ValueError(f"{one}: is of no use alone; write {other} = …, too")
        return self


FILES = ("password_file", "ca_file", "cert_file", "key_file")


class Broker(OnBroker):
    """Where events go and commands come from; of several brokers one that works."""

    url: Annotated[
        tuple[BrokerUrl, ...],
        BeforeValidator(one_or_several),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
    ]
    keepalive_s: int = Field(5, ge=1, le=3600)


class Customs(Section):
    """`stale_s`: without a head beat for so long, older statuses count as hold. `feed` = there is a customs feed."""

    stale_s: int = Field(60, ge=1, le=86_400)
    feed: bool = True


class Promise(Section):
    """`hours`: due so long after acceptance where advice states no `promise_by`. `slack_min`: minutes to spare that
    another choice must have before the plan's first one is left for it."""

    hours: int = Field(72, ge=1, le=10_000)
    slack_min: int = Field(30, ge=0, le=100_000)


class Ask(Section):
    """Parcels without advice are asked for at the centre, and waited for at most `wait_ms` (0 = not asked)."""

    wait_ms: int = Field(0, ge=0, le=60_000)


class Hands(Section):
    """`staying`: processes of handhelds that leave a parcel where it is; all others take it towards the outside, which
    needs a customs release."""

    staying: tuple[Id, ...] = ("identify", "unload", "inspect", "exception")


class Journal(Section):
    """How long rows are kept, in days that floord runs. `keep_days`, `keep_gb`: events that were delivered, by age and
    while the pages in use are more. `evidence_days`: messages about customs, 0 = for ever. `advice_days`: advice that
    was not sent again.
    `warn_mb`: with less free on the disk there is an alarm; `stop_mb`: with less it counts as full. `reserve_mb`: room
    that is kept for that moment. `when_full`: what the floor does then: `inhibit` = induction is inhibited and what is
    on the belts goes on, `continue` = everything goes on."""

    keep_days: int = Field(7, ge=1, le=3650)
    keep_gb: int = Field(10, ge=1, le=100_000)
    evidence_days: int = Field(90, ge=0, le=36_500)
    advice_days: int = Field(30, ge=1, le=3650)
    warn_mb: int = Field(2000, ge=0, le=100_000_000)
    stop_mb: int = Field(200, ge=0, le=100_000_000)
    reserve_mb: int = Field(16, ge=0, le=100_000)
    when_full: Literal["inhibit", "continue"] = "inhibit"


class Switch(Section):
    """At this local time (of `time_zone`) of these days the plan is put in force, with this wave or its own."""

    at: Annotated[str, StringConstraints(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    plan: str
    wave: str | None = None
    days: tuple[Day, ...] = Field(DAYS, min_length=1)


class Line(Section):
    """A conveyor or sorter with one PLC channel.

    `margin_ms`: decide_by = edge + left - margin_ms. `coast_mm`: how far the belt runs on when it stops.
    `min_gap_mm`: items closer than this behind another are both sent to exception, 0 = not judged. `encoder_um`: belt
    travel of one count of its encoder in µm, 0 = none. Of loops: `length_mm` is one lap; `carriers`: how many, 0 = a
    belt without; `laps_max`: laps before an item is given up to the exception lanes; `laps_unknown`: the same for what
    is not identified; `on_late`: what becomes of an item whose decision is late; `load_max`: items on it beyond which
    induction is inhibited, 0 = not counted.
    """

    kind: Literal["line", "loop"]
    speed_mm_s: int = Field(ge=1, le=99_999)
    length_mm: int = Field(ge=1, le=10_000_000)
    default_lane: str
    margin_ms: int = Field(50, ge=0, le=60_000)
    coast_mm: int = Field(0, ge=0, le=100_000)
    min_gap_mm: int = Field(0, ge=0, le=100_000)
    encoder_um: int = Field(0, ge=0, le=1_000_000)
    durable_first: bool = False
    carriers: int = Field(0, ge=0, le=999_999)
    laps_max: int = Field(3, ge=1, le=99)
    laps_unknown: int = Field(2, ge=1, le=99)
    on_late: Literal["fallback", "next_lap"] | None = None
    load_max: int = Field(0, ge=0, le=1_000_000)


class Point(Section):
    """A named place: `tracked` = on a line at a position, `presence` = the read itself is the event."""

    kind: Literal["tracked", "presence"] = "tracked"
    line: str | None = None
    position_mm: Millimetres | None = None
    induction: bool = False
    decision: bool = False


class Lane(Section):
    """A physical exit; `position_mm` of its gate, `capacity` in parcels with those on their way (0 = not counted).

    `rate_per_min`: so many drops a minute at most, 0 = any. `needs_container`: takes nothing without one. `secure`:
    takes only what was screened. `goods`: the kinds of goods it takes, empty = all. `leads_to`: its items go on on that
    line.
    """

    line: str
    position_mm: Millimetres
    capacity: int = Field(0, ge=0, le=100_000)
    roles: tuple[Literal["sort", "exception", "overflow", "recirculate"], ...] = ("sort",)
    supervised: bool = False
    max_length_mm: int | None = Field(None, ge=1, le=99_999)
    max_weight_g: int | None = Field(None, ge=1, le=99_999_999)
    rate_per_min: int = Field(0, ge=0, le=100_000)
    needs_container: bool = False
    secure: bool = False
    goods: tuple[str, ...] = ()
    leads_to: str | None = None


class Device(OnBroker):
    """What every device has. A device on a broker (`link = "mqtt://…"`) is somebody there."""

    kind: str
    link: str


class Scanner(Device):
    """A reader. `late_mm`: a parcel closer than this behind one that got no result from it is not trusted.

    `match`: how its results find their item: `index` = it echoes the track number, `carrier` = by the carrier at it,
    `encoder` = it states the encoder's count, `time` = by the moment of arrival. `source`: what its reads are called in
    events; left out = `tunnel` on a line, `handheld` at a presence point.

    `settings` is the `Settings` of its kind, made of the section's other keys."""

    point: str
    match: Literal["index", "carrier", "encoder", "time"] = "time"
    window_mm: int = Field(80, ge=1, le=100_000)
    late_mm: int = Field(1000, ge=0, le=100_000)
    reports_no_read: bool = True
    source: Literal["tunnel", "handheld", "video", "ocr", "rfid", "operator"] | None = None
    settings: SkipJsonSchema[Any] = None


class Plc(Device):
    """The PLC of a line. `commands`: what people may ask of it, by default nothing. `elements`: its elements beside
    the line, its points and its lanes, by the names that its STAT has.

    `settings` is the `Settings` of its kind, made of the section's other keys."""

    line: str
    commands: tuple[Literal["STOP", "INHB", "ENAB", "BLCK", "OPEN", "EMPT", "ACKN"], ...] = ()
    elements: tuple[FloorKey, ...] = ()
    settings: SkipJsonSchema[Any] = None


class Head(Section):
    """The keys before the first table. Paths are taken from the folder of the file."""

    site: Id
    node: Id
    mode: Literal["production", "test", "maintenance", "simulated"]
    state_dir: File
    plan: File
    plans: tuple[File, ...] = ()
    time_zone: str = "UTC"


class Config(Head):
    """A whole floor that passed every check."""

    broker: Broker
    customs: Customs = Customs()
    promise: Promise = Promise()
    ask: Ask = Ask()
    hands: Hands = Hands()
    identity: IdentitySection = IdentitySection()
    journal: Journal = Journal()
    switch: tuple[Switch, ...] = ()
    line: dict[LineKey, Line] = Field(default_factory=dict)
    point: dict[FloorKey, Point] = Field(default_factory=dict)
    lane: dict[FloorKey, Lane] = Field(default_factory=dict)
    scanner: dict[IdKey, Scanner] = Field(default_factory=dict)
    plc: dict[IdKey, Plc] = Field(default_factory=dict)


SECTIONS: dict[str, type[Section]] = {"line": Line, "point": Point, "lane": Lane, "scanner": Scanner, "plc": Plc}
