"""The floor file: a good one is read as it is meant; a bad one is refused with file, line, key and what to write."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from controller.config import SECTIONS, Config, ConfigErrors, Problem, load, read
from controller.identity_section import IdentitySection
from controller.sections import Ask, Broker, Customs, Head, Promise, Switch

DOCS = Path(__file__).parents[1] / "docs" / "configuration.md"

FLOOR = """\
site = "lgg"
node = "sorter-a"
mode = "test"
state_dir = "state"
plan = "plan.toml"
[broker]
url = "mqtt://127.0.0.1:1883"
password_file = "broker.pw"
[line.S1]
kind = "line"
speed_mm_s = 2500
length_mm = 24000
default_lane = "S1-EX"
[point.S1-IND]
line = "S1"
position_mm = 0
induction = true
[point.S1-T1]
line = "S1"
position_mm = 1200
[point.S1-DEC]
line = "S1"
position_mm = 2000
decision = true
[point.DOCK]
kind = "presence"
[lane.S1-L01]
line = "S1"
position_mm = 5000
capacity = 40
[lane.S1-EX]
line = "S1"
position_mm = 22000
roles = ["exception"]
supervised = true
[scanner.tunnel-1]
kind = "line"
link = "tcp://127.0.0.1:2112"
point = "S1-T1"
prefix = "\\u0002"
suffix = "\\u0003"
[plc.s1]
kind = "telegram"
link = "serial:///dev/hubfloor-none?baud=57600"
line = "S1"
plc = "PLC1"
controller = "HUB"
[stub.s1]
anything = 1
"""

LOOP = """
[line.LP]
kind = "loop"
speed_mm_s = 2000
length_mm = 90000
default_lane = "LP-EX"
[point.LP-DEC]
line = "LP"
position_mm = 60000
decision = true
[point.LP-T1]
line = "LP"
position_mm = 59000
[lane.LP-EX]
line = "LP"
position_mm = 100
supervised = true
[scanner.tunnel-lp]
kind = "line"
link = "tcp://tunnel-lp:2112"
point = "LP-T1"
check = "s10"
[plc.lp]
kind = "telegram"
link = "tcp://plc-lp:2000"
line = "LP"
plc = "PLC2"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "floor.toml"
    path.write_text(text)
    (folder / "broker.pw").write_text("geheim\n")
    (folder / "broker.pw").chmod(0o600)
    return path


def problems(folder: Path, text: str) -> list[Problem]:
    with pytest.raises(ConfigErrors) as caught:
        load(write(folder, text))
    return caught.value.problems


def changed(old: str, new: str, text: str = FLOOR) -> tuple[str, int]:
    """The text with its one `old` replaced, and the line where that was."""
    assert text.count(old) == 1, old
    return text.replace(old, new), text[: text.index(old)].count("\n") + 1


def place_of(part: str, text: str = FLOOR) -> int:
    """The line of the one `part`."""
    return changed(part, "", text)[1]


def test_a_good_floor(tmp_path: Path) -> None:
    config = load(write(tmp_path, FLOOR))
    assert isinstance(config, Config)
    assert (config.site, config.node, config.mode) == ("lgg", "sorter-a", "test")
    assert (config.state_dir, config.plan) == (tmp_path / "state", tmp_path / "plan.toml")
    assert config.broker.password_file == tmp_path / "broker.pw"
    assert config.broker.url == ("mqtt://127.0.0.1:1883",)
    assert config.broker.keepalive_s == 5
    assert config.customs.stale_s == 60
    assert config.customs.feed
    assert config.line["S1"].margin_ms == 50
    assert config.point["DOCK"].line is None
    assert config.lane["S1-L01"].roles == ("sort",)
    assert config.lane["S1-EX"].supervised
    assert config.scanner["tunnel-1"].window_mm == 80
    assert config.scanner["tunnel-1"].settings.prefix == "\u0002"
    assert config.plc["s1"].settings.plc == "PLC1"


