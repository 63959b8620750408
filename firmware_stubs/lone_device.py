"""One stub alone: the floor file that it needs, made here or taken out of another one, and what floord is to be told.

A reader stands at a presence point of its own. A PLC gets a line of 24 m with an induction, a tunnel, a decision point,
six sort lanes, a bond lane and an exception lane, so that whoever is at its other end has something to do.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, get_type_hints
from urllib.parse import urlsplit

from firmware_stubs import floor_file
from firmware_stubs.sections import FloorError, known, only

Document = dict[str, Any]

POINT, LINE = "DESK", "S1"
AT_ONCE = 1000.0  # a second: parcels come onto the belt as soon as there is room
_PLACES = ("IND", "T1", "DEC", *(f"L{lane:02}" for lane in range(1, 7)), "BOND", "EX")
_LINE = f"""
[line.{LINE}]
kind = "line"
speed_mm_s = 2500
length_mm = 24000
default_lane = "{LINE}-EX"

[point.{LINE}-IND]
line = "{LINE}"
position_mm = 0
induction = true

[point.{LINE}-T1]
line = "{LINE}"
position_mm = 1200

[point.{LINE}-DEC]
line = "{LINE}"
position_mm = 2000
decision = true
""" + "".join(
    f"""
[lane.{LINE}-{lane}]
line = "{LINE}"
position_mm = {mm}
{more}"""
    for lane, mm, more in (
        *((f"L{number:02}", 5000 + 2000 * number, "") for number in range(1, 7)),
        ("BOND", 20_000, "supervised = true\n"),
        ("EX", 22_000, 'roles = ["exception", "overflow"]\nsupervised = true\n'),
    )
)
_WANTED: dict[str, Document] = {
    "line": {"prefix": "\x02", "suffix": "\x03"},
    "keyence_sr": {"framing": "stx"},
    "honeywell": {"code_id": "aim"},
    "telegram": {"plc": "PL01", "controller": "HUB"},
    "modbus": {"numbers": {f"{LINE}-{place}": number for number, place in enumerate(_PLACES, 2)}},
    "mqtt_json": {"base": "floorsim/plc"},
    "zebra_fx": {"base": "floorsim/portal"},
}
"""What a stub alone is set to where `--set` says nothing: a reader so that a host can tell whether a code is whole."""
_TOLD: dict[str, Sequence[str]] = {
    "line": ("prefix", "suffix", "no_read", "heartbeat", "index_digits", "encoder_digits"),
    "datalogic": ("header", "terminator", "separator", "no_read", "local_no_read", "index_digits", "heartbeat"),
    "dataman": ("no_read", "suffix", "heartbeat", "base64"),
    "honeywell": ("code_id", "suffix", "no_read", "ack"),
    "keyence_sr": ("framing", "replies", "address", "no_read"),
    "sick_cola": ("dialect", "no_read", "heartbeat"),
    "zebra_ssi": ("no_read",),
    "mda": ("no_read", "legal_for_trade"),
    "mqtt_scan": ("base",),
    "zebra_fx": ("base", "outside", "inside"),
    "telegram": ("plc", "controller"),
    "modbus": ("unit", "numbers"),
    "mqtt_json": ("base",),
}
"""What both sides of a wire must be set to alike; floord's keys have the same names."""
_LISTS = ("no_read",)  # floord takes several
_HOST = {"pty": "serial", "tcp-listen": "tcp", "tcp": "tcp-listen", "rfc2217-listen": "rfc2217", "mqtt": "mqtt"}


def made(kind: str, link: str, settings: Mapping[str, Any]) -> Document:
    """The floor file of one stub of this kind. Raises FloorError for a kind that is none."""
    family, _ = floor_file.load_kind(kind, "floorsim device")
    if family not in ("scanner", "plc"):
        raise FloorError(f"floorsim device: {kind} is no machine; it comes with floorsim run")
    stub = {"kind": kind, "link": link, **_WANTED.get(kind, {}), **settings}
    name = f"{kind.replace('_', '-')}-1"
    if family == "plc":
        stub["line"] = LINE
        induction = {LINE: {"point": f"{LINE}-IND", "rate_per_s": AT_ONCE}}
        return tomllib.loads(_LINE) | {"induction": induction, "stub": {name: stub}}
    stub["point"] = POINT
    return {"point": {POINT: {}}, "stub": {name: stub}}


