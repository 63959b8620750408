"""The envelope of an event as it is published: CloudEvents 1.0 in structured JSON, and its JSON Schema.

What stands in `data`, and which events there are, says events.py. Only additive changes are made within version 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from pydantic_core import to_json

from controller.events import EVENTS, Data, Mode


@dataclass(frozen=True)
class Origin:
    """Who speaks: goes into every envelope."""

    site: str
    node: str
    journal: str
    mode: Mode

    @cached_property
    def base(self) -> str:
        """The topic prefix of this node."""
        return f"hub/v1/{self.site}/{self.node}"

    @cached_property
    def source(self) -> str:
        """The CloudEvents source."""
        return f"urn:hub:{self.site}:{self.node}:{self.journal}"


@cache
def type_of(name: str) -> str:
    """The CloudEvents type of an event."""
    return f"hubfloor.{name.replace('/', '.')}.v1"


def envelope(
    origin: Origin, *, seq: int, id: str, name: str, subject: str, time: str, recorded: str, degraded: bool, data: Data
) -> bytes:
    """The event as it is published: CloudEvents 1.0 structured JSON, absent fields left out."""
    return to_json(
        {
            "specversion": "1.0",
            "id": id,
            "source": origin.source,
            "type": type_of(name),
            "subject": subject,
            "time": time,
            "datacontenttype": "application/json",
            "sequence": f"{seq:020d}",
            "recordedtime": recorded,
            "mode": origin.mode,
            "degraded": degraded,
            "data": data,
        },
        exclude_none=True,
    )


def schema() -> dict[str, Any]:
    """JSON Schema of every event: the envelope with `data` chosen by `type`."""
    models = {model.__name__: model.model_json_schema() for model in set(EVENTS.values())}
    text = {"type": "string"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "hubfloor events v1",
        "$defs": dict(sorted(models.items())),
        "oneOf": [
            {
                "type": "object",
                "required": ["specversion", "id", "source", "type", "subject", "time", "sequence", "mode", "data"],
                "properties": {
                    "specversion": {"const": "1.0"},
                    "id": text,
                    "source": text,
                    "type": {"const": type_of(name)},
                    "subject": text,
                    "time": {"type": "string", "format": "date-time"},
                    "datacontenttype": {"const": "application/json"},
                    "sequence": {"type": "string", "pattern": "^[0-9]{20}$"},
                    "recordedtime": {"type": "string", "format": "date-time"},
                    "mode": {"enum": ["production", "test", "maintenance", "simulated"]},
                    "degraded": {"type": "boolean"},
                    "data": {"$ref": f"#/$defs/{model.__name__}"},
                },
            }
            for name, model in EVENTS.items()
        ],
    }