def test_the_documents_example_is_good(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    config = load(write(tmp_path, blocks[0] + blocks[1]))
    assert set(config.lane) == {"S1-L01", "S1-L02", "S1-EX"}
    assert [switch.wave for switch in config.switch] == ["w1", "w2"]


@pytest.mark.parametrize("section", [*SECTIONS.values(), Head, Broker, Customs, Promise, Ask, IdentitySection, Switch])
def test_the_documents_table_has_every_key(section: type[BaseModel]) -> None:
    keys = [set(re.findall("`([a-z_]+)`", line.split("|")[1])) for line in DOCS.read_text().splitlines() if "|" in line]
    assert set(section.model_fields) - {"settings"} <= set().union(*keys)


def test_the_documents_loop_is_good(tmp_path: Path) -> None:
    [block] = re.findall(r"```\n(\[line\.LP\].*?)```", DOCS.read_text(), re.DOTALL)
    line = load(write(tmp_path, FLOOR + block + LOOP.replace('[line.LP]\nkind = "loop"\n', ""))).line["LP"]
    assert (line.carriers, line.load_max, line.on_late) == (150, 130, "next_lap")


MORE = """\
time_zone = "Europe/Brussels"
plans = ["night.toml", "/etc/hub/late.toml"]
"""
TABLES = """\
[promise]
hours = 48
[ask]
wait_ms = 300
[[switch]]
at = "22:00"
plan = "night"
days = ["mon", "tue"]
[[switch]]
at = "06:00"
plan = "day"
wave = "w2"
"""


def test_times_plans_and_promises(tmp_path: Path) -> None:
    config = load(write(tmp_path, MORE + FLOOR + TABLES))
    assert config.time_zone == "Europe/Brussels"
    assert config.plans == (tmp_path / "night.toml", Path("/etc/hub/late.toml"))
    assert (config.promise.hours, config.promise.slack_min, config.ask.wait_ms) == (48, 30, 300)
    night, day = config.switch
    assert (night.at, night.plan, night.wave, night.days) == ("22:00", "night", None, ("mon", "tue"))
    assert (day.at, day.plan, day.wave, len(day.days)) == ("06:00", "day", "w2", 7)
    plain = load(write(tmp_path, FLOOR))
    assert (plain.time_zone, plain.plans, plain.switch) == ("UTC", (), ())
    assert (plain.promise.hours, plain.ask.wait_ms) == (72, 0)


def test_two_switches_at_one_moment(tmp_path: Path) -> None:
    text, line = changed('at = "06:00"', 'days = ["sat", "tue"]\nat = "22:00"', FLOOR + TABLES)
    [problem] = problems(tmp_path, text)
    assert (problem.line, problem.key) == (line + 1, "switch.2.at")
    assert problem.what == "22:00 on tue is the moment of switch 1, too"
    load(write(tmp_path, text.replace('"sat", "tue"', '"sat", "sun"')))


def test_a_loop_with_carriers(tmp_path: Path) -> None:
    loop, _ = changed('kind = "loop"\n', 'kind = "loop"\ncarriers = 150\nload_max = 120\non_late = "next_lap"\n', LOOP)
    loop, _ = changed('point = "LP-T1"\n', 'point = "LP-T1"\nmatch = "carrier"\n', loop)
    config = load(write(tmp_path, FLOOR + loop))
    assert (config.line["LP"].carriers, config.scanner["tunnel-lp"].match) == (150, "carrier")
    [problem] = problems(tmp_path, FLOOR + changed("load_max = 120", "load_max = 151", loop)[0])
    assert (problem.key, problem.instead) == ("line.LP.load_max", "write at most 150")
    [problem] = problems(tmp_path, FLOOR + changed("carriers = 150\nload_max = 120", "", loop)[0])
    assert (problem.key, problem.what) == ("scanner.tunnel-lp.match", "cannot be carrier: line LP has none")


def test_a_loop_without_a_reader(tmp_path: Path) -> None:
    [problem] = problems(tmp_path, FLOOR + LOOP[: LOOP.index("[scanner")] + LOOP[LOOP.index("[plc") :])
    assert (problem.key, problem.what) == ("line.LP", "is a loop without a reader: what comes round unknown stays so")
    found = problems(tmp_path, FLOOR + changed("decision = true", "decision = false", LOOP)[0])
    assert [(problem.key, problem.what) for problem in found] == [("line.LP", "has no decision point")]


def test_a_line_may_have_several_inductions(tmp_path: Path) -> None:
    load(write(tmp_path, FLOOR + '[point.S1-IN2]\nline = "S1"\nposition_mm = 1800\ninduction = true\n'))


def test_a_config_cannot_be_changed(tmp_path: Path) -> None:
    config = load(write(tmp_path, FLOOR))
    with pytest.raises(ValueError, match="frozen"):
        config.line["S1"].speed_mm_s = 1  # type: ignore[misc]


def test_on_a_loop_everything_comes_round(tmp_path: Path) -> None:
    assert load(write(tmp_path, FLOOR + LOOP)).line["LP"].kind == "loop"


WRONG = [
    # misspelt keys, at every level
    ("site = ", "sit = ", "sit", "unknown key", "did you mean 'site'?"),
    ("[customs]", "[custom]", "custom", "unknown key", "did you mean 'customs'?"),
    ("password_file", "passwrd_file", "broker.passwrd_file", "unknown key", "did you mean 'password_file'?"),
    ("capacity", "capasity", "lane.S1-L01.capasity", "unknown key", "did you mean 'capacity'?"),
    ("prefix", "prefx", "scanner.tunnel-1.prefx", "unknown key", "did you mean 'prefix'?"),
    ("controller", "controler", "plc.s1.controler", "unknown key", "did you mean 'controller'?"),
    ('point = "S1-T1"', 'point = "S1-T1"\nWindow_mm = 1', "scanner.tunnel-1.Window_mm", "unknown key", "'window_mm'"),
    ("[scanner.tunnel-1]", "[scaner.tunnel-1]", "scaner", "unknown key", "did you mean 'scanner'?"),
    # secrets
    ("password_file =", "password =", "broker.password", "secrets do not stand here", "password_file"),
    ('"mqtt://127', '"mqtt://me:secret@127', "broker.url", "no name or password in the url", "password_file"),
    # wrong types and values
    ("speed_mm_s = 2500", 'speed_mm_s = "2500"', "line.S1.speed_mm_s", 'must be a whole number, not "2500"', "2500"),
    ("speed_mm_s = 2500", 'speed_mm_s = "25oo"', "line.S1.speed_mm_s", "whole number", "write a number without quotes"),
    ("speed_mm_s = 2500", 'speed_mm_s = "2500 mm/s"', "line.S1.speed_mm_s", "whole number", "write 2500"),
    ("speed_mm_s = 2500", "speed_mm_s = 2500.5", "line.S1.speed_mm_s", "must be a whole number, not 2500.5", ""),
    ("speed_mm_s = 2500", "speed_mm_s = 0", "line.S1.speed_mm_s", "greater than or equal to 1", ""),
    ("supervised = true", 'supervised = "yes"', "lane.S1-EX.supervised", "must be true or false", "without quotes"),
    ('["exception"]', '"exception"', "lane.S1-EX.roles", 'must be a list, not "exception"', 'write ["exception"]'),
    ('["exception"]', '["exeption"]', "lane.S1-EX.roles", 'cannot be "exeption"', "did you mean 'exception'?"),
    ('site = "lgg"', "site = 5", "site", "must be a text in quotes, not 5", 'write "5"'),
    ('site = "lgg"', "site = 2026-11-23", "site", "no date", "quotes"),
    ('kind = "line"\nspeed', 'kind = "lop"\nspeed', "line.S1.kind", 'cannot be "lop"', "did you mean 'loop'?"),
    ('mode = "test"', 'mode = "prod"', "mode", 'cannot be "prod"', "production"),
    ('prefix = "\\u0002"', "prefix = 2", "scanner.tunnel-1.prefix", "must be a text in quotes, not 2", 'write "2"'),
    ('"mqtt://127.0.0.1:1883"', '"127.0.0.1"', "broker.url", "is no broker", 'write "mqtt://host:1883"'),
    ('"mqtt://127.0.0.1:1883"', '["mqtt://a", "b"]', "broker.url", '"b" is no broker', 'write "mqtt://host:1883"'),
    ('"mqtt://127.0.0.1:1883"', '["mqtt://a", "mqtt://a"]', "broker.url", "stands in it twice", "each once"),
    ('"mqtt://127.0.0.1:1883"', "[]", "broker.url", "one broker or up to 16", '["mqtt://a", "mqtt://b"]'),
    ('"mqtt://127.0.0.1:1883"', "1883", "broker.url", "one broker or up to 16", "write"),
    ('"mqtt://127.0.0.1:1883"', '["mqtt://a", 5]', "broker.url", "must be a text in quotes, not 5", ""),
    ("password_file =", "cert_file =", "broker.cert_file", "of no use alone", "write key_file = …, too"),
    ("password_file =", "key_file =", "broker.key_file", "of no use alone", "write cert_file = …, too"),
    ('"broker.pw"', '"nobody.pw"', "broker.password_file", "nobody.pw: no such file", "put it there"),
    ('"broker.pw"', '"."', "broker.password_file", "is no file", "its path"),
    (
        'point = "S1-T1"',
        'point = "S1-T1"\nca_file = "a"',
        "scanner.tunnel-1.ca_file",
        "a: no such file",
        "put it there",
    ),
    ('plan = "plan.toml"', 'plan = ""', "plan", "is no file", "write its path"),
    ('plan = "plan.toml"', 'plan = "a\\u0000b"', "plan", "is no file", "write its path"),
    # ids
    ('site = "lgg"', 'site = "l g"', "site", "cannot be an id", "1 to 64 of"),
    ("[line.S1]", "[line.S1234]", "line.S1234", "cannot be an id", "1 to 4 of A-Z"),
    ("[point.DOCK]", "[point.dock]", "point.dock", "cannot be an id", "1 to 12 of A-Z"),
    ("[lane.S1-L01]", '[lane."S1 01"]', 'lane."S1 01"', "cannot be an id", "1 to 12 of A-Z"),
    ("[point.DOCK]", "[point.LINE]", "point.LINE", "LINE means the line itself", "another id"),
    ("[lane.S1-L01]", "[lane.S1-T1]", "lane.S1-T1", "a point has this id too", "another id"),
    ("[plc.s1]", "[plc.tunnel-1]", "plc.tunnel-1", "a scanner has this id too", "another id"),
    # names that are not there
    (
        'line = "S1"\nposition_mm = 5000',
        'line = "S11"\nposition_mm = 5000',
        "lane.S1-L01.line",
        "no line 'S11'",
        "'S1'",
    ),
    ('point = "S1-T1"', 'point = "S1-T2"', "scanner.tunnel-1.point", "no point 'S1-T2'", "did you mean 'S1-T1'?"),
    ('line = "S1"\nplc', 'line = "X9"\nplc', "plc.s1.line", "no line 'X9'", "lines are: S1"),
    ('default_lane = "S1-EX"', 'default_lane = "S1-EXC"', "line.S1.default_lane", "no lane 'S1-EXC'", "'S1-EX'?"),
    (
        'kind = "line"\nlink',
        'kind = "lines"\nlink',
        "scanner.tunnel-1.kind",
        "unknown kind",
        "did you mean 'line' (any scanner",
    ),
    (
        'kind = "line"\nlink',
        'kind = "CLV"\nlink',
        "scanner.tunnel-1.kind",
        "unknown kind",
        "mean 'sick_cola' (SICK CLV6",
    ),
    ('kind = "line"\nlink', 'kind = "opticon"\nlink', "scanner.tunnel-1.kind", "unknown kind", "known kinds are: "),
    ('kind = "line"\nlink', 'kind = "telegram"\nlink', "scanner.tunnel-1.kind", "of the family plcs", "line"),
    # links
    ('"tcp://127.0.0.1:2112"', '"127.0.0.1:2112"', "scanner.tunnel-1.link", "127.0.0.1:2112", "tcp://"),
    # geometry
    ("position_mm = 22000", "position_mm = 25000", "lane.S1-EX.position_mm", "behind the end of line S1", "24000"),
    ("position_mm = 1200", "position_mm = 22500", "scanner.tunnel-1.point", "behind the last gate", "before the gates"),
    ("position_mm = 2000\n", "position_mm = 6000\n", "point.S1-DEC.position_mm", "S1-L01 at 5000 mm", "less than 5000"),
    ("position_mm = 2000\n", "position_mm = 23000\n", "point.S1-DEC.position_mm", "behind the last gate", ""),
    ("position_mm = 0\n", "position_mm = 1500\n", "scanner.tunnel-1.point", "before the first induction", ""),
    ("decision = true", "decision = false", "line.S1", "has no decision point", "decision = true"),
    ('kind = "presence"', 'kind = "tracked"', "point.DOCK.position_mm", "missing", "presence"),
    ('kind = "presence"', 'kind = "presence"\ndecision = true', "point.DOCK.decision", "presence point", ""),
    # what only loops have
    ("length_mm = 24000", "length_mm = 24000\ncarriers = 9", "line.S1.carriers", "only a loop has it", 'kind = "loop"'),
    ("length_mm = 24000", "length_mm = 24000\nlaps_max = 2", "line.S1.laps_max", "only a loop has it", ""),
    ("length_mm = 24000", "length_mm = 24000\nlaps_unknown = 2", "line.S1.laps_unknown", "only a loop has it", ""),
    ("length_mm = 24000", "length_mm = 24000\nload_max = 5", "line.S1.load_max", "only a loop has it", ""),
    ("length_mm = 24000", 'length_mm = 24000\non_late = "next_lap"', "line.S1.on_late", "next_lap", '"fallback"'),
    # ways to match
    ('point = "S1-T1"', 'point = "S1-T1"\nmatch = "indx"', "scanner.tunnel-1.match", "cannot be", "'index'?"),
    ('point = "S1-T1"', 'point = "S1-T1"\nmatch = "index"', "scanner.tunnel-1.match", "cannot be index", "write"),
    ('point = "S1-T1"', 'point = "S1-T1"\nmatch = "carrier"', "scanner.tunnel-1.match", "line S1 has none", "a loop"),
    ('point = "S1-T1"', 'point = "S1-T1"\nmatch = "encoder"', "scanner.tunnel-1.match", "says of none", "encoder_um"),
    ('point = "S1-T1"', 'point = "DOCK"\nmatch = "index"', "scanner.tunnel-1.match", "DOCK is a presence", "away"),
    # lanes
    ("capacity = 40", 'leads_to = "S2"', "lane.S1-L01.leads_to", "no line 'S2'", "lines are: S1"),
    ("capacity = 40", 'leads_to = "S1"', "lane.S1-L01.leads_to", "S1-L01 is a lane of line S1 itself", "another line"),
    (
        "supervised = true",
        "supervised = true\nsecure = true",
        "lane.S1-EX.secure",
        "the default lane of line S1",
        "away",
    ),
    ("capacity = 40", 'goods = "dg"', "lane.S1-L01.goods", "must be a list", 'write ["dg"]'),
    # times
    ('mode = "test"', 'mode = "test"\ntime_zone = "Europe/Brusels"', "time_zone", "no time zone", "'Europe/Brussels'?"),
    ('mode = "test"', 'mode = "test"\ntime_zone = "nowhere at all"', "time_zone", "no time zone", "tz database"),
    ('mode = "test"', 'mode = "test"\nplans = "x.toml"', "plans", "must be a list", 'write ["x.toml"]'),
    ('mode = "test"', 'mode = "test"\nplans = [""]', "plans", "is no file", "write its path"),
    ("[stub.s1]", "[ask]\nwait = 5\n[stub.s1]", "ask.wait", "unknown key", "did you mean 'wait_ms'?"),
    ("[stub.s1]", "[promise]\nhours = 0\n[stub.s1]", "promise.hours", "greater than or equal to 1", ""),
    ("[stub.s1]", '[switch]\nat = "22:00"\n[stub.s1]', "switch", "must be a list of tables", "write [[switch]]"),
    (
        "[stub.s1]",
        '[[switch]]\nat = "22:60"\nplan = "day"\n[stub.s1]',
        "switch.1.at",
        'cannot be "22:60"',
        "allowed is",
    ),
    ("[stub.s1]", '[[switch]]\nat = "22:00"\n[stub.s1]', "switch.1.plan", "missing", "write plan"),
    ("[stub.s1]", '[[switch]]\nat = "22:00"\nplan = "a"\ndays = ["mo"]\n[stub.s1]', "switch.1.days", '"mo"', "'mon'?"),
    ("[stub.s1]", '[[switch]]\nat = "22:00"\nplan = "a"\ndays = []\n[stub.s1]', "switch.1.days", "at least 1", ""),
]


@pytest.mark.parametrize(("old", "new", "key", "what", "instead"), WRONG)
def test_a_wrong_floor(tmp_path: Path, old: str, new: str, key: str, what: str, instead: str) -> None:
    text = FLOOR if old != "[customs]" else FLOOR.replace("[stub.s1]", "[customs]\nstale_s = 9\n[stub.s1]")
    text, _ = changed(old, new, text)
    found = problems(tmp_path, text)
    assert [problem for problem in found if problem.key == key], list(map(str, found))
    [problem] = [problem for problem in found if problem.key == key and what in problem.what]
    assert problem.file == str(tmp_path / "floor.toml")
    assert instead in problem.instead
    name = next(part for part in reversed(key.split(".")) if not part.isdigit()).strip('"')
    block = text.splitlines()
    assert name in block[problem.line - 1] or block[problem.line - 1].startswith("["), block[problem.line - 1]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("prefix", "prefx", "scanner.tunnel-1.prefx: unknown key; did you mean 'prefix'?"),
        ("capacity = 40", 'capacity = "40"', 'lane.S1-L01.capacity: must be a whole number, not "40"; write 40'),
    ],
)
def test_the_text_of_a_problem(tmp_path: Path, old: str, new: str, told: str) -> None:
    text, line = changed(old, new)
    assert list(map(str, problems(tmp_path, text))) == [f"{tmp_path / 'floor.toml'}:{line}: {told}"]


