"""`floord schema`: the JSON Schema of the floor file, of the sort plan and of the published events."""

from __future__ import annotations

import json
from typing import Any

import click
from pydantic import TypeAdapter

from controller import config, config_devices
from controller.plan import PlanFile
from controller.sheet import fields
from devices import driver

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@click.command("schema")
@click.argument("what", type=click.Choice(["config", "events", "plan"]))
def command(what: str) -> None:
    """Print the JSON Schema of the floor file (config), the sort plan (plan) or the published events (events)."""
    click.echo(json.dumps(SCHEMAS[what](), indent=2, ensure_ascii=False))


def config_schema() -> dict[str, Any]:
    """The floor file: the tables of floord with each kind's own settings; those of floorsim may hold anything."""
    schema = {"$schema": DIALECT} | config.Config.model_json_schema()
    for table in config_devices.FAMILIES:
        common = schema["$defs"][config.SECTIONS[table].__name__]
        schema["$defs"][common["title"]] = {
            "oneOf": [_device(common, kind, schema["$defs"]) for kind in config_devices.known(table)]
        }
    for table in config.FLOORSIM_TABLES:
        schema["properties"][table] = {"type": "object", "description": "read by floorsim only"}
    return schema


def _device(common: dict[str, Any], kind: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """A device's section: the keys of every device and the fields of its kind's Settings."""
    settings = driver.load(kind).Settings
    own = TypeAdapter(settings).json_schema(ref_template="#/$defs/{model}")
    definitions.update(own.get("$defs", {}))
    required = [key for key in own.get("required", ()) if key not in config_devices.FROM_LINK]
    extra = {key: own["properties"][key] for key in fields(settings) if key not in common["properties"]}
    return {
        "title": kind,
        "type": "object",
        "properties": common["properties"] | {"kind": {"const": kind}} | extra,
        "required": [*common["required"], *required],
        "additionalProperties": False,
    }


def plan_schema() -> dict[str, Any]:
    """The sort plan."""
    return {"$schema": DIALECT} | PlanFile.model_json_schema()


def events_schema() -> dict[str, Any]:
    """The published events."""
    from controller import envelope

    return envelope.schema()


SCHEMAS = {"config": config_schema, "events": events_schema, "plan": plan_schema}
