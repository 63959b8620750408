"""The centre's messages: the bounds of every field, what an absent one means, and what concerns a parcel."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from controller.advice import (
    Advice,
    AskAnswer,
    ContainerRecord,
    CustomsHead,
    CustomsRecord,
    Departure,
    Inbound,
    items,
)

LEAST: dict[type[Inbound], dict[str, Any]] = {
    Advice: {"parcel": "P1"},
    CustomsRecord: {
        "scheme": "H7",
        "authority": "BE",
        "subject_kind": "parcel",
        "subject_id": "P1",
        "sequence": 0,
        "status": "hold",
        "feed": 1,
    },
    CustomsHead: {"sequence": 0, "time_ms": 0},
    Departure: {"departure": "F1", "cut_off": "2026-11-23T18:00:00", "arrives": "2026-11-23T19:00:00Z"},
    ContainerRecord: {"container": "B1", "lane": "L1", "status": "open"},
    AskAnswer: {"code": "C1"},
}
NAMES: list[tuple[type[Inbound], str]] = [
    (Advice, "parcel"),
    (CustomsRecord, "authority"),
    (CustomsRecord, "subject_id"),
    (Departure, "departure"),
    (ContainerRecord, "container"),
    (ContainerRecord, "lane"),
]
MOST = 9_999_999_999_999
BOUNDS: list[tuple[type[Inbound], str, list[Any], list[Any]]] = [
    *((model, name, ["x", "x" * 64], ["", "x" * 65]) for model, name in NAMES),
    (Advice, "aliases", [[], ["C"] * 32], [["C"] * 33]),
    (Advice, "pieces", [1], [0]),
    (Advice, "country", ["BE", None], ["be", "B", "BEL", "1E"]),
    (Advice, "postcode", ["x" * 16], ["x" * 17]),
    (Advice, "product", ["x" * 32], ["x" * 33]),
    (Advice, "goods", ["x" * 32], ["x" * 33]),
    (Advice, "weight_g", [0], [-1]),
    (Advice, "length_mm", [0], [-1]),
    (Advice, "customs", ["none", "required"], ["", "free"]),
    (Advice, "flow", ["import", "export", "transit"], ["domestic"]),
    (
        Advice,
        "belongs",
        [dict.fromkeys(("consignment", "declaration", "bag", "air_waybill"), "x" * 64)],
        [{"box": "1"}],
    ),
    (Advice, "promise_by", ["2026-11-23T18:00:00Z"], ["2026-11-23T18:00:00", "soon"]),
    (Advice, "accepted", ["2026-11-23T18:00:00Z"], ["2026-11-23T18:00:00", "soon"]),
    (CustomsRecord, "sequence", [0, 10**18], [-1]),
    (CustomsRecord, "raw", ["x" * 256], ["x" * 257]),
    (CustomsRecord, "feed", [1], [0, None]),
    (CustomsRecord, "scheme", ["ICS2", "H7", "UPU", "ACAS", "local"], ["h7"]),
    (CustomsRecord, "subject_kind", ["parcel", "consignment", "declaration", "bag", "air_waybill"], ["box"]),
    (CustomsHead, "sequence", [0], [-1]),
    (CustomsHead, "time_ms", [0, MOST], [-1, MOST + 1]),
    (CustomsHead, "since", [1], [0, 2]),
    (Departure, "destinations", [[], ["x"] * 256], [["x"] * 257, [""], ["x" * 65]]),
    (Departure, "cut_off", ["2026-11-23T18:00:00", "2026-11-23T18:00:00Z"], ["soon"]),
    (Departure, "arrives", ["2026-11-23T18:00:00Z"], ["2026-11-23T18:00:00"]),
    (Departure, "capacity", [0], [-1]),
    (Departure, "status", ["scheduled", "delayed", "closing", "closed", "departed", "cancelled"], ["open"]),
    (ContainerRecord, "status", ["open", "closed", "removed"], ["gone"]),
    (AskAnswer, "code", ["x", "x" * 256], ["", "x" * 257]),
]


def told(model: type[Inbound], **fields: Any) -> Any:
    return model.model_validate({**LEAST[model], **fields})


@pytest.mark.parametrize(("model", "field", "taken", "refused"), BOUNDS)
def test_the_bounds_of_a_field(model: type[Inbound], field: str, taken: list[Any], refused: list[Any]) -> None:
    for value in taken:
        found = getattr(told(model, **{field: value}), field)
        assert found == (tuple(value) if isinstance(value, list) else value)
    for value in refused:
        with pytest.raises(ValidationError):
            told(model, **{field: value})


@pytest.mark.parametrize(
    ("model", "absent"),
    [
        (Advice, {"version": 0, "aliases": (), "pieces": 1, "customs": "required", "belongs": {}, "screened": False}),
        (Advice, dict.fromkeys(("flow", "country", "postcode", "product", "promise_by", "accepted", "goods"))),
        (Advice, {"weight_g": None, "length_mm": None}),
        (CustomsRecord, {"raw": ""}),
        (CustomsHead, {"since": 1}),
        (Departure, {"version": 0, "destinations": (), "capacity": 0, "status": "scheduled"}),
        (ContainerRecord, {"version": 0}),
        (AskAnswer, {"advice": None}),
    ],
)
def test_what_is_absent(model: type[Inbound], absent: dict[str, Any]) -> None:
    found = told(model, of_a_newer_centre=1).model_dump()
    assert {name: found[name] for name in absent} == absent
    assert "of_a_newer_centre" not in found


def test_nobody_changes_what_was_told() -> None:
    for model in LEAST:
        one = told(model)
        with pytest.raises(ValidationError, match="frozen"):
            setattr(one, next(iter(LEAST[model])), "x")


def test_what_concerns_a_parcel() -> None:
    parcel = told(Advice, belongs={"bag": "G1", "air_waybill": "W1"})
    assert parcel.subjects == (("parcel", "P1"), ("bag", "G1"), ("air_waybill", "W1"))
    assert told(Advice).subjects == (("parcel", "P1"),)
    assert told(CustomsRecord).key == ("H7", "BE", "parcel", "P1")


def test_only_what_the_site_says_itself_has_no_number() -> None:
    assert told(CustomsRecord, scheme="local", feed=None).feed is None
    with pytest.raises(ValidationError, match="feed is missing"):
        told(CustomsRecord, feed=None)


@pytest.mark.parametrize(("sequence", "since", "good"), [(0, 1, True), (5, 6, True), (5, 7, False), (0, 2, False)])
def test_a_feed_starts_behind_its_last_number_at_most(sequence: int, since: int, good: bool) -> None:
    if good:
        assert told(CustomsHead, sequence=sequence, since=since).since == since
    else:
        with pytest.raises(
            ValidationError, match=f"since = {since} lies beyond the feed, whose last number is {sequence}"
        ):
            told(CustomsHead, sequence=sequence, since=since)


def test_one_message_or_many() -> None:
    one = {"parcel": "P1"}
    for value, expected in ((one, [one]), ([one, one], [one, one]), ([], []), (None, [None]), ("[]", ["[]"])):
        assert items(json.dumps(value).encode()) == expected
    with pytest.raises(ValueError):
        items(b"{")