@pytest.mark.parametrize("key", ["site", "node", "mode", "state_dir", "plan", "speed_mm_s", "default_lane", "url"])
def test_a_missing_key_is_told_once_where_it_belongs(tmp_path: Path, key: str) -> None:
    text = "\n".join(line for line in FLOOR.splitlines() if not line.startswith(f"{key} = "))
    assert [(problem.key.rpartition(".")[2], problem.what) for problem in problems(tmp_path, text)] == [
        (key, "missing")
    ]


def test_a_misspelt_key_is_not_missing_too(tmp_path: Path) -> None:
    text, line = changed("default_lane", "default_lan")
    assert [(problem.line, problem.key) for problem in problems(tmp_path, text)] == [(line, "line.S1.default_lan")]


def test_a_table_that_is_none(tmp_path: Path) -> None:
    found = problems(tmp_path, "line = 5\ncustoms = 1\n" + FLOOR.replace("[line.S1]", "[stub.x]"))
    assert {"line": "write [line.ID]", "customs": "write [customs]"}.items() <= {
        p.key: p.instead for p in found
    }.items()


def test_a_port_used_twice(tmp_path: Path) -> None:
    other = '[scanner.two]\nkind = "line"\nlink = "tcp://127.0.0.1:2112"\npoint = "S1-T1"\ncheck = "s10"\n'
    [problem] = problems(tmp_path, FLOOR + other)
    assert (problem.line, problem.key) == (FLOOR.count("\n") + 3, "scanner.two.link")
    assert problem.what == f"127.0.0.1:2112 is used by scanner.tunnel-1 (line {place_of('tcp://')}) too"