def taken_out(document: Document, name: str, link: str | None, settings: Mapping[str, Any]) -> Document:
    """The stub of this name out of a floor file, a PLC with its line; a reader stands alone. Raises FloorError."""
    stubs = document.get("stub", {})
    known(name, stubs, "--stub", "stub")
    stub = {**stubs[name], **({"link": link} if link else {}), **settings}
    if "line" not in stub:
        return {"point": {POINT: {}}, "stub": {name: {**stub, "point": POINT}}}
    line = stub["line"]
    own = {table: _of(document.get(table, {}), "line", {line}) for table in ("point", "lane")}
    inductions = _of(document.get("induction", {}), "point", set(own["point"]))
    return {
        "line": {key: one for key, one in document.get("line", {}).items() if key == line},
        "belt": {key: one for key, one in document.get("belt", {}).items() if key == line},
        "chute": {key: one for key, one in document.get("chute", {}).items() if key in own["lane"]},
        "scale": _of(document.get("scale", {}), "point", set(own["point"])),
        "induction": {
            key: {"rate_per_s": AT_ONCE, **{part: one[part] for part in ("point", "gap_mm") if part in one}}
            for key, one in inductions.items()
        },
        "stub": {name: stub},
        **own,
    }


def setting(text: str, kind: str) -> tuple[str, Any]:
    """`key=value` for a stub of this kind: a text as it is, or in TOML's quotes; all else as in TOML.

    Raises FloorError that names the key.
    """
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise FloorError(f"[--set] {text}: write key=value")
    _, module = floor_file.load_kind(kind, "floorsim device")
    hints = get_type_hints(module.Settings)
    only([key], "--set", [field.name for field in dataclasses.fields(module.Settings)])
    if hints[key] is str and not value.lstrip().startswith('"'):
        return key, value
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise FloorError(f"[--set] {key}: {value!r} is no value of TOML: a number, true, a list […], a text") from error


def with_mix(document: Document, every_s: float) -> Document:
    """Items of a mix are shown to the reader by themselves."""
    desk = {POINT: {"mix": "mix", "every_s": every_s}}
    return {**document, "mix": {"mix": {}}, "desk": desk}


def floord_sections(document: Document, kind: str, built_in: bool) -> str:
    """What to paste into floord's floor file, so that it speaks with this stub. `built_in`: with the line of a PLC."""
    ((name, stub),) = document["stub"].items()
    table, place = ("plc", "line") if "line" in stub else ("scanner", "point")
    rows = [f"[{table}.{name}]", f'kind = "{kind}"', f"link = {json.dumps(host_link(stub['link']))}"]
    rows.append(f'{place} = "{stub[place]}"')
    settings = floor_file.read(document).stubs[0].settings
    for key in _TOLD.get(kind, ()):
        value = getattr(settings, key)
        if value in ("", 0, (), {}) and value is not False:
            continue
        if key in _LISTS and key not in stub:
            continue
        rows.append(f"{key} = {_toml([value] if key in _LISTS else value)}")
    around = _LINE.strip() if place == "line" else f'[point.{POINT}]\nkind = "presence"'
    return "\n".join(rows) + "\n" + (f"\n{around}\n" if built_in else "")


def host_link(link: str) -> str:
    """What floord opens, where this stub is at the other end."""
    url = urlsplit(link)
    if url.scheme == "serial":
        return "serial:///dev/serial/by-id/…" + (f"?{url.query}" if url.query else "")
    return link.replace(url.scheme, _HOST.get(url.scheme, url.scheme), 1)


def _of(sections: Mapping[str, Any], key: str, names: set[str]) -> Document:
    return {name: section for name, section in sections.items() if section.get(key) in names}


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)  # TOML has the escapes of JSON
