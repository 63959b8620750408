"""The pages of scanner kinds: every setting with its default, examples that a driver takes, bytes to try."""

from __future__ import annotations

import dataclasses
import importlib
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from controller.__main__ import main
from devices import links
from devices.driver import load
from tests.ears import ALL_KINDS, READERS

DOCS = Path(__file__).parents[1] / "docs"
PAGES = DOCS / "scanners"
each = pytest.mark.parametrize("kind", [kind for kind in READERS if (PAGES / f"{kind}.md").exists()])


def shown(value: object) -> str:
    """A default as a floor file would have it."""
    if isinstance(value, tuple):
        return f"[{', '.join(shown(one) for one in value)}]"
    if isinstance(value, str):
        plain = value.replace("\r", "\\r").replace("\n", "\\n")
        return '"' + "".join(char if char >= " " else f"\\u{ord(char):04x}" for char in plain) + '"'
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else f"{value:g}"


def settings_table(kind: str) -> list[tuple[str, str]]:
    """(setting, default) of a page; a default is code, and missing where it must be written."""
    text = (PAGES / f"{kind}.md").read_text()
    [table] = re.findall(
        r"^\| setting \| default \| meaning \|\n\|---\|---\|---\|\n((?:\|.+\|\n)+)", text, re.MULTILINE
    )
    return re.findall(r"^\| `(\w+)` \|(?: `(.+?)`)? \| .+ \|$", table, re.MULTILINE)


@each
def test_a_page_lists_every_setting_with_its_default(kind: str) -> None:
    rows = settings_table(kind)
    fields = dataclasses.fields(load(kind).Settings)
    assert dict(rows) == {
        field.name: "" if field.default is dataclasses.MISSING else shown(field.default) for field in fields
    }
    assert len(rows) == len(fields)


@each
def test_all_pages_have_one_form(kind: str) -> None:
    text = (PAGES / f"{kind}.md").read_text()
    assert text.startswith(f"# `{kind}`: ")
    sections = re.findall(r"^## (.*)", text, re.MULTILINE)
    assert sections[0].startswith("Set the ")
    assert sections[1] == "The floor file"
    assert sections[-2:] == ["What the wire cannot prove", "Traps"]


def test_every_page_is_found_from_the_others() -> None:
    pages = {path.stem for path in PAGES.glob("*.md")}
    assert len(pages) > 10
    assert pages <= set(READERS)
    for text in ((DOCS / "configuration.md").read_text(), (DOCS.parent / "README.md").read_text()):
        assert {*re.findall(r"scanners/(\w+)\.md", text)} >= pages


@each
def test_the_table_of_stubs_has_every_key_with_its_default(kind: str) -> None:
    listed: dict[str, str] = {}
    _, tables = (DOCS / "configuration.md").read_text().split("The keys of a stub beside")
    for line in tables.partition("\n## ")[0].splitlines():
        cells = [re.findall(r"`.+?`|[^ `]+", cell) for cell in re.split(r" \|(?= )", line)]
        if f"`{kind}`" not in (stubs := cells[0]) or len(cells) < 3:
            continue
        _, keys, defaults = cells[:3]
        if len(keys) == 1 and len(defaults) > 1:  # one for each stub
            defaults = [defaults[stubs.index(f"`{kind}`") - 1]]
        listed |= zip((key.strip("`") for key in keys), (one.strip("`") for one in defaults or [""]), strict=True)
    module = importlib.import_module(f"firmware_stubs.{ALL_KINDS[kind]}.{kind}")
    fields = {field.name: field.default for field in dataclasses.fields(module.Settings)}
    assert listed == {
        name: "" if default is dataclasses.MISSING else shown(default) for name, default in fields.items()
    }


def anchors(path: Path) -> set[str]:
    """What a link into a page may end with."""
    titles = re.findall(r"^#+ (.*)", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", sorted([*DOCS.glob("*.md"), *PAGES.glob("*.md")]), ids=lambda path: path.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.read_text()):
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), f"{target}#{anchor}"


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
        if len(drivers) > 1 and hasattr(load(kind), "join"):
            load(kind).join(drivers)


@each
def test_bytes_to_try_mean_what_a_page_says(kind: str) -> None:
    """`…` stands for whatever else is printed there."""
    blocks = re.findall(
        r"```console\n\$ (.*?floord decode .*?)\n(.*?)```", (PAGES / f"{kind}.md").read_text(), re.DOTALL
    )
    assert blocks
    for typed, printed in blocks:
        echo, said, pipe, floord, *arguments = shlex.split(typed)
        assert (echo, pipe, floord, arguments[:2]) == ("echo", "|", "floord", ["decode", kind])
        result = CliRunner().invoke(main, arguments, input=f"{said}\n")
        assert result.exit_code == 0, result.output
        assert re.fullmatch(re.escape(printed).replace("…", ".*"), result.output), result.output