def test_two_names_of_one_device_are_one_port(tmp_path: Path) -> None:
    (tmp_path / "device").touch()
    (tmp_path / "by-id").symlink_to(tmp_path / "device")
    text, _ = changed("tcp://127.0.0.1:2112", f"serial://{tmp_path}/by-id?baud=9600")
    text, line = changed("serial:///dev/hubfloor-none?baud=57600", f"serial://{tmp_path}/device", text)
    [problem] = problems(tmp_path, text)
    assert (problem.line, problem.key) == (line, "plc.s1.link")


def test_a_line_that_eats_bytes_is_refused_for_a_scanner_that_sends_any_byte(tmp_path: Path) -> None:
    ssi = '[scanner.two]\nkind = "zebra_ssi"\nlink = "usb://05e0:1701?flow=xonxoff"\npoint = "S1-T1"\n'
    [problem] = problems(tmp_path, FLOOR + ssi)
    assert (problem.line, problem.key) == (FLOOR.count("\n") + 3, "scanner.two.link")
    assert "takes the bytes 11 and 13 out of what it says" in problem.what


def test_one_usb_name_is_one_port_also_where_it_is_not_plugged_in(tmp_path: Path) -> None:
    text, _ = changed("tcp://127.0.0.1:2112", "usb://FFFF:6001:made-up")
    text, line = changed("serial:///dev/hubfloor-none?baud=57600", "usb://ffff:6001:made-up?baud=57600", text)
    [problem] = problems(tmp_path, text)
    assert (problem.line, problem.key) == (line, "plc.s1.link")
    assert problem.what.startswith("usb://ffff:6001:made-up is used by scanner.tunnel-1")


