"""What a node hears on topics of its own: how far a consumer has heard it, and its own state as the broker has it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from controller.sections import Id

TOPICS = ("ack", "state/node")
"""Below `hub/v1/{site}/{node}/`."""

Sequence = Annotated[int, Field(ge=0, lt=2**63)]


class _Heard(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    journal: str = Field(pattern="^[a-z0-9]{8}$")


class Ack(_Heard):
    """A consumer has heard everything of the journal up to and including `sequence`; of a new one from its first."""

    consumer: Id
    sequence: Sequence


class NodeState(_Heard):
    """What of the node's state is looked at; the will has no sequence."""

    boot: int = Field(0, ge=0, le=65_535)
    sequence: Sequence = 0
