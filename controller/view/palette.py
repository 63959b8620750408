"""Which colour and weight an ink has, on dark and on light terminals. Pure.

Colours of Okabe and Ito, which people without one of the three cones can tell apart, made darker for light terminals.
A meaning never depends on them: every ink belongs to a letter, a sign or a word of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

GROUND = {"dark": ("#101418", "#d8dee4"), "light": ("#ffffff", "#16191d")}
"""Background and text."""

_NAMES = ("blue", "orange", "yellow", "red", "green", "pink")
_COLOURS = {
    "dark": dict(zip(_NAMES, ("#56b4e9", "#e69f00", "#f0e442", "#ff8c69", "#3fc3a0", "#dd9fc4"), strict=True)),
    "light": dict(zip(_NAMES, ("#0060a0", "#8a5a00", "#6b6200", "#b03a00", "#006f53", "#9a4a7c"), strict=True)),
}
_DIM = {"dark": "#8b949e", "light": "#5c646d"}
_STYLES = {
    "plain": ("", ""),
    "title": ("bold", ""),
    "quiet": ("", ""),
    "pick": ("bold reverse", ""),
    "ok": ("", "green"),
    "sort": ("", "blue"),
    "over": ("", "green"),
    "undecided": ("", "yellow"),
    "exception": ("bold", "orange"),
    "held": ("bold", "pink"),
    "warn": ("bold", "orange"),
    "full": ("bold", "orange"),
    "off": ("bold", "orange"),
    "fault": ("bold reverse", "red"),
    "device": ("", "blue"),
    "host": ("", "yellow"),
}
"""Ink -> weight, colour."""


def styles(theme: str, colour: bool = True) -> Mapping[str, str]:
    """Ink -> style in rich's words, for `dark` or `light`; without colour only weights remain."""
    out = dict.fromkeys(("dim", "belt"), _DIM[theme] if colour else "dim")
    for ink, (weight, name) in _STYLES.items():
        out[ink] = f"{weight} {_COLOURS[theme][name] if colour and name else ''}".strip()
    return out


def theme_of(colorfgbg: str | None) -> str:
    """`light` where the terminal says so (`COLORFGBG=0;15`), else `dark`."""
    background = (colorfgbg or "").rpartition(";")[2]
    return "light" if background in ("7", "15") else "dark"
