"""Commands of the centre: `command/{verb}` in, `reply/{verb}` out (contract v1).

A command is done once: it carries an id, when it was issued, when it expires and who gave it. What is expired, retained
or repeated is refused, and every command leaves an audit event, done or refused.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter

from controller.advice import Id, Inbound, UtcMs

Subject: TypeAlias = Literal["parcel", "consignment", "declaration", "bag", "air_waybill"]


class Order(Inbound):
    """What every command carries. `issued` and `expires` are UTC ms."""

    verb: str = ""
    id: Id
    issued: UtcMs
    expires: UtcMs
    actor: Id

    @property
    def arguments(self) -> dict[str, str]:
        """The command's own fields, for the audit."""
        common = Order.model_fields
        return {key: str(value) for key, value in self if key not in common and value is not None}

    @property
    def about(self) -> tuple[str, ...]:
        """What it concerns, each as `kind/id`."""
        given = self.arguments
        named = [
            f"{key}/{given[key]}" for key in ("line", "lane", "container", "travel", "plan", "device") if key in given
        ]
        return (f"{given['subject_kind']}/{given['subject_id']}", *named) if "subject_kind" in given else tuple(named)


class Hold(Order):
    """Hold a subject by the site's own authority (scheme `local`)."""

    verb: Literal["hold"] = "hold"
    subject_kind: Subject
    subject_id: Id
    why: Annotated[str, Field(max_length=256)] = ""


class Release(Order):
    """Lift the site's own hold. It lifts nobody else's, and it is no customs release."""

    verb: Literal["release"] = "release"
    subject_kind: Subject
    subject_id: Id
    why: Annotated[str, Field(max_length=256)] = ""


class LaneClose(Order):
    """Send nothing more into a lane."""

    verb: Literal["lane_close"] = "lane_close"
    lane: Id


class LaneOpen(Order):
    """Use a lane again that was closed by command."""

    verb: Literal["lane_open"] = "lane_open"
    lane: Id


class ContainerClose(Order):
    """Close the container at a lane. Refused while something in it may not leave."""

    verb: Literal["container_close"] = "container_close"
    lane: Id
    container: Id | None = None


class RecallClear(Order):
    """A recalled parcel was found and taken out of its lane or container; `place` = where it is now."""

    verb: Literal["recall_clear"] = "recall_clear"
    travel: Id
    place: Id


class Identify(Order):
    """Somebody read the code of an item that is on a belt: from its picture, or from itself."""

    verb: Literal["identify"] = "identify"
    travel: Id
    code: Annotated[str, Field(min_length=1, max_length=256)]
    source: Literal["handheld", "video", "ocr", "rfid", "operator"]


class PlanSwitch(Order):
    """Put another loaded plan in force, or another wave of one."""

    verb: Literal["plan_switch"] = "plan_switch"
    plan: Id
    wave: Id | None = None


class Element(Order):
    """Ask a line's PLC something of one of its elements: the line itself, a point, a lane, a drive."""

    verb: Literal["element"] = "element"
    line: Id
    element: Id = "LINE"
    command: Literal["STOP", "INHB", "ENAB", "BLCK", "OPEN", "EMPT", "ACKN"]


class TriggerReader(Order):
    """Open or close the reading gate of a scanner, or let a dimensioner measure."""

    verb: Literal["trigger"] = "trigger"
    device: Id
    on: bool = True


VERBS: dict[str, TypeAdapter[Order]] = {
    "hold": TypeAdapter(Hold),
    "release": TypeAdapter(Release),
    "lane_close": TypeAdapter(LaneClose),
    "lane_open": TypeAdapter(LaneOpen),
    "container_close": TypeAdapter(ContainerClose),
    "recall_clear": TypeAdapter(RecallClear),
    "identify": TypeAdapter(Identify),
    "plan_switch": TypeAdapter(PlanSwitch),
    "element": TypeAdapter(Element),
    "trigger": TypeAdapter(TriggerReader),
}
"""verb of the topic -> what its payload must be."""
