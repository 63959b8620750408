"""The places of keys: every path that tomllib finds has a line, and it is the right one."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.toml_lines import KeyPath, places


def paths(value: Any, at: KeyPath = ()) -> set[KeyPath]:
    if isinstance(value, dict):
        return {at} | {path for key, inner in value.items() for path in paths(inner, (*at, key))}
    if isinstance(value, list):
        return {at} | {path for number, inner in enumerate(value) for path in paths(inner, (*at, number))}
    return {at}


TOML = '''\
a = 1 # x = 2
"b c".'d' = """
no = 1
\\""" """""
e = [
  1, # ]
  [2, "]"],
  { f = { g = '}' }, h.i = 2 },
]
[j . k]
l = 1979-05-27 07:32:00
m = \'\'\'
[no]
\'\'\'
[[n]]
[[n]]
o = 1
[n.p]
q = "\\"#"
[[n.r]]
s = 1
'''


def test_every_key_has_its_line() -> None:
    found = places(TOML)
    assert set(found) == paths(tomllib.loads(TOML)) - {()}
    assert [found[at] for at in (("a",), ("b c", "d"), ("e", 0), ("e", 2, "f", "g"), ("j", "k", "l"))] == [
        1,
        2,
        6,
        8,
        11,
    ]
    assert [found[at] for at in (("n", 0), ("n", 1), ("n", 1, "o"), ("n", 1, "p", "q"), ("n", 1, "r", 0, "s"))] == [
        *(15, 16, 17, 19, 21)
    ]


@given(st.text(st.sampled_from("ab.=[]{}\"'\\,#\n 1"), max_size=60))
def test_places_of_any_text(text: str) -> None:
    found = places(text)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(found) == paths(data) - {()}
