"""`floord check` and `floord schema`, as a technician and a script see them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from controller import demo_floor
from controller.__main__ import main
from controller.plans import ConfigErrors, load_floor
from tests.test_config import FLOOR, changed, write
from tests.test_plan import PLAN

S1_PLAN = PLAN.replace(', "LP-L1"', "").replace('["LP-L1"]', '["S1-L01"]').replace(', "LP-EX"', "")


def floord(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def check(folder: Path, floor: str = FLOOR, plan: str | None = S1_PLAN, *options: str) -> Result:
    if plan is not None:
        (folder / "plan.toml").write_text(plan)
    return floord("check", write(folder, floor), *options)


def test_a_good_floor_is_one_line(tmp_path: Path) -> None:
    result = check(tmp_path)
    assert result.exit_code == 0
    assert result.output == (
        f"{tmp_path}/floor.toml: 1 line, 4 points, 2 lanes, 2 devices; plan day 2026-11-23.1; closed, 1 supervised\n"
    )


def test_a_secret_that_all_can_read_is_a_warning(tmp_path: Path) -> None:
    check(tmp_path)
    secret = tmp_path / "broker.pw"
    secret.chmod(0o644)
    result = floord("check", str(tmp_path / "floor.toml"))
    assert result.exit_code == 0
    assert result.stderr == (
        f"warning: {tmp_path}/floor.toml:8: broker.password_file: every user of this machine can read {secret}; "
        f"chmod o= {secret}\n"
    )
    told = json.loads(floord("check", str(tmp_path / "floor.toml"), "--json").stdout)["warnings"]
    assert [(one["line"], one["key"]) for one in told] == [(8, "broker.password_file")]


def test_a_lane_that_no_plan_names_is_a_warning(tmp_path: Path) -> None:
    lane = '\n[lane.S1-L77]\nline = "S1"\nposition_mm = 9000\n'
    found = check(tmp_path, FLOOR + lane)
    assert found.exit_code == 0
    assert "lane.S1-L77: no plan sends anything there; name it in a wave of the plan" in found.stderr
    assert found.stderr.count("warning") == 1, "a lane of another role, or one that leads on, may stand in none"


def test_a_disk_on_which_nothing_will_be_inducted_is_a_warning(tmp_path: Path) -> None:
    most = 100_000_000
    result = check(tmp_path, f"{FLOOR}[journal]\nstop_mb = {most}\n")
    assert result.exit_code == 0
    said = (
        rf"warning: {tmp_path}/floor.toml:4: state_dir: state_dir has \d+ MB free, and stop_mb is {most}: nothing will"
    )
    assert re.match(said, result.stderr), result.stderr


def five_mistakes() -> tuple[str, list[int]]:
    """A misspelt key, a missing lane, a port used twice, a wrong type and an open closure in one file."""
    text = FLOOR
    for old, new in (
        ("password_file", "pasword_file"),
        ('default_lane = "S1-EX"', 'default_lane = "S1-EY"'),
        ("capacity = 40", 'capacity = "40"'),
        ("supervised = true", "supervised = false"),
        ("serial:///dev/hubfloor-none?baud=57600", "tcp://127.0.0.1:2112"),
    ):
        text, _ = changed(old, new, text)
    parts = ("pasword", "S1-EY", '"40"', "supervised", 'tcp://127.0.0.1:2112"\nline')
    return text, [changed(part, "", text)[1] for part in parts]


def test_five_mistakes_at_once(tmp_path: Path) -> None:
    text, lines = five_mistakes()
    result = check(tmp_path, text)
    assert result.exit_code == 78
    told = [line for line in result.stdout.splitlines() if "line.S1: " not in line and "plan.toml" not in line]
    file = tmp_path / "floor.toml"
    assert told == [
        f"{file}:{lines[0]}: broker.pasword_file: unknown key; did you mean 'password_file'?",
        f"{file}:{lines[1]}: line.S1.default_lane: no lane 'S1-EY'; did you mean 'S1-EX'?",
        f'{file}:{lines[2]}: lane.S1-L01.capacity: must be a whole number, not "40"; write 40',
        f"{file}:{lines[3]}: lane.S1-EX.supervised: false, but line S1 ends in S1-EX and S1-EX has the role exception: "
        "an item without a customs release can get there; "
        "write supervised = true or let the line end in a supervised lane and take the role away",
        f"{file}:{lines[4]}: plc.s1.link: 127.0.0.1:2112 is used by scanner.tunnel-1 (line 38) too; "
        "a port serves one device",
    ]


def test_floor_and_plan_are_told_together(tmp_path: Path) -> None:
    floor, at = changed("capacity", "capasity")
    plan, line = changed('OVER = ["S1-EX"]', 'OVER = ["S1-L01"]', S1_PLAN)
    result = check(tmp_path, floor, plan)
    assert result.exit_code == 78
    assert f"floor.toml:{at}: lane.S1-L01.capasity: unknown key" in result.stdout
    assert f"plan.toml:{line}: waves.w1.OVER: S1-L01 is not supervised, but OVER is special.overflow" in result.stdout
    assert "2 problems found" in result.stderr


def test_a_lane_that_cannot_be_read_is_still_a_lane(tmp_path: Path) -> None:
    result = check(tmp_path, changed('line = "S1"\nposition_mm = 5000\n', "", FLOOR)[0])
    assert "no lane" not in result.stdout
    assert "lane.S1-L01.position_mm: missing" in result.stdout
    assert result.exit_code == 78


def test_a_mistake_does_not_hide_the_others_of_its_section(tmp_path: Path) -> None:
    floor = FLOOR.replace('default_lane = "S1-EX"', 'default_lane = "S1-EXX"\nlength = 3', 1)
    floor = floor.replace("speed_mm_s = 2500", 'speed_mm_s = "fast"', 1)
    told = check(tmp_path, floor).output
    for said in ("speed_mm_s: must be a whole number", "did you mean 'S1-EX'", "line.S1.length: unknown key"):
        assert said in told, told


def test_the_plan_is_missing(tmp_path: Path) -> None:
    result = check(tmp_path, plan=None)
    assert result.exit_code == 78
    assert result.stdout == f"{tmp_path}/plan.toml: no such file or directory; give a TOML file\n"


def test_the_floor_is_missing(tmp_path: Path) -> None:
    result = floord("check", tmp_path / "none.toml")
    assert result.exit_code == 78
    assert result.stdout == f"{tmp_path}/none.toml: no such file or directory; give a TOML file\n"


MANY = FLOOR.replace('plan = "plan.toml"', 'plan = "plan.toml"\nplans = ["night.toml"]')
SWITCH = '[[switch]]\nat = "22:00"\nplan = "night"\n'


def with_night(folder: Path, floor: str, *options: str) -> Result:
    (folder / "night.toml").write_text(S1_PLAN.replace('plan = "day"', 'plan = "night"'))
    return check(folder, floor, S1_PLAN, *options)


def test_several_plans(tmp_path: Path) -> None:
    result = with_night(tmp_path, MANY + SWITCH)
    assert "; plans day 2026-11-23.1, night 2026-11-23.1; closed" in result.stdout
    assert json.loads(with_night(tmp_path, MANY, "--json").stdout)["plans"] == [
        "day 2026-11-23.1",
        "night 2026-11-23.1",
    ]


@pytest.mark.parametrize(
    ("more", "key", "told"),
    [
        (SWITCH.replace("night", "nite"), "switch.1.plan", "no plan 'nite'; did you mean 'night'?"),
        (SWITCH + 'wave = "w4"\n', "switch.1.wave", "plan night has no wave 'w4'; waves are: night, w1"),
        (SWITCH + 'wave = "night"\n', "switch.1.wave", "wave night of plan night has no lanes for DE-1"),
        (SWITCH + SWITCH, "switch.2.at", "22:00 on mon is the moment of switch 1, too; write another time"),
    ],
)
def test_a_switch_that_does_not_fit_the_plans(tmp_path: Path, more: str, key: str, told: str) -> None:
    result = with_night(tmp_path, MANY + more)
    assert result.exit_code == 78
    [line] = result.stdout.splitlines()
    assert f": {key}: {told}" in line
    assert line.startswith(f"{tmp_path}/floor.toml:")


def test_every_plan_is_checked_with_its_closure(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(S1_PLAN)
    night, line = changed('OVER = ["S1-EX"]', 'OVER = ["S1-L01"]', S1_PLAN.replace('plan = "day"', 'plan = "night"'))
    (tmp_path / "night.toml").write_text(night)
    result = check(tmp_path, MANY + SWITCH)
    assert result.stdout.startswith(f"{tmp_path}/night.toml:{line}: waves.w1.OVER: S1-L01 is not supervised")
    assert len(result.stdout.splitlines()) == 1


def test_two_plans_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "night.toml").write_text(S1_PLAN)
    result = check(tmp_path, MANY)
    assert f"plans.1: plan 'day' stands in {tmp_path}/plan.toml too; give one of them another name" in result.stdout


def test_a_further_plan_that_is_missing(tmp_path: Path) -> None:
    result = check(tmp_path, MANY + SWITCH)
    assert result.stdout == f"{tmp_path}/night.toml: no such file or directory; give a TOML file\n"


def test_loading_a_floor_with_all_its_plans(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(S1_PLAN)
    (tmp_path / "night.toml").write_text(S1_PLAN.replace('plan = "day"', 'plan = "night"'))
    config, plans = load_floor(write(tmp_path, MANY + SWITCH))
    assert list(plans) == ["day", "night"]
    assert config.plans == (tmp_path / "night.toml",)
    with pytest.raises(ConfigErrors, match=r"switch\.1\.plan: no plan 'late'"):
        load_floor(write(tmp_path, MANY + SWITCH.replace("night", "late")))


def test_json(tmp_path: Path) -> None:
    good = json.loads(check(tmp_path, FLOOR, S1_PLAN, "--json").stdout)
    assert good == {
        "ok": True,
        "problems": [],
        "warnings": [],
        "unproven": [],
        "lines": ["S1"],
        "points": ["DOCK", "S1-DEC", "S1-IND", "S1-T1"],
        "lanes": ["S1-EX", "S1-L01"],
        "devices": ["s1", "tunnel-1"],
        "supervised": ["S1-EX"],
        "plan": "day 2026-11-23.1",
        "plans": ["day 2026-11-23.1"],
    }
    text, line = changed("prefix", "prefx")
    result = check(tmp_path, text, S1_PLAN, "--json")
    assert result.exit_code == 78
    bad = json.loads(result.stdout)
    assert not bad["ok"]
    assert bad["problems"] == [
        {
            "file": f"{tmp_path}/floor.toml",
            "line": line,
            "key": "scanner.tunnel-1.prefx",
            "what": "unknown key",
            "instead": "did you mean 'prefix'?",
        }
    ]


def schema(what: str) -> Any:
    result = floord("schema", what)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_the_schema_of_the_floor_knows_every_kind() -> None:
    found = schema("config")
    kinds = {one["title"]: one for one in found["$defs"]["Scanner"]["oneOf"]}
    assert {"point", "link", "window_mm", "prefix", "suffix"} <= set(kinds["line"]["properties"])
    assert kinds["line"]["properties"]["kind"] == {"const": "line"}
    assert "settings" not in kinds["line"]["properties"]
    assert not kinds["line"]["additionalProperties"]
    plcs = {one["title"]: one for one in found["$defs"]["Plc"]["oneOf"]}
    assert {"plc", "controller", "line", "names"} <= set(plcs["telegram"]["properties"])
    assert "base" in plcs["mqtt_json"]["required"]
    assert found["properties"]["stub"]["type"] == "object"
    assert set(found["required"]) == {"site", "node", "mode", "state_dir", "plan", "broker"}


def test_the_schema_of_the_plan() -> None:
    found = schema("plan")
    assert set(found["properties"]) == {"plan", "version", "wave", "rule", "special", "waves"}
    assert set(found["$defs"]["Special"]["required"]) == {"held", "unknown", "no_read", "overflow"}


def test_the_schema_of_the_events() -> None:
    assert schema("events")["$schema"].startswith("https://json-schema.org/")


def test_schema_of_nothing() -> None:
    assert floord("schema", "weather").exit_code == 2


@pytest.mark.parametrize("name", ["check", "schema"])
def test_help_fits_a_terminal(name: str) -> None:
    assert max(map(len, floord(name, "--help").output.splitlines())) <= 80


S1, S2 = "[plc.plc-1]\n", "[plc.plc-2]\n"
AT_FIRST, AT_SECOND = 'line = "S1"\n', 'line = "S2"\n'


@pytest.mark.parametrize(
    ("plc", "changes", "key", "told"),
    [
        (
            "modbus-rtu",
            [(S1, "S1-L01 = 5, S1-L02 = 6, ", "")],
            "plc-1.numbers",
            "S1-L01, S1-L02 of line S1 have no number; write S1-L01 = …, S1-L02 = … with the numbers that the PLC has",
        ),
        (
            "modbus-rtu",
            [(S1, "S1-EX = 12", "S1-EX = 12, S1-QQ = 99")],
            "plc-1.numbers.S1-QQ",
            "no point, lane or element 'S1-QQ' on line S1; take it away, or write elements = [\"S1-QQ\"]",
        ),
        (
            "modbus-rtu",
            [(S1, "S1-L02 = 6", "S1-L02 = 5")],
            "plc-1.numbers",
            "S1-L02 and S1-L01 are both 5; give each a number of its own",
        ),
        (
            "modbus-rtu",
            [(S1, "S1-L01 = 5", "S1-L01 = 1")],
            "plc-1.numbers",
            "S1-L01 = 1: this is LINE, the line itself; write another number",
        ),
        (
            "modbus-tcp",
            [(S1, "S1-L01 = 5", 'S1-L01 = "5"')],
            "plc-1.numbers.S1-L01",
            'must be a whole number, not "5"; write 5',
        ),
        (
            "modbus-rtu",
            [(S2, "tty-plc-2", "tty-plc-1")],
            "plc-2.unit",
            "plc.plc-1 is unit 1 of this bus; write another unit",
        ),
        (
            "modbus-rtu",
            [(S2, "tty-plc-2", "tty-plc-1"), (S2, AT_SECOND, f"{AT_SECOND}unit = 2\nbaud = 9600\n")],
            "plc-2.baud",
            "9600, but plc.plc-1 on the same bus has 115200; write the same at both, or leave it out: the link says it",
        ),
        (
            "modbus-rtu",
            [(S1, "baud=115200", "baud=115200&flow=xonxoff")],
            "plc-1.link",
            "a machine of kind modbus sends any byte, and flow=xonxoff takes the bytes 11 and 13 out of what it says; "
            "write flow=rtscts, or leave flow out, and set the machine likewise",
        ),
        (
            "modbus-tcp",
            [(S1, "tcp://", "mqtt://")],
            "plc-1.link",
            "a machine of kind modbus is not on a broker; write one of: serial:///dev/serial/by-id/…?baud=115200, "
            "usb://VID:PID:SERIAL?baud=115200, tcp://host:port, tcp-listen://address:port, rfc2217://host:port?baud=115200",
        ),
        (
            "mqtt_json",
            [(S1, "mqtt://", "tcp://")],
            "plc-1.link",
            "a machine of kind mqtt_json is reached over a broker, and this is none; "
            "write one of: mqtt://broker:1883, mqtts://broker:8883",
        ),
        (
            "mqtt_json",
            [(S2, "lgg/S2", "lgg/S1")],
            "plc-2.base",
            "'floorsim/lgg/S1/up' is heard by plc.plc-1 at this broker, too; "
            'give plc-2 a topic of its own: base = "floorsim/lgg/S1-2", and the same in the machine',
        ),
        (
            "mqtt_json",
            [(S1, AT_FIRST, AT_FIRST + 'names = { S1-L01 = "S1-L02" }\n')],
            "plc-1.names.S1-L01",
            "the PLC would call both S1-L01 and S1-L02 'S1-L02'; "
            "give S1-L01 another name, or write one for S1-L02, too",
        ),
        (
            "telegram",
            [(S1, AT_FIRST, AT_FIRST + 'names = { S1-L01 = "A7", S1-L02 = "A7" }\n')],
            "plc-1.names",
            "S1-L01 and S1-L02 are both 'A7'; give each a name of its own",
        ),
    ],
)
def test_settings_of_plcs(tmp_path: Path, plc: str, changes: list[tuple[str, str, str]], key: str, told: str) -> None:
    """One mistake in the section of a PLC is one message, with what to write."""
    floor = demo_floor.write(tmp_path, 2, 4.0, "mqtt://127.0.0.1:1883", 1, plc=plc, ports=(5020, 5021))
    assert floord("check", floor).exit_code == 0
    for section, old, new in changes:
        before, after = floor.read_text().split(section)
        assert old in after
        floor.write_text(before + section + after.replace(old, new, 1))
    result = floord("check", floor)
    assert result.exit_code == 78
    assert [line.split(": plc.", 1)[1] for line in result.stdout.splitlines()] == [f"{key}: {told}"]


def test_plcs_with_units_of_their_own_share_a_serial_port(tmp_path: Path) -> None:
    floor = demo_floor.write(tmp_path, 2, 4.0, "mqtt://127.0.0.1:1883", 1, plc="modbus-rtu")
    before, after = floor.read_text().split(S2)
    shared = after.replace("tty-plc-2", "tty-plc-1", 1).replace(AT_SECOND, f"{AT_SECOND}unit = 2\n", 1)
    floor.write_text(before + S2 + shared)
    assert floord("check", floor).exit_code == 0, floord("check", floor).output


# --- readers ----------------------------------------------------------------------------------------------------------


def on_one_port(*sections: str) -> str:
    """A floor with these readers on one serial port."""
    port = 'link = "serial:///dev/ttyS90?baud=9600"'
    return FLOOR + "".join(
        f'[point.P{number}]\nkind = "presence"\n[scanner.r-{number}]\n{port}\npoint = "P{number}"\n{section}\n'
        for number, section in enumerate(sections)
    )


@pytest.mark.parametrize("bad", ["framing = 7", "fixed_lengths = 7", 'framing = "cr"', "address = 99"])
def test_readers_on_one_port_one_of_which_is_wrong_are_told_and_no_crash(tmp_path: Path, bad: str) -> None:
    good = 'kind = "keyence_sr"\naddress = 1\nframing = "stx"'
    result = check(tmp_path, on_one_port(good, f'kind = "keyence_sr"\n{bad}'))
    assert result.exit_code == 78
    assert re.search(r"floor\.toml:[0-9]+: scanner\.r-1[:.]", result.output), result.output


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        *((kind, "heartbeat_s = -1.0") for kind in ("dataman", "datalogic", "sick_cola", "zebra_ssi", "mda")),
        *((kind, f"answer_ms = {time}") for kind in ("dataman", "sick_cola", "zebra_ssi") for time in (0.0, -1.0)),
        *((kind, "fixed_lengths = [-1]") for kind in ("line", "dataman", "honeywell", "keyence_sr")),
        ("dataman", "pause_ms = -1.0"),
        ("datalogic", r'terminator = "\u0002"'),
    ],
)
def test_settings_that_cannot_be_are_refused_with_what_to_write(tmp_path: Path, kind: str, setting: str) -> None:
    result = check(tmp_path, on_one_port(f'kind = "{kind}"\n{setting}'))
    assert result.exit_code == 78
    assert re.search(r"floor\.toml:[0-9]+: scanner\.r-0[:.].*write ", result.output), result.output
