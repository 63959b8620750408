"""What the hub is told beforehand: advice about parcels, and the messages of the centre's topics.

Advice names a parcel, all codes that may stand on it (aliases), where it goes, and what it belongs to. It works with
the broker away: it lives in the journal's database (see journal.py) and is looked up by any alias or the parcel's id.
These models are the contract of the inbound topics; a message that does not fit is refused with the field's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import from_json

from controller.moments import stated, stated_at_site
from devices.barcodes import candidates
from devices.barcodes.candidate import without_separators

Moment: TypeAlias = Annotated[str, AfterValidator(stated)]
SiteMoment: TypeAlias = Annotated[str, AfterValidator(stated_at_site)]
Id: TypeAlias = Annotated[str, Field(min_length=1, max_length=64)]
UtcMs: TypeAlias = Annotated[int, Field(ge=0, le=9_999_999_999_999)]


_SEPARATED = re.compile("[ -]")


def _is_number(alias: str) -> bool:
    """Whether it is right by some scheme; any other text is nothing but itself."""
    return any(candidate.valid for candidate in candidates(alias))


class Inbound(BaseModel):
    """A message of the centre. Fields we do not know are ignored: the centre may be newer than the node."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Advice(Inbound):
    """One parcel. `customs = "none"`: domestic or inside the union, needs no release; otherwise a release must come."""

    parcel: Id
    version: int = 0
    aliases: tuple[str, ...] = Field((), max_length=32)
    pieces: int = Field(1, ge=1)
    flow: Literal["import", "export", "transit"] | None = None
    country: str | None = Field(None, pattern="^[A-Z]{2}$")
    postcode: str | None = Field(None, max_length=16)
    product: str | None = Field(None, max_length=32)
    customs: Literal["none", "required"] = "required"
    belongs: dict[Literal["consignment", "declaration", "bag", "air_waybill"], Id] = Field(default_factory=dict)
    promise_by: Moment | None = None
    accepted: Moment | None = None
    goods: str | None = Field(None, max_length=32)
    screened: bool = False
    weight_g: int | None = Field(None, ge=0)
    length_mm: int | None = Field(None, ge=0)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Everything under which it is found: its id, its aliases, and of those that are numbers written with spaces or
        hyphens also the bare ones: that is how they are read."""
        bare = (without_separators(alias) for alias in self.aliases if _SEPARATED.search(alias) and _is_number(alias))
        return tuple(dict.fromkeys((self.parcel, *self.aliases, *bare)))

    @cached_property
    def body(self) -> bytes:
        """It as it is stored, JSON."""
        return self.model_dump_json().encode()

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        """Every (kind, id) whose customs records concern this parcel: itself and all it belongs to."""
        return (("parcel", self.parcel), *self.belongs.items())


Status: TypeAlias = Literal[
    "pending", "do_not_load", "screen", "info_requested", "hold", "inspect", "release", "seize", "return"
]


class CustomsRecord(Inbound):
    """A customs status. Keyed (scheme, authority, subject kind, subject id) with its own rising `sequence`.

    `feed` is the site-wide running number of the feed, contiguous from 1. Records of scheme `local` are made by
    commands and have none.
    """

    scheme: Literal["ICS2", "H7", "UPU", "ACAS", "local"]
    authority: Id
    subject_kind: Literal["parcel", "consignment", "declaration", "bag", "air_waybill"]
    subject_id: Id
    sequence: int = Field(ge=0)
    status: Status
    raw: str = Field("", max_length=256, description="the authority's own code")
    feed: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _numbered(self) -> CustomsRecord:
        if self.feed is None and self.scheme != "local":
            raise ValueError("feed is missing: every record of the feed has its running number")
        return self

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Whose status of what it is."""
        return self.scheme, self.authority, self.subject_kind, self.subject_id


class CustomsHead(Inbound):
    """The feed's beat: `sequence` = its last number, `time_ms` = UTC when this beat was made.

    `since` = the first number still in force: a node that knows nothing starts there.
    """

    sequence: int = Field(ge=0)
    time_ms: UtcMs
    since: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _within(self) -> CustomsHead:
        if self.since > self.sequence + 1:
            raise ValueError(f"since = {self.since} lies beyond the feed, whose last number is {self.sequence}")
        return self


class Departure(Inbound):
    """A truck or flight that takes containers of some destinations.

    `cut_off` and `arrives`: RFC 3339; a cut-off without an offset is local time of the site's `time_zone`. `capacity`
    in parcels, 0 = not counted. `closed` and `departed` take nothing more. An older `version` is ignored.
    """

    departure: Id
    version: int = 0
    destinations: tuple[Id, ...] = Field((), max_length=256)
    cut_off: SiteMoment
    arrives: Moment
    capacity: int = Field(0, ge=0)
    status: Literal["scheduled", "delayed", "closing", "closed", "departed", "cancelled"] = "scheduled"


class ContainerRecord(Inbound):
    """A container at a lane, as the centre knows it: `open` = it stands there and takes drops, `closed` = it takes
    none, `removed` = it is gone. An older `version` is ignored."""

    container: Id
    lane: Id
    version: int = 0
    status: Literal["open", "closed", "removed"]


class AskAnswer(Inbound):
    """The answer to an ask: advice, or null where the centre does not know the code."""

    code: Annotated[str, Field(min_length=1, max_length=256)]
    advice: Advice | None = None


Look: TypeAlias = Callable[[str], tuple[Advice, ...]]
"""The floor's one question: advice by alias or parcel id; none, one or several."""


ELEMENTS = 20_000
"""Of an array: the floor waits while a message is read, however little is in each."""


def items(body: bytes) -> list[Any]:
    """One message or an array of them -> a list. Raises ValueError where it is no JSON, or has too many elements."""
    try:
        value = from_json(body)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    found = value if isinstance(value, list) else [value]
    if len(found) > ELEMENTS:
        raise ValueError(f"{len(found)} elements; send them in arrays of at most {ELEMENTS}")
    return found