def test_a_line_has_one_plc(tmp_path: Path) -> None:
    second = '[plc.s2]\nkind = "telegram"\nlink = "tcp://other:1"\nline = "S1"\nplc = "PLC2"\n'
    [problem] = problems(tmp_path, FLOOR + second)
    assert (problem.key, problem.what) == ("plc.s2.line", "line S1 has plc.s1 already")
    [problem] = problems(tmp_path, FLOOR[: FLOOR.index("[plc.s1]")])
    assert (problem.line, problem.key, problem.what) == (9, "line.S1", "has no PLC")


def test_a_default_lane_of_another_line(tmp_path: Path) -> None:
    text, line = changed('default_lane = "LP-EX"', 'default_lane = "S1-EX"', FLOOR + LOOP)
    [problem] = problems(tmp_path, text)
    assert (problem.line, problem.what) == (line, "S1-EX is a lane of line S1")
    assert problem.instead == "lanes of line LP are: LP-EX"


def test_a_driver_that_refuses_its_settings(tmp_path: Path) -> None:
    text, line = changed('"PLC1"', '"PLC-ONE"')
    [problem] = problems(tmp_path, text)
    assert (problem.line, problem.key, problem.what) == (line, "plc.s1.plc", "cannot be 'PLC-ONE'")
    assert problem.instead.startswith("write 1 to 4 characters")


