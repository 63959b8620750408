"""The sort plan: the first rule that fits, the lanes of a line, and what a plan is refused for."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import ValidationError

from controller.advice import Advice
from controller.config import Config, load
from controller.plan import Plan, destination, destinations, lanes, load_plan, plan_of_text, read_plan, shares, spread
from controller.plan_rules import Rule
from controller.plans import load_floor
from controller.sheet import ConfigErrors, Problem
from tests.test_config import DOCS, FLOOR, LOOP, changed, write

PLAN = """\
plan = "day"
version = "2026-11-23.1"
wave = "w1"
[[rule]]
country = "DE"
postcode = "1"
flow = "import"
destination = "DE-1"
[[rule]]
country = "DE"
destination = "DE"
[[rule]]
product = "express"
destination = "FAST"
[[rule]]
postcode = "sw1 a"
destination = "GB"
[[rule]]
destination = "REST"
[special]
held = "BOND"
unknown = "EXC"
no_read = "EXC"
overflow = "OVER"
[waves.w1]
DE-1 = ["S1-L01", "LP-L1", "S1-EX"]
DE = ["S1-L01"]
FAST = ["S1-L01"]
GB = ["LP-L1"]
REST = ["S1-L01"]
BOND = ["S1-EX", "LP-EX"]
EXC = ["S1-EX"]
OVER = ["S1-EX"]
[waves.night]
REST = ["S1-L01"]
"""
LP_L1 = '[lane.LP-L1]\nline = "LP"\nposition_mm = 80000\n'


@dataclass(frozen=True)
class Parcel:
    country: str | None = None
    postcode: str | None = None
    flow: str | None = None
    product: str | None = None


@pytest.fixture
def floor(tmp_path: Path) -> Config:
    return load(write(tmp_path, FLOOR + LOOP + LP_L1))


def planned(floor: Config, text: str = PLAN) -> Plan:
    floor.plan.write_text(text)
    return load_plan(floor.plan, floor)


def problems(floor: Config, text: str) -> list[Problem]:
    with pytest.raises(ConfigErrors) as caught:
        planned(floor, text)
    return caught.value.problems


@pytest.mark.parametrize(
    ("parcel", "target", "rule"),
    [
        (Parcel("DE", "10115", "import"), "DE-1", "rule 1: DE 1* import"),
        (Parcel("DE", "10115", "export"), "DE", "rule 2: DE"),
        (Parcel("DE", "10115"), "DE", "rule 2: DE"),
        (Parcel("DE", None, "import"), "DE", "rule 2: DE"),
        (Parcel("DE", "20095", "import", "express"), "DE", "rule 2: DE"),
        (Parcel("FR", "10115", "import", "express"), "FAST", "rule 3: express"),
        (Parcel("GB", "SW1A 1AA"), "GB", "rule 4: SW1A*"),
        (Parcel(None, "SW1"), "REST", "rule 5: everything"),
        (Parcel(), "REST", "rule 5: everything"),
        (Advice(parcel="p", country="DE", postcode="1", flow="import"), "DE-1", "rule 1: DE 1* import"),
    ],
)
def test_the_first_rule_that_fits(floor: Config, parcel: Parcel, target: str, rule: str) -> None:
    assert destination(planned(floor), parcel) == (target, rule)


def test_a_rule_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(Rule(destination="DE"), "destination", "FR")  # noqa: B010


def test_where_no_rule_fits(floor: Config) -> None:
    plan = planned(floor, changed('[[rule]]\ndestination = "REST"\n', "", PLAN)[0])
    assert destination(plan, Parcel("FR")) == ("EXC", "no rule fits")


def test_lanes_of_a_line_in_the_plans_order(floor: Config) -> None:
    plan = planned(floor)
    assert lanes(plan, "DE-1", "S1") == ("S1-L01", "S1-EX")
    assert lanes(plan, "DE-1", "LP") == ("LP-L1",)
    assert lanes(plan, "GB", "S1") == ()
    assert lanes(plan, "NONE", "S1") == ()


def test_the_wave_in_force_counts(floor: Config) -> None:
    text = (
        PLAN.replace('wave = "w1"', 'wave = "w2"')
        + "[waves.w2]\n"
        + PLAN[PLAN.index("DE-1 =") : PLAN.index("[waves.n")]
    )
    plan = planned(floor, text.replace('GB = ["LP-L1"]', 'GB = ["S1-L01"]'))
    assert lanes(plan, "GB", "S1") == ("S1-L01",)


WAVE = "[waves.w2]\n" + PLAN[PLAN.index("DE-1 =") : PLAN.index("[waves.n")].replace('GB = ["LP-L1"]', 'GB = ["S1-L01"]')


def test_a_plan_in_another_wave_is_another_plan(floor: Config) -> None:
    plan = planned(floor, PLAN + WAVE)
    other = plan.in_wave("w2")
    assert (plan.wave, other.wave) == ("w1", "w2")
    assert (lanes(plan, "GB", "S1"), lanes(other, "GB", "S1")) == ((), ("S1-L01",))
    assert (lanes(plan, "GB", "LP"), lanes(other, "GB", "LP")) == (("LP-L1",), ())
    assert destination(other, Parcel("DE")) == ("DE", "rule 2: DE")
    assert other.in_wave("w1") == plan
    assert plan.in_wave("w1") is plan


@pytest.mark.parametrize(
    ("wave", "told"),
    [
        ("w3", "plan day has no wave 'w3'; waves are: night, w1, w2"),
        (
            "night",
            "wave night of plan day has no lanes for DE-1, DE, FAST, GB, BOND, EXC, …; "
            'write DE-1 = ["LANE"] in [waves.night]',
        ),
    ],
)
def test_a_wave_that_cannot_be_in_force(floor: Config, wave: str, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        planned(floor, PLAN + WAVE).in_wave(wave)


@pytest.mark.parametrize(
    ("there", "told"), [("DE", "DE-1, FAST, GB, BOND, EXC, OVER;"), ("EXC", "DE-1, DE, FAST, GB, BOND, OVER;")]
)
def test_six_of_what_is_missing_are_named(floor: Config, there: str, told: str) -> None:
    plan = planned(floor, PLAN + f'{there} = ["S1-EX"]\n')
    with pytest.raises(ValueError, match=re.escape(f"has no lanes for {told}")):
        plan.in_wave("night")


def test_a_wave_needs_lanes_for_what_else_a_rule_allows(floor: Config) -> None:
    text = changed('destination = "GB"', 'destination = "GB"\nalso = ["REST", "XTRA"]', PLAN)[0]
    text = text.replace("GB = [", 'XTRA = ["S1-L01"]\nGB = [') + WAVE
    with pytest.raises(ValueError, match=r"wave w2 of plan day has no lanes for XTRA; write XTRA ="):
        planned(floor, text).in_wave("w2")


def test_what_else_a_rule_allows_in_order(floor: Config) -> None:
    plan = planned(floor, changed('destination = "GB"', 'destination = "GB"\nalso = ["REST", "GB", "DE"]', PLAN)[0])
    assert destinations(plan, Parcel("GB", "SW1A")) == (("GB", "REST", "DE"), "rule 4: SW1A*")
    assert destinations(plan, Parcel("DE")) == (("DE",), "rule 2: DE")
    assert destination(plan, Parcel("GB", "SW1A")) == ("GB", "rule 4: SW1A*")


def test_a_rule_with_nothing_but_destinations_fits_everything(floor: Config) -> None:
    text, _ = changed('product = "express"\n', 'also = ["DE"]\n', PLAN)
    assert [problem.key for problem in problems(floor, text)] == ["rule.4"]


def test_shares_of_the_lanes_of_a_line(floor: Config) -> None:
    text, _ = changed('DE-1 = ["S1-L01", "LP-L1", "S1-EX"]', 'DE-1 = ["S1-L01:3", "LP-L1:2", "S1-EX"]', PLAN)
    plan = planned(floor, text)
    assert lanes(plan, "DE-1", "S1") == ("S1-L01", "S1-EX")
    assert shares(plan, "DE-1", "S1") == {"S1-L01": 3}
    assert shares(plan, "DE-1", "LP") == {"LP-L1": 2}
    assert shares(plan, "DE", "S1") == {}
    assert shares(plan, "NONE", "S1") == {}
    assert plan.waves["w1"]["DE-1"] == ("S1-L01", "LP-L1", "S1-EX")


@pytest.mark.parametrize(
    ("share", "given", "order"),
    [
        ({}, {}, "ABC"),
        ({}, {"A": 9}, "ABC"),
        ({"A": 3, "B": 1}, {}, "ABC"),
        ({"A": 3, "B": 1}, {"A": 2}, "ABC"),
        ({"A": 3, "B": 1}, {"A": 3}, "BAC"),
        ({"A": 3, "B": 1}, {"A": 3, "B": 1}, "ABC"),
        ({"C": 1}, {"C": 50}, "CAB"),
        ({"A": 1, "B": 1, "C": 1}, {"A": 1, "B": 1}, "CAB"),
    ],
)
def test_whose_turn_it_is(share: dict[str, int], given: dict[str, int], order: str) -> None:
    assert spread("ABC", share, given) == tuple(order)


def test_parcels_are_spread_as_the_shares_say() -> None:
    given = {"A": 0, "B": 0, "C": 0}
    for number in range(1, 601):
        given[spread("ABC", {"A": 3, "B": 2, "C": 1}, given)[0]] += 1
        for lane, share in (("A", 3), ("B", 2), ("C", 1)):
            assert abs(given[lane] - number * share / 6) <= 1
    assert given == {"A": 300, "B": 200, "C": 100}


def test_a_plan_of_a_text_is_checked_as_a_file_is(floor: Config) -> None:
    assert plan_of_text(PLAN, "plan day", floor) == planned(floor)
    wrong, line = changed('OVER = ["S1-EX"]', 'OVER = ["S1-L01"]', PLAN)
    with pytest.raises(ConfigErrors) as caught:
        plan_of_text(wrong, "plan day of the centre", floor)
    [problem] = caught.value.problems
    assert (problem.file, problem.line, problem.key) == ("plan day of the centre", line, "waves.w1.OVER")
    assert "S1-L01 is not supervised" in problem.what


@pytest.mark.parametrize("text", ["", "plan = [", "\ud800", "\0", "\ufeffplan = 1", "x = " + "[" * 10_000])
def test_a_text_that_is_no_plan(floor: Config, text: str) -> None:
    with pytest.raises(ConfigErrors):
        plan_of_text(text, "plan", floor)


def test_what_a_decision_keeps_of_the_plan(floor: Config) -> None:
    plan = planned(floor)
    assert (plan.plan, plan.version, plan.wave, plan.label) == ("day", "2026-11-23.1", "w1", "day 2026-11-23.1")
    assert plan.special.held == "BOND"
    assert len(plan.rules) == 5


def test_the_documents_example_is_good(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    (tmp_path / "plan.toml").write_text(blocks[2])
    _, plans = load_floor(write(tmp_path, blocks[0] + blocks[1]))
    plan = plans["day"].in_wave("w2")
    assert destinations(plan, Parcel("DE", "10115")) == (("DE-1", "REST"), "rule 1: DE 1*")
    assert shares(plan, "DE-1", "S1") == {"S1-L01": 3, "S1-L02": 1}


def test_the_index_agrees_with_reading_the_rules_one_by_one(floor: Config) -> None:
    rng = random.Random(7)
    choices = {
        "country": ["DE", "FR", "BE", None],
        "postcode": ["1", "10", "101", "2", None],
        "flow": ["import", "export", None],
        "product": ["express", None],
    }
    conditions = [{key: rng.choice(of) for key, of in choices.items()} for _ in range(200)]
    conditions = [one for one in conditions if any(one.values())]
    targets = ["DE-1", "DE", "FAST", "GB"]
    rules = "".join(
        "[[rule]]\n" + "".join(f'{key} = "{value}"\n' for key, value in one.items() if value)
        + f'destination = "{targets[number % 4]}"\n'
        for number, one in enumerate(conditions)
    )  # fmt: skip
    plan = planned(floor, PLAN[: PLAN.index("[[rule]]")] + rules + PLAN[PLAN.index("[special]") :])
    found = set()
    for _ in range(500):
        parcel = Parcel(*(rng.choice([*of, "10115"]) for of in choices.values()))
        for number, one in enumerate(conditions):
            wanted = one["postcode"]
            fits = all(value in (None, getattr(parcel, key)) for key, value in one.items() if key != "postcode")
            if fits and (wanted is None or (parcel.postcode or "").startswith(wanted)):
                expected = targets[number % 4]
                break
        else:
            expected = "EXC"
        assert destination(plan, parcel)[0] == expected
        found.add(expected)
    assert found == {*targets, "EXC"}


WRONG = [
    ('version = "2026-11-23.1"', 'versoin = "1"', "versoin", "unknown key", "did you mean 'version'?"),
    ('version = "2026-11-23.1"', "version = 2026-11-23", "version", "no date", "quotes"),
    ('wave = "w1"', 'wave = "w2"', "wave", "no wave 'w2'", "waves are: night, w1"),
    ('flow = "import"', 'flow = "imports"', "rule.1.flow", 'cannot be "imports"', "did you mean 'import'?"),
    ('country = "DE"\npostcode', 'country = "de"\npostcode', "rule.1.country", 'cannot be "de"', 'write "DE"'),
    ('postcode = "1"', "postcode = 1", "rule.1.postcode", "must be a text in quotes, not 1", 'write "1"'),
    ('postcode = "1"', 'postcod = "1"', "rule.1.postcod", "unknown key", "did you mean 'postcode'?"),
    ('destination = "FAST"', 'destination = "FASTT"', "rule.3.destination", "unknown destination 'FASTT'", "'FAST'?"),
    ('product = "express"\n', "", "rule.4", "is never reached: rule 3 has no conditions", "last"),
    ('held = "BOND"\n', "", "special.held", "missing", "write held"),
    ('held = "BOND"', 'held = "BONDS"', "special.held", "unknown destination 'BONDS'", "did you mean 'BOND'?"),
    ('FAST = ["S1-L01"]', 'FAST = ["S1-L1"]', "waves.w1.FAST", "no lane 'S1-L1'", "did you mean 'S1-L01'?"),
    ('FAST = ["S1-L01"]', "FAST = []", "rule.3.destination", "FAST has no lanes in wave w1", "write FAST = "),
    ('FAST = ["S1-L01"]', 'FAST = "S1-L01"', "waves.w1.FAST", "must be a list of lanes", "write ["),
    ('destination = "GB"', 'destination = "GB"\nalso = ["DEE"]', "rule.4.also.1", "destination 'DEE'", "'DE'?"),
    ('destination = "GB"', 'destination = "GB"\nalso = "DE"', "rule.4.also", 'a list, not "DE"', 'write ["DE"]'),
    ('FAST = ["S1-L01"]', 'FAST = ["S1-L01:x"]', "waves.w1.FAST", "has no share", 'write "S1-L01:N" with N from 1'),
    ('FAST = ["S1-L01"]', 'FAST = ["S1-L01:0"]', "waves.w1.FAST", "has no share", "999"),
    ('FAST = ["S1-L01"]', 'FAST = ["S1-L01:1000"]', "waves.w1.FAST", "has no share", "999"),
    ('FAST = ["S1-L01"]', 'FAST = ["S1-L1:3"]', "waves.w1.FAST", "no lane 'S1-L1'", "did you mean 'S1-L01'?"),
    ('FAST = ["S1-L01"]', 'FAST = ["S1-L01:1", "S1-L01:2"]', "waves.w1.FAST", "has two shares", "sum"),
    ('wave = "w1"', 'wave = "night"', "special.held", "BOND has no lanes in wave night", "in [waves.night]"),
]


@pytest.mark.parametrize(("old", "new", "key", "what", "instead"), WRONG)
def test_a_wrong_plan(floor: Config, old: str, new: str, key: str, what: str, instead: str) -> None:
    text, _ = changed(old, new, PLAN)
    found = problems(floor, text)
    [problem] = [problem for problem in found if problem.key == key]
    assert problem.file == str(floor.plan)
    assert what in problem.what
    assert instead in problem.instead
    assert problem.line > 0
    line = text.splitlines()[problem.line - 1]
    assert next(part for part in reversed(key.split(".")) if not part.isdigit()) in line or line.startswith("[")


@pytest.mark.parametrize(
    ("old", "new", "key", "lane", "use", "instead"),
    [
        ('OVER = ["S1-EX"]', 'OVER = ["S1-EX", "S1-L01"]', "waves.w1.OVER", "S1-L01", "overflow", "S1-EX"),
        ('EXC = ["S1-EX"]', 'EXC = ["LP-L1"]', "waves.w1.EXC", "LP-L1", "unknown and special.no_read", "LP-EX"),
        ('[waves.night]\n', '[waves.night]\nBOND = ["S1-L01"]\n', "waves.night.BOND", "S1-L01", "held", "S1-EX"),
    ],
)  # fmt: skip
def test_a_plan_that_opens_the_closure(
    floor: Config, old: str, new: str, key: str, lane: str, use: str, instead: str
) -> None:
    text, line = changed(old, new, PLAN)
    [problem] = problems(floor, text)
    assert (problem.key, problem.line) == (key, line + new.count("\n") // 2)
    target = key.rpartition(".")[2]
    assert problem.what == (
        f"{lane} is not supervised, but {target} is special.{use}: an item without a customs release can get there"
    )
    assert problem.instead.endswith(f"only supervised lanes may stand here: {instead}")


def test_every_problem_of_a_plan_at_once(floor: Config) -> None:
    text = PLAN
    for old, new, *_ in (WRONG[3], WRONG[5], WRONG[7]):
        text, _ = changed(old, new, text)
    text = text.replace('OVER = ["S1-EX"]', 'OVER = ["S1-L01"]')
    found = problems(floor, text)
    assert [problem.key for problem in found] == [
        *("rule.1.postcode", "rule.1.flow", "rule.3.destination", "waves.w1.OVER")
    ]


@pytest.mark.parametrize(
    "text", ["", "rule = 5", "[[waves]]", "waves = 1\nspecial = 2", "plan = [", "[rule]\nx = 1", "rule = [1]"]
)
def test_a_file_that_is_no_plan(floor: Config, text: str) -> None:
    assert problems(floor, text)


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        (PLAN, "plan = [", [""]),
        (PLAN[PLAN.index("[[rule]]") : PLAN.index("[special]")], "rule = 5\n", ["rule"]),
        (
            PLAN[PLAN.index("[special]") : PLAN.index("[waves.w1]")],
            "",
            ["special.held", "special.unknown", "special.no_read", "special.overflow"],
        ),
        ('product = "express"\n', "", ["rule.4"]),
        ('postcode = "sw1 a"\n', "", ["rule.5"]),
        (
            'product = "express"\ndestination = "FAST"\n[[rule]]\npostcode = "sw1 a"\n',
            'destination = "FAST"\n[[rule]]\n',
            ["rule.4"],
        ),
        ('postcode = "sw1 a"\ndestination = "GB"\n[[rule]]\n', "", []),
    ],
)
def test_each_problem_is_told_once(floor: Config, old: str, new: str, keys: list[str]) -> None:
    text, _ = changed(old, new, PLAN)
    if keys:
        assert sorted(problem.key for problem in problems(floor, text)) == sorted(keys)
    else:
        planned(floor, text)


def test_special_is_a_table(floor: Config) -> None:
    start, end = PLAN.index("[special]"), PLAN.index("[waves.w1]")
    (problem,) = problems(floor, "special = 2\n" + PLAN[:start] + PLAN[end:])
    assert (problem.key, problem.what, problem.instead) == ("special", "must be a table", "write [special]")


def test_a_lane_that_the_layout_could_not_read_is_no_mistake_of_the_plan(floor: Config) -> None:
    floor.plan.write_text(changed('FAST = ["S1-L01"]', 'FAST = ["S1-L77"]', PLAN)[0])
    plan, sheet = read_plan(floor.plan, floor, ["S1-L77"])
    assert (plan, sheet.problems) == (None, [])


def test_a_plan_that_is_not_there(floor: Config) -> None:
    with pytest.raises(ConfigErrors, match=r"plan\.toml: no such file or directory"):
        load_plan(floor.plan, floor)


def test_a_node_without_lines_has_destinations_without_lanes(tmp_path: Path) -> None:
    head = 'site = "lgg"\nnode = "dock"\nmode = "test"\nstate_dir = "state"\nplan = "plan.toml"\n'
    broker = '[broker]\nurl = "mqtt://127.0.0.1:1"\n'
    hands = '[point.DOCK]\nkind = "presence"\n[scanner.d]\nkind = "line"\nlink = "tcp://127.0.0.1:2"\npoint = "DOCK"\n'
    (tmp_path / "floor.toml").write_text(f'{head}{broker}{hands}prefix = "\\u0002"\nsuffix = "\\u0003"\n')
    special = "".join(f'{use} = "HOSPITAL"\n' for use in ("held", "unknown", "no_read", "overflow"))
    rule = '[[rule]]\ncountry = "FR"\ndestination = "FRANCE"\n'
    (tmp_path / "plan.toml").write_text(f'plan = "p"\nversion = "1"\nwave = "w"\n{rule}[special]\n{special}[waves.w]\n')
    _, plans = load_floor(tmp_path / "floor.toml")
    fr = Advice.model_validate({"parcel": "P", "country": "FR"})
    assert destinations(plans["p"], fr)[0] == ("FRANCE",)
    assert plans["p"].in_wave("w") is plans["p"]
    (tmp_path / "plan.toml").write_text(f'plan = "p"\nversion = "1"\nwave = "v"\n{rule}[special]\n{special}[waves.w]\n')
    with pytest.raises(ConfigErrors, match="no wave 'v'"):
        load_floor(tmp_path / "floor.toml")
