"""The interface as an OpenAPI document: every path and method, what goes in and what comes out."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def document() -> Schema:
    """What `/openapi.json` answers."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "floorsim",
            "version": "1",
            "description": "A simulated floor: what is seen of it, faults, time. On the unix socket floorsim.sock"
            " beside the floor file, and on loopback with --http. Nothing changes within /v1 but by additions.",
        },
        "paths": _PATHS,
    }


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _some(wanted: Schema, **optional: Schema) -> Schema:
    """An object with properties that may be left out, and no other."""
    return wanted | {"properties": wanted["properties"] | optional, "additionalProperties": False}


def _by_id(schema: Schema) -> Schema:
    return {"type": "object", "additionalProperties": schema}


def _list(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _is(kind: str, what: str = "", *, null: bool = False) -> Schema:
    return {"type": [kind, "null"] if null else kind} | ({"description": what} if what else {})


def _one_of(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _does(summary: str, status: int, schema: Schema, *refusals: int, body: Schema | None = None, **more: Any) -> Schema:
    """An operation; `refusals`: the statuses of its errors beside those that every operation has."""
    answers = {str(status): {"description": "done", "content": _json(schema)}}
    for refusal in (*refusals, 403, 503):
        answers[str(refusal)] = {"description": _REFUSALS[refusal], "content": _json(_ERROR)}
    asks = {"requestBody": {"required": True, "content": body}} if body else {}
    return {"summary": summary, "responses": answers, **asks, **more}


def _parameter(name: str, where: str, what: str, schema: Schema) -> Schema:
    return {"name": name, "in": where, "description": what, "required": where == "path", "schema": schema}


_TEXT, _NUMBER, _INTEGER, _YES = _is("string"), _is("number"), _is("integer"), _is("boolean")
_ERROR = _object(error=_TEXT)
_REFUSALS = {
    400: "what was written is wrong; the error says what to write",
    403: "by TCP: the Host header names another machine, or a page of another place asks",
    404: "there is no such thing",
    409: "not now",
    413: "the body is too long",
    503: "too many clients or streams",
}
_STANDING = _object(
    id=_TEXT,
    fault=_TEXT,
    target=_TEXT,
    since=_is("number", "ms of the world's clock"),
    left_ms=_NUMBER,
    left=_is("integer", "so many times more; null = it is not counted", null=True),
    by=_TEXT,
    hidden=_YES,
)
_KIND = _some(
    _object(
        name=_TEXT,
        on=_one_of("cable", "device", "belt", "floor"),
        target=_one_of("stub", "plc", "reader", "line", "lane", "point"),
        settings=_is("object", "each with its default; null = it must be given"),
        for_s=_NUMBER,
        what=_is("string", "what it is"),
        shows=_is("string", "what floord shows"),
    ),
    count=_is("integer", "how often, if it can be counted; null = as long as it lasts", null=True),
)
_LINE = _object(
    kind=_one_of("line", "loop"),
    length_mm=_INTEGER,
    speed_mm_s=_INTEGER,
    carriers=_INTEGER,
    points=_by_id(_object(mm=_INTEGER, induction=_YES, decision=_YES)),
    lanes=_by_id(
        _object(
            mm=_INTEGER,
            capacity=_is("integer", "null = no limit", null=True),
            supervised=_YES,
            leads_to=_is("string", "another line", null=True),
        )
    ),
    default_lane=_TEXT,
    inductions=_by_id(_object(point=_TEXT, rate_per_s=_NUMBER, gap_mm=_NUMBER)),
)
_FLOOR = _object(
    title=_TEXT,
    files=_list(_TEXT),
    lines=_by_id(_LINE),
    points=_by_id(_object(line=_is("null", "on no line"))),
    stubs=_by_id(_object(kind=_TEXT, family=_TEXT, link=_TEXT, where=_TEXT, place=_TEXT)),
)
_STATE = _object(
    t=_is("number", "the world's clock in ms, which stands while it is paused"),
    stood_ms=_is("number", "how long the world stood in all; t + stood_ms is the machine's CLOCK_MONOTONIC"),
    utc_ms=_INTEGER,
    paused=_YES,
    counts=_by_id(_INTEGER),
    per_hour=_is("integer", "parcels at the pace of the last minute"),
    lines=_by_id(
        _object(
            speed_mm_s=_INTEGER,
            state=_one_of("run", "stop", "jam", "estop", "manual"),
            parcels=_list(
                {
                    "type": "array",
                    "description": "front edge and length in mm, name, lane as the PLC obeys it now, codes",
                    "prefixItems": [_INTEGER, _INTEGER, _TEXT, _is("string", null=True), _INTEGER],
                }
            ),
            waiting=_INTEGER,
        )
    ),
    lanes=_by_id(
        _object(
            state=_one_of("FREE", "FULL", "LOCK"),
            taken=_is("integer", "places of its chute that are taken"),
            drops=_is("integer", "parcels that ever fell into it"),
            container=_is("string", null=True),
        )
    ),
    stubs=_by_id(
        _object(
            light=_one_of("ok", "quiet", "fault", "off"),
            why=_TEXT,
            in_session=_is("boolean", "null = it has no sessions", null=True),
            said=_is("integer", "bytes; of messages on a broker their payloads"),
            heard=_INTEGER,
            age_ms=_is("integer", "since it spoke last; null = it never did", null=True),
        )
    ),
    faults=_list(_STANDING),
)
_FAULT = _some(
    _object(fault=_TEXT, target=_TEXT),
    for_s=_is("number", "seconds; without: as the kind says"),
    count=_is("integer", "so often"),
    settings=_is("object"),
)
_TIME = _some(_object(do=_one_of("pause", "resume", "step")), ms=_is("number", "of a step; without: 100"))
_ENDED = _object(ended=_list(_TEXT))
_ID = _parameter("id", "path", "of a fault that stands", _TEXT)
_STREAM = [
    _parameter("state", "query", "so many states a second, at most 10", _NUMBER),
    _parameter("wire", "query", "1: all that goes over the wires", _one_of("0", "1")),
    _parameter("ledger", "query", "1: every entry of the ledger", _one_of("0", "1")),
    _parameter("stub", "query", "only the wires of these, by comma", _TEXT),
]
_LINES = {
    "200": {"description": "JSON lines until the run or the reader ends", "content": {"application/x-ndjson": {}}}
}
_MANIFEST = {"application/x-ndjson": {"schema": {"type": "string"}}}

_BROKEN = _object(fault=_TEXT, target=_TEXT)
_ATTEMPT = {
    "title": _TEXT,
    "task": _TEXT,
    "over": _YES,
    "passed": _YES,
    "score": _is("integer", "0 to 100, as if it ended now"),
    "seconds": _INTEGER,
    "par_s": _is("number", "seconds that a good technician needs"),
    "to_find": _INTEGER,
    "found": _list(_object(fault=_TEXT, target=_TEXT, after_s=_INTEGER)),
    "missed": _list(_BROKEN),
    "wrong": _list(_BROKEN),
    "hints": _INTEGER,
    "hints_left": _INTEGER,
    "shown": _list(_object(event=_TEXT, where=_is("object", "members of the event's data"))),
}
_DRILL = _object(**_ATTEMPT)
_JUDGED = _object(verdict=_one_of("right", "wrong", "known", "over"), words=_TEXT, **_ATTEMPT)

_PATHS: Schema = {
    "/openapi.json": {"get": _does("This document.", 200, _is("object"))},
    "/v1/floor": {"get": _does("What does not change while the floor runs.", 200, _FLOOR)},
    "/v1/state": {"get": _does("What is so now, at most 100 ms old.", 200, _STATE)},
    "/v1/stream": {
        "get": {
            "summary": 'Lines {"state": …}, {"wire": …}, {"ledger": …}; a slow reader loses some: {"missed": n}.',
            "parameters": _STREAM,
            "responses": _does("", 200, {}, 400)["responses"] | _LINES,
        }
    },
    "/v1/faults": {
        "get": _does(
            "The kinds of faults, and those that stand.", 200, _object(kinds=_list(_KIND), standing=_list(_STANDING))
        ),
        "post": _does("A fault begins; it ends by itself.", 201, _object(id=_TEXT), 400, 413, body=_json(_FAULT)),
        "delete": _does("All faults end.", 200, _ENDED),
    },
    "/v1/faults/{id}": {"delete": _does("A fault ends.", 200, _ENDED, 404, parameters=[_ID])},
    "/v1/time": {
        "post": _does(
            "Pause, resume, step; the state then, of a step when it is over.", 200, _STATE, 400, 413, body=_json(_TIME)
        )
    },
    "/v1/parcels": {
        "post": _does(
            "More parcels, as lines of a manifest: all or none.",
            201,
            _object(taken=_INTEGER),
            400,
            409,
            413,
            body=_MANIFEST,
        )
    },
    "/v1/drill": {
        "get": _does("Where the drill stands; what is hidden is named when all is over.", 200, _DRILL, 409),
        "post": _does(
            "A drill begins: its name, or the path of a scenario file with a [drill] on the machine that simulates.",
            200,
            _DRILL,
            400,
            409,
            413,
            body=_json(_object(drill=_TEXT)),
        ),
    },
    "/v1/drill/answer": {
        "post": _does("A diagnosis. Who is right has it repaired.", 200, _JUDGED, 400, 409, 413, body=_json(_BROKEN))
    },
    "/v1/drill/hint": {"post": _does("The next hint; it costs.", 200, _object(hint=_TEXT, **_ATTEMPT), 400, 409, 413)},
    "/v1/drill/give-up": {"post": _does("All is told, and repaired.", 200, _DRILL, 400, 409, 413)},
    "/v1/stop": {
        "post": _does("As Ctrl-C: the belts run empty, the run ends; again: at once.", 202, _object(stopping=_YES))
    },
}
