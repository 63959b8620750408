"""docs/floorsim-faults.md holds every kind of fault as it is, and its example is a scenario that can be read."""

from __future__ import annotations

import re
from pathlib import Path

from firmware_stubs.faults import scenario
from firmware_stubs.faults.kind import Kind
from firmware_stubs.faults.registry import FAULTS

DOC = Path(__file__).parents[1] / "docs" / "floorsim-faults.md"

SHOWN: dict[object, str] = {None: "drawn", "": '""'}


def row(kind: Kind) -> str:
    facts = kind.described()
    settings = [f"{name} = {SHOWN.get(value, value)}" for name, value in facts["settings"].items()]
    count = ("any" if kind.count is None else str(kind.count)) if kind.counts else "-"
    cells = (f"`{kind.name}`", kind.target, ", ".join(settings) or "-", f"{kind.for_s:g}", count, kind.what, kind.shows)
    return f"| {' | '.join(cells)} |"


def table() -> str:
    """As the document has it: the faults of cables first, then of machines, then of belts."""
    lines = [
        "| fault | target | settings | for_s | count | what it is | what floord shows |",
        "|---|---|---|---|---|---|---|",
    ]
    for on in ("cable", "device", "belt"):
        lines += [row(kind) for kind in FAULTS.values() if kind.on == on]
    return "\n".join(lines)


def test_the_table_holds_every_kind_as_it_is() -> None:
    found = re.search(r"^\| fault .*?(?=\n\n)", DOC.read_text(), re.M | re.S)
    assert found
    assert found[0] == table(), f"write this into {DOC}:\n{table()}"
    assert len(table().splitlines()) == len(FAULTS) + 2


def test_the_example_is_a_scenario(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", DOC.read_text(), re.S)
    assert example
    path = tmp_path / "example.toml"
    path.write_text(example[1])
    read = scenario.load(path)
    assert (len(read.steps), len(read.expects)) == (1, 1)
    assert read.drill
    step = read.steps[0]
    assert [(one.faults, one.target) for one in read.drill.answers] == [((step.fault,), step.target)]
