"""One message of a handheld as fields: what may stand in it, and why it is none (`docs/handhelds.md`)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from devices.scanners import _json
from devices.scanners._json import Malformed
from devices.value import value

ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
REF = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_AIM = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)

NO_OBJECT = "no JSON object"
NO_CODE = "code: it is missing"
TWO_CODES = "code: as text and as base64"


@value
class Keys:
    """Where the fields of a scan stand, with dots for objects in objects; empty = nowhere."""

    code: str
    code_base64: str
    scan: str
    process: str
    station: str
    actor: str
    target: str
    symbology: str
    time: str
    stored: str


@value
class Scan:
    """What a message says. `code` empty = nothing was read; `ref` empty = nobody waits for an answer."""

    code: bytes
    ref: str = ""
    process: str = "identify"
    station: str = ""
    actor: str = ""
    target: str = ""
    symbology: str = ""
    time: str = ""
    stored: bool = False

    def meaning(self) -> bytes:
        """A digest of what was scanned and what for; a repeat has the same one."""
        said = (self.code, self.process, self.station, self.actor, self.target)
        return blake2b(repr(said).encode(), digest_size=16).digest()


def read(payload: bytes, keys: Keys, longest: int) -> tuple[str, Scan | str]:
    """(`ref` as far as it can be read, the scan or why there is none). Never raises."""
    ref = ""
    try:
        parsed = _json.parse(payload, longest)
        if not isinstance(parsed.value, dict):
            raise Malformed(NO_OBJECT)
        ref = _text(parsed.value, keys.scan, "scan", REF)
        if parsed.twice:
            raise Malformed(_json.TWICE)
        return ref, _scan(parsed.value, keys, ref)
    except Malformed as error:
        return ref, str(error)


def _scan(body: Mapping[str, Any], keys: Keys, ref: str) -> Scan:
    return Scan(
        code=_code(body, keys),
        ref=ref,
        process=_text(body, keys.process, "process", ID) or "identify",
        station=_text(body, keys.station, "station", ID),
        actor=_text(body, keys.actor, "actor", ID),
        target=_text(body, keys.target, "target", ID),
        symbology=_text(body, keys.symbology, "symbology", _AIM),
        time=_text(body, keys.time, "time", _TIME),
        stored=_flag(body, keys.stored),
    )


def _code(body: Mapping[str, Any], keys: Keys) -> bytes:
    places = [key for key in (keys.code, keys.code_base64) if key and _json.has(body, key)]
    if not places:
        raise Malformed(NO_CODE)
    said = [key for key in places if _json.at(body, key) is not None]
    if len(said) > 1:
        raise Malformed(TWO_CODES)
    value = _json.at(body, said[0]) if said else ""
    if not isinstance(value, str):
        raise Malformed("code: a text is wanted")
    try:
        if said and said[0] == keys.code_base64:
            return base64.b64decode(value.encode("ascii"), validate=True)
        return value.encode("utf-8")
    except (UnicodeEncodeError, binascii.Error):
        raise Malformed("code: characters that are none, or no base64") from None


def _text(body: Mapping[str, Any], key: str, name: str, pattern: re.Pattern[str]) -> str:
    """Empty: it is left out."""
    value = _json.at(body, key) if key else None
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Malformed(f"{name}: not of its form")
    return value


def _flag(body: Mapping[str, Any], key: str) -> bool:
    value = _json.at(body, key) if key else None
    if value is not None and not isinstance(value, bool):
        raise Malformed("stored: true or false is wanted")
    return bool(value)
