"""What is no TOML is told with its line and what to write; nothing that is written there makes it fail."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sheet import Sheet
from controller.toml_syntax import STATEMENT, VALUE, explained


@pytest.mark.parametrize(
    ("text", "line", "what", "instead"),
    [
        ("x = 1\nsite = lgg\n", 2, "not TOML at column 8: invalid value", 'write "lgg" where it is a text'),
        ("site = “lgg” # ours\n", 1, "invalid value", 'write "lgg", with straight quotes'),
        ("on = [True]\n", 1, "invalid value", "write true"),
        ("x = @'\n", 1, "invalid value", VALUE),
        ("x =\n", 1, "invalid value", "write a value behind the ="),
        ("x =", 0, "not TOML at the end of the file: invalid value", "write a value behind the ="),
        (
            "[point.DESK]\nx = 1\n\n[ point.DESK ] # again\n",
            4,
            "[point.DESK] stands twice, first in line 1",
            "write all its keys below one header, or give one of them another id",
        ),
        ("a = 1\na = 2\n", 2, "cannot overwrite a value", "a was written before; take one away"),
        ("a.b = 1\n[a.b]\n", 2, "cannot overwrite a value", "a.b was written before; take one away"),
        ('sep = "\\x1e"\n', 1, "unescaped '\\' in a string", "write \\u001e for \\x1e"),
        ('plan = "C:\\dev"\n', 1, "unescaped '\\' in a string", r"write \\ for each \, or the text in '…'"),
        ('x = "lgg\n', 1, "illegal character '\\n'", "end the text with the quotation mark"),
        ("link: 3\n", 1, "expected '=' after a key", STATEMENT),
        ("capacity = 1,000\n", 1, "expected newline", STATEMENT),
    ],
)
def test_what_to_write(text: str, line: int, what: str, instead: str, tmp_path: Path) -> None:
    sheet = Sheet(tmp_path / "floor.toml", text)
    [problem] = sheet.problems
    assert problem.line == line
    assert what in problem.what
    assert problem.instead.startswith(instead)


@given(st.text(st.sampled_from("ab=[]\".'\\“x1e \n#,{}\r"), max_size=30))
def test_whatever_stands_there(text: str) -> None:
    try:
        tomllib.loads(text)
    except ValueError as error:
        line, what, _ = explained(text, str(error))
        assert 0 <= line <= text.count("\n") + 1
        assert what
