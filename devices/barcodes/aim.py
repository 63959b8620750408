"""AIM symbology identifiers (ISO/IEC 15424): `]`, the symbology's letter, a modifier that says how it was read.

Sources: Zebra DS457 integration guide, Opticon Universal Menu Book p. 96, NCR 7895 programming reference, Symbol
PDT6800 reference (tables of code and modifier characters), biip (which identifiers say GS1).
"""

from __future__ import annotations

_CHECKS = {"0": "no check", "1": "check verified", "3": "check verified and removed"}
_FNC1 = {"0": "", "1": "FNC1 first", "2": "FNC1 second"}
_ALSO_ECI = {"3": "ECI", "4": "FNC1 first, ECI", "5": "FNC1 second, ECI"}
_APPENDED = {
    **{"6": "structured append", "7": "FNC1 first, structured append", "8": "FNC1 second, structured append"},
    **{"9": "structured append, ECI", "A": "FNC1 first, structured append, ECI"},
    **{"B": "FNC1 second, structured append, ECI", "C": "rune"},
}

SYMBOLOGIES: dict[str, tuple[str, dict[str, str]]] = {
    "A": (
        "Code 39",
        {
            **_CHECKS,
            **{"4": "full ASCII", "5": "full ASCII, check verified", "7": "full ASCII, check verified and removed"},
        },
    ),
    "B": (
        "Telepen",
        {"0": "full ASCII", "1": "numeric", "2": "numeric, then full ASCII", "4": "full ASCII, then numeric"},
    ),
    "C": ("Code 128", {"0": "", "1": "GS1-128", "2": "FNC1 second", "4": "ISBT, concatenated"}),
    "D": ("Code One", _FNC1),
    "E": (
        "EAN/UPC",
        {"0": "EAN-13, UPC-A or UPC-E", "1": "add-on of 2", "2": "add-on of 5", "3": "with add-on", "4": "EAN-8"},
    ),
    "F": ("Codabar", {"0": "no check", "1": "ABC", "2": "check verified", "4": "check verified and removed"}),
    "G": ("Code 93", {}),
    "H": ("Code 11", {"0": "one check", "1": "two checks", "3": "checks removed"}),
    "I": ("Interleaved 2 of 5", _CHECKS),
    "J": ("DotCode", {"0": "", "1": "GS1", "2": "FNC1 second", **_ALSO_ECI}),
    "K": ("Code 16K", _FNC1),
    "L": (
        "PDF417",
        {
            **{"0": "", "1": "ECI, backslashes doubled", "2": "backslashes not doubled"},
            **{"3": "as Code 128, FNC1 first", "4": "as Code 128, FNC1 second", "5": "as Code 128"},
        },
    ),
    "M": ("MSI", {"0": "check verified", "1": "check verified and removed"}),
    "N": ("Anker", {}),
    "O": ("Codablock", {"4": "F", "5": "F, FNC1 first"}),
    "P": ("Plessey", {}),
    "Q": (
        "QR Code",
        {
            **{"0": "model 1", "1": "", "2": "ECI", "3": "GS1", "4": "GS1, ECI"},
            **{"5": "FNC1 second", "6": "FNC1 second, ECI"},
        },
    ),
    "R": ("2 of 5, two start bars", _CHECKS),
    "S": ("2 of 5, three start bars", {}),
    "T": ("Code 49", _FNC1),
    "U": (
        "MaxiCode",
        {
            **{"0": "mode 4 or 5", "1": "mode 2 or 3"},
            **{"2": "mode 4 or 5, ECI", "3": "mode 2 or 3, ECI in the second message"},
        },
    ),
    "X": ("another symbology", {}),
    "Y": ("system expansion", {}),
    "Z": ("no barcode", {}),
    "c": ("Channel Code", {}),
    "d": (
        "Data Matrix",
        {
            **{"0": "ECC 000-140", "1": "", "2": "GS1", "3": "FNC1 second", "4": "ECI"},
            **{"5": "GS1, ECI", "6": "FNC1 second, ECI"},
        },
    ),
    "e": ("GS1 DataBar", {"0": "", "1": "composite", "2": "composite, escaped", "3": "composite, escaped, ECI"}),
    "g": ("Grid Matrix", {}),
    "h": ("Han Xin", {"0": "", "1": "ECI"}),
    "o": ("OCR", {"0": "", "1": "OCR-A", "2": "OCR-B"}),
    "p": ("PosiCode", {}),
    "s": ("SuperCode", {}),
    "z": ("Aztec", {**_FNC1, **_ALSO_ECI, **_APPENDED}),
}
"""Letter -> name, and what its modifiers say."""

_ECI = frozenset(
    f"]{letter}{modifier}"
    for letter, (_, modifiers) in SYMBOLOGIES.items()
    for modifier, meaning in modifiers.items()
    if "ECI" in meaning
)


def follows_eci(aim: str) -> bool:
    """Whether this identifier says that `\\nnnnnn` declares an encoding and other backslashes are doubled."""
    return aim in _ECI


def words(aim: str) -> str:
    """The identifier in words, `QR Code (GS1)`; for what no list has, what it is called in it. Empty for none."""
    if not aim:
        return ""
    name, modifiers = SYMBOLOGIES.get(aim[1:2], ("unknown symbology", {}))
    meaning = modifiers.get(aim[2:], "" if aim[2:] == "0" else f"modifier {aim[2:]}")
    return f"{name} ({meaning})" if meaning else name
