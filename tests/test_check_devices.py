"""What `floord check` says of readers that stand beside each other, or where they do not belong."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest
from paho.mqtt.client import topic_matches_sub

from controller.config_brokers import overlap
from devices.scanners import zebra_fx
from tests.test_check import S1_PLAN, check, floord
from tests.test_config import FLOOR, changed

HANDS = '[scanner.hands]\nkind = "mqtt_scan"\nlink = "mqtt://10.0.7.2"\npoint = "DOCK"\n'
TABLES = HANDS.replace(".hands", ".tables")
PORTAL = HANDS.replace(".hands", ".gate").replace("mqtt_scan", "zebra_fx")


def told(folder: Path, more: str, floor: str = FLOOR) -> list[str]:
    """Every problem, from its key on."""
    result = check(folder, floor + more)
    return [line.split(": ", 1)[1] for line in result.stdout.splitlines() if result.exit_code]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            TABLES,
            "scanner.tables.base: 'handheld/+/scan' is heard by scanner.hands at this broker, too; "
            'give tables a topic of its own: base = "handheld-2", and the same in the machine',
        ),
        (TABLES.replace("mqtt://10.0.7.2", "mqtt://10.0.7.2:1883/"), "scanner.tables.base: 'handheld/+/scan' is heard"),
        (
            f'{PORTAL}base = "handheld/gate"\n',
            "scanner.gate.base: 'handheld/gate/#' is heard by scanner.hands at this broker, too "
            "(as 'handheld/+/scan'); give gate",
        ),
        (f'{TABLES}base = "handheld/tables"\n', None),
        (TABLES.replace("10.0.7.2", "10.0.7.3"), None),
        (f'{TABLES}base = "tables"\n{PORTAL}base = "gate"\n', None),
    ],
)
def test_no_two_devices_hear_the_same(tmp_path: Path, more: str, said: str | None) -> None:
    found = told(tmp_path, HANDS + more)
    assert len(found) == (said is not None), found
    assert said is None or said in found[0]


LEVELS = ("a", "b", "+", "#")
FILTERS = [
    "/".join(levels) for depth in (1, 2, 3) for levels in product(LEVELS, repeat=depth) if "#" not in levels[:-1]
]
TOPICS = ["/".join(levels) for depth in (1, 2, 3, 4) for levels in product("ab", repeat=depth)]


def test_filters_overlap_where_a_topic_matches_both() -> None:
    matched = {one: {topic for topic in TOPICS if topic_matches_sub(one, topic)} for one in FILTERS}
    wrong = [
        (one, other)
        for one in FILTERS
        for other in FILTERS
        if overlap(one, other) != bool(matched[one] & matched[other])
    ]
    assert not wrong


@pytest.mark.parametrize("key", ["match", "window_mm", "late_mm", "reports_no_read"])
def test_nothing_is_matched_at_a_presence_point(tmp_path: Path, key: str) -> None:
    value = {"match": '"time"', "reports_no_read": "false"}.get(key, "80")
    assert told(tmp_path, f"{HANDS}{key} = {value}\n") == [
        f"scanner.hands.{key}: DOCK is a presence point: nothing is matched there; take it away"
    ]


@pytest.mark.parametrize(("key", "value"), [("line", '"S1"'), ("position_mm", "0"), ("decision", "true")])
def test_a_presence_point_lies_on_no_line(tmp_path: Path, key: str, value: str) -> None:
    floor, at = changed('kind = "presence"\n', f'kind = "presence"\n{key} = {value}\n')
    result = check(tmp_path, floor)
    assert result.stdout == (
        f"{tmp_path}/floor.toml:{at + 1}: point.DOCK.{key}: a presence point has none; "
        'take it away, or kind = "tracked"\n'
    )


@pytest.mark.parametrize(
    ("more", "key", "process", "meant"),
    [
        (f'{HANDS}offline_accept = ["identfy"]\n', "scanner.hands.offline_accept", "identfy", "identify"),
        (f'{HANDS}offline_accept = ["Load"]\n', "scanner.hands.offline_accept", "Load", "load"),
        ('[hands]\nstaying = ["unload", "inspct"]\n', "hands.staying", "inspct", "inspect"),
        (
            f'{HANDS}offline_accept = ["identify", "weigh", "*"]\n[hands]\nstaying = ["depart", "gift-wrap"]\n',
            "",
            "",
            "",
        ),
    ],
)
def test_a_process_that_is_nearly_a_usual_one_is_a_warning(
    tmp_path: Path, more: str, key: str, process: str, meant: str
) -> None:
    result = check(tmp_path, FLOOR + more)
    assert result.exit_code == 0, result.output
    said = [line.split(": ", 2)[2] for line in result.stderr.splitlines()]
    words = f'{key}: "{process}" is none of the usual processes; did you mean {meant!r}? One of the site\'s own is good'
    assert said == ([words] if key else [])


def test_a_key_that_is_missing_is_told_with_what_it_is(tmp_path: Path) -> None:
    assert told(tmp_path, PORTAL) == [
        'scanner.gate.base: missing; write base = "…", the topic that all topics of the reader are below'
    ]
    assert told(tmp_path, HANDS.replace('point = "DOCK"\n', "")) == ['scanner.hands.point: missing; write point = "…"']
    assert "line.S1.length_mm: missing; write length_mm = …" in told(
        tmp_path, "", changed("length_mm = 24000\n", "")[0]
    )


def test_what_is_done_by_guess_is_listed_when_it_is_asked_for(tmp_path: Path) -> None:
    floor = f'{FLOOR}{PORTAL}base = "gate"\n{PORTAL.replace(".gate", ".gate-2")}base = "gate-2"\n'
    assert "unproven" not in check(tmp_path, floor).output
    found = check(tmp_path, floor, S1_PLAN, "--unproven")
    assert found.exit_code == 0
    listed = [f"zebra_fx: {what}" for what in zebra_fx.UNPROVEN]
    assert found.stdout.splitlines()[1:] == [f"unproven: {what}" for what in listed]
    assert json.loads(check(tmp_path, floor, S1_PLAN, "--json").stdout)["unproven"] == listed


def test_the_floor_file_is_named_as_for_every_other_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(tmp_path)
    file = str(tmp_path / "floor.toml")
    good = floord("check", file).output
    assert good.endswith("closed, 1 supervised\n")
    for arguments in (("--floor", file), ("-f", file), ("--floor", tmp_path), (tmp_path,)):
        assert floord("check", *arguments).output == good
    twice = floord("check", file, "--floor", file)
    assert (twice.exit_code, "two floor files" in twice.output) == (2, True)
    monkeypatch.setenv("FLOORD_FLOOR", file)
    assert floord("check").output == good
    monkeypatch.setenv("FLOORD_FLOOR", "elsewhere.toml")
    assert floord("check", file).output == good
    monkeypatch.delenv("FLOORD_FLOOR")
    monkeypatch.chdir(tmp_path)
    assert floord("check").output.startswith("floor.toml: 1 line")