# --- files that are none


@pytest.mark.parametrize(
    ("raw", "line", "what"),
    [
        (b"site = 'x'\nnode = \n", 2, "not TOML"),
        (b"[line.S1]\n[line.S1]\n", 2, "[line.S1] stands twice, first in line 1"),
        (b"site = 'x'\nnode = '\xff'\n", 2, "not UTF-8"),
        (b"\xef\xbb\xbfsite = 'x'\n", 1, "byte-order mark"),
        (b"x = " + b"[" * 100_000, 0, "nested too deeply"),
        (b"x = " + b"9" * 5000, 0, "not TOML"),
        (b"x = [1,", 0, "at the end of the file"),
    ],
)
def test_a_file_that_is_not_toml(tmp_path: Path, raw: bytes, line: int, what: str) -> None:
    (tmp_path / "floor.toml").write_bytes(raw)
    [problem] = read(tmp_path / "floor.toml").sheet.problems
    assert problem.line == line
    assert what in problem.what


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"none\.toml: no such file or directory; give a TOML file"):
        load(tmp_path / "none.toml")
    with pytest.raises(ConfigErrors, match="not a file"):
        load(tmp_path)


@given(st.data())
def test_a_damaged_floor_never_crashes(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    lines = FLOOR.splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at] = data.draw(
        st.sampled_from(["", lines[at] + "x", lines[at][1:], "x = 0x" + "f" * 5000, "kind = [1]", "[lane.S1-EX.x]"])
        | st.text(st.characters(codec="utf-8"), max_size=20)
    )
    path = write(tmp_path_factory.getbasetemp(), "\n".join(lines))
    floor = read(path)
    assert (floor.config is None) == bool(floor.sheet.problems)
    assert all(0 <= problem.line <= len(lines) + 20 for problem in floor.sheet.problems)


def test_problems_pass_from_process_to_process_as_they_are() -> None:
    errors = ConfigErrors([Problem("floor.toml", 3, "line.S1", "what is wrong; what to write")])
    again = pickle.loads(pickle.dumps(errors))
    assert (again.problems, str(again)) == (errors.problems, str(errors))


def test_a_scanner_whose_results_come_late_without_a_sign_stands_at_no_belt(tmp_path: Path) -> None:
    tunnel = FLOOR[FLOOR.index("[scanner.tunnel-1]") :].split("\n[")[0]
    made = '[scanner.tunnel-1]\nkind = "honeywell"\nlink = "serial:///dev/h"\npoint = "S1-T1"\ncode_id = "aim"\n'
    assert load(write(tmp_path, FLOOR.replace(tunnel, made))).scanner["tunnel-1"].kind == "honeywell"
    [problem] = problems(tmp_path, FLOOR.replace(tunnel, f'{made}ack = "acknak"\n'))
    assert (problem.key, problem.instead) == ("scanner.tunnel-1", 'write ack = "none" at a belt')
    assert "comes late" in problem.what
