"""The pages of scanner kinds: each has every setting with its default, and examples that a driver takes."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from devices import links
from devices.driver import load

PAGES = Path(__file__).parents[1] / "docs" / "scanners"
KINDS = ("dataman", "honeywell", "keyence_sr")
each = pytest.mark.parametrize("kind", KINDS)


def shown(value: object) -> str:
    """A default as a floor file would have it."""
    if isinstance(value, tuple):
        return f"[{', '.join(shown(one) for one in value)}]"
    if isinstance(value, str):
        return '"' + value.replace("\r", "\\r").replace("\n", "\\n") + '"'
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else f"{value:g}"


@each
def test_a_page_lists_every_setting_with_its_default(kind: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| ", (PAGES / f"{kind}.md").read_text(), re.MULTILINE)
    listed = {key: default.strip("`") for key, default in rows}
    assert listed == {field.name: shown(field.default) for field in dataclasses.fields(load(kind).Settings)}
    assert len(rows) == len(listed)


@each
def test_the_examples_of_a_page_are_taken(kind: str) -> None:
    examples = re.findall(r"```toml\n(.*?)```", (PAGES / f"{kind}.md").read_text(), re.DOTALL)
    assert examples
    for example in examples:
        sections: dict[str, dict[str, Any]] = tomllib.loads(example)["scanner"]
        drivers = []
        for section in sections.values():
            assert section.pop("kind") == kind
            assert section.pop("point")
            links.parse(section.pop("link"))
            values = {key: tuple(value) if isinstance(value, list) else value for key, value in section.items()}
            drivers.append(load(kind).Driver(load(kind).Settings(**values)))
        if len(drivers) > 1:
            load(kind).join(drivers)
