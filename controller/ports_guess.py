"""What may be speaking on a line, by the bytes heard there: every kind's own driver is asked.

A kind is tried with each settings of its module's `GUESSES` (or `guesses`), or with its defaults; a control character
that may stand between codes is tried as the separator, too; where the settings lack a proof of a code, they are tried
with each check digit and with the length that codes had. It fits as far as its driver makes items, not garbage, of what
was heard. What that is worth is tried too: some bytes are spoilt, one at a time, and a driver that does not notice it
would have understood anything. Kinds on a broker are not tried. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from random import Random
from types import ModuleType
from typing import Any, TypeAlias

from devices import driver
from devices.types import Condition, Garbled, GivenUp, Item, Kept

Heard: TypeAlias = Sequence[tuple[bytes, float]]
"""Bytes and when they came, in monotonic ms."""

SPOILT, SPOILT_BYTES, PIECES = 32, 1024, 64
FITS, SURE_ITEMS, SURE_PROOF, NEAR = 0.9, 3, 0.5, 0.15
SIMPLEST = "line"
CHECKS = ("s10", "gs1", "mod10")
NO_ITEMS = (Garbled, Condition, GivenUp)
SLOW = frozenset(b"\x00\x80\xc0\xe0\xf0\xf8\xfc\xfe\xff")
"""What a byte becomes that is read at a much higher speed: each of its bits fills several."""

FRAMING = frozenset(b"\x02\x03\r\n")
SPEEDS = "9600, 19200, 38400, 57600, 115200"
SEPARATORS = frozenset(range(0x1C, 0x20)) - {0x1D}
"""Characters between two codes; GS is none, because it stands inside GS1 codes and would tear them apart."""

PLAIN = frozenset(range(0x20, 0x7F)) | frozenset(b"\x02\x03\r\n\t\x1d\x1e\x04")


@dataclass(frozen=True, slots=True)
class Guess:
    """One kind with some settings. `items` it made, of which classes (`says`), and `garbled`; `score` = how well that
    covers what was heard, `proof` = how often it notices a spoilt byte, both 0 to 1."""

    kind: str
    settings: Mapping[str, Any]
    items: int
    garbled: int
    says: tuple[str, ...]
    score: float
    proof: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The guesses, the best first; how sure that one is (`sure`, `likely`, `maybe` or `no`); `hints` in plain words.

    `line`: settings of the link beside its speed, as they stand in a URL; empty = as it is.
    """

    guesses: tuple[Guess, ...] = ()
    sure: str = "no"
    hints: tuple[str, ...] = ()
    line: Mapping[str, str] = field(default_factory=dict)


def judge(heard: Heard, baud: int, errors: Mapping[str, int]) -> Verdict:
    """What these bytes are, read at `baud`; `errors` = what the port counted meanwhile, by name."""
    data = b"".join(piece for piece, _ in heard)
    if not data:
        return Verdict(hints=_silence(errors, baud))
    line: dict[str, str] = {}
    hints: list[str] = []
    if parity := parity_in(data):
        line = {"bytesize": "7", "parity": parity}
        word = {"E": "even", "O": "odd"}[parity]
        hints.append(f"each byte has {word} parity in its eighth bit: the line has 7 data bits; write {_query(line)}")
        heard = [(bytes(byte & 0x7F for byte in piece), at) for piece, at in heard]
    guesses = tuple(sorted(_guesses(heard), key=_rank, reverse=True))
    if not guesses or guesses[0].score < 0.5:
        hints += _strange(b"".join(piece for piece, _ in heard), errors, baud)
    elif b"\x1d" in data and "separator" in {one.name for one in fields(driver.load(guesses[0].kind).Settings)}:
        hints.append(
            "GS (1D) stands between characters: it is a part of a GS1 code. Where it stands between two codes let the "
            'scanner send RS there and write separator = "\\u001e", or write separator = "\\u001d"'
        )
    return Verdict(guesses, _sure(guesses), tuple(hints), line)


def parity_in(data: bytes) -> str:
    """`E` or `O` where the eighth bit of every byte is the parity of a text's other seven, else empty."""
    if len(data) < 8 or not any(byte & 0x80 for byte in data):
        return ""
    if any(byte & 0x7F not in PLAIN for byte in data):
        return ""
    odd = {byte.bit_count() % 2 for byte in data}
    return "" if len(odd) > 1 else "O" if odd.pop() else "E"


def _guesses(heard: Heard) -> Iterator[Guess]:
    data = b"".join(piece for piece, _ in heard)
    for kind in sorted(driver.kinds()):
        module = driver.load(kind)
        if hasattr(module.Driver, "subscriptions"):
            continue
        separated = (one for settings in _named(module, data) for one in _separated(module, settings, data))
        tried = [one for settings in separated for one in _provable(module, settings, data)]
        found = [_with_proof(guess, module, heard) for one in tried if (guess := _guess(kind, module, one, heard))]
        if found:
            yield max(found, key=_rank)


def _named(module: ModuleType, data: bytes) -> Sequence[Mapping[str, Any]]:
    named: Sequence[Mapping[str, Any]] = module.guesses(data) if hasattr(module, "guesses") else ()
    return named or getattr(module, "GUESSES", ({},))


def _separated(module: ModuleType, settings: Mapping[str, Any], data: bytes) -> list[Mapping[str, Any]]:
    """The settings, and where the kind has a separator those with each control character that may be it."""
    if "separator" not in {one.name for one in fields(module.Settings)}:
        return [settings]
    return [settings, *({**settings, "separator": chr(byte)} for byte in sorted(SEPARATORS & set(data)))]


def _provable(module: ModuleType, settings: Mapping[str, Any], data: bytes) -> list[Mapping[str, Any]]:
    """The settings, or where they are refused those with a proof beside them; none where that does not help."""
    proofs: list[Mapping[str, Any]] = [{}]
    if {"check", "fixed_lengths"} <= {one.name for one in fields(module.Settings)}:
        proofs += [{"check": check} for check in CHECKS]
        lengths = {len(code) for code in data.replace(b"\n", b"\r").split(b"\r")[1:-1] if code}
        proofs += [{"fixed_lengths": tuple(lengths)}] if len(lengths) == 1 else []
    for proof in proofs:
        try:
            module.Driver(module.Settings(**settings, **proof))
        except (TypeError, ValueError):
            continue
        return [settings] if not proof else [{**settings, **one} for one in proofs[1:]]
    return []


def _guess(kind: str, module: ModuleType, settings: Mapping[str, Any], heard: Heard) -> Guess | None:
    """None where it understands nothing."""
    got = _said(module, settings, heard)
    if got is None:
        return None
    items, garbled = got
    if not items:
        return None
    total = sum(len(piece) for piece, _ in heard)
    raws = [raw for item in items if isinstance(raw := getattr(item, "raw", None), bytes)]
    covered = 1.0 if len(raws) < len(items) else min(1.0, 2 * sum(map(len, raws)) / total)
    says = tuple(sorted({type(item).__name__ for item in items}))
    return Guess(kind, settings, len(items), garbled, says, covered * len(items) / (len(items) + garbled))


def _said(module: ModuleType, settings: Mapping[str, Any], heard: Heard) -> tuple[list[Item], int] | None:
    """The items, and how often something was garbled: not counting half a frame at the beginning and the end.

    None where the settings are refused, or the driver breaks: it is not the one.
    """
    try:
        chosen = module.Settings(**settings)
        if sniffs := hasattr(module, "Sniffer"):
            speaker = module.Sniffer(chosen)
        else:
            speaker = module.Driver(chosen)
            speaker.opened(heard[0][1], Kept())
        got: list[Item] = []
        for data, at in heard:
            if not sniffs and (due := speaker.next_at()) is not None and due <= at:
                got += speaker.tick(at)
            got += speaker.feed(data, at)
        ended = speaker.close(heard[-1][1]) if sniffs else speaker.closed(heard[-1][1])
    except Exception:
        return None
    if got and isinstance(got[0], Garbled):
        del got[0]  # one listens from the middle of a frame on
    got += [item for item in ended if not isinstance(item, NO_ITEMS)]
    return [item for item in got if not isinstance(item, NO_ITEMS)], sum(isinstance(item, Garbled) for item in got)


def _with_proof(guess: Guess, module: ModuleType, heard: Heard) -> Guess:
    """Spoil bytes, always the same ones of the same input; not in half a frame at the beginning or the end."""
    some = _beginning(heard)
    whole = _said(module, guess.settings, some)
    if guess.score < 0.5 or whole is None or not whole[0]:
        return guess
    for less in (slice(1, None), slice(None, -1)):
        for _ in range(PIECES):
            got = _said(module, guess.settings, some[less]) if len(some) > 1 else None
            if got is None or len(got[0]) < len(whole[0]):
                break
            some, whole = some[less], got
    rng, noticed = Random(1), 0
    for _ in range(SPOILT):
        piece = rng.randrange(len(some))
        data, at = some[piece]
        place = rng.randrange(len(data)) if data else 0
        bad = data[:place] + bytes(byte ^ 0x04 for byte in data[place : place + 1]) + data[place + 1 :]
        got = _said(module, guess.settings, [*some[:piece], (bad, at), *some[piece + 1 :]])
        noticed += got is None or len(got[0]) < len(whole[0]) or got[1] > whole[1]
    return replace(guess, proof=round(noticed / SPOILT, 2))


def _beginning(heard: Heard) -> list[tuple[bytes, float]]:
    some: list[tuple[bytes, float]] = []
    left = SPOILT_BYTES
    for data, at in heard:
        if left > 0:
            some.append((data[:left], at))
        left -= len(data)
    return some


def _rank(guess: Guess) -> tuple[float, float, int, int, bool]:
    """Whoever takes frames for more than mere codes knows them better; among equals the simplest kind will do."""
    more = len(set(guess.says) - {"Read", "NoRead"})
    return round(guess.score, 1), round(guess.proof, 1), more, guess.items, guess.kind == SIMPLEST


def _sure(guesses: Sequence[Guess]) -> str:
    if not guesses or guesses[0].score < 0.5:
        return "no"
    best = guesses[0]
    if best.score < FITS or best.items < 2:
        return "maybe"
    rival = any(one.score >= best.score - NEAR and one.proof >= best.proof - NEAR for one in guesses[1:])
    strict = best.proof >= SURE_PROOF or len(best.says) >= SURE_ITEMS
    return "sure" if best.items >= SURE_ITEMS and strict and not rival else "likely"


def _silence(errors: Mapping[str, int], baud: int) -> tuple[str, ...]:
    if bad := _counted(errors):
        return (f"no byte came, but the port counted {bad}: the speed is not {baud}, or the wires are wrong",)
    return ("nothing came: let the scanner read a code meanwhile; look at power, TX and RX crossed, RS-232 or RS-485",)


def _strange(data: bytes, errors: Mapping[str, int], baud: int) -> list[str]:
    """Why nobody understands it, where that shows."""
    slow = sum(byte in SLOW for byte in data) / len(data)
    high = sum(byte >= 0x80 for byte in data) / len(data)
    bad = _counted(errors)
    if bad or slow >= 0.4 or high >= 0.3:
        signs = [f"the port counted {bad}"] if bad else []
        signs += [f"{slow:.0%} of the bytes are 00, 80, C0 … FE, FF"] if slow >= 0.4 else []
        signs += [f"{high:.0%} have the eighth bit"] if high >= 0.3 else []
        return [f"the speed is probably not {baud} ({', '.join(signs)}): try others, as {SPEEDS}"]
    others = sorted({byte for byte in data if byte < 0x20} - FRAMING)
    if others and high == 0:
        named = ", ".join(f"{byte:02X}" for byte in others[:4])
        return [
            f"control characters ({named}) stand in codes, and no driver takes them: where one stands between two "
            f'codes, write separator = "\\u{others[0]:04x}"; for a missing code, write local_no_read'
        ]
    if b"\x02" in data:
        return ["STX begins its frames, and no driver takes what stands there: look at what its frames end with"]
    if all(byte in PLAIN for byte in data):
        return ["it is plain text that no driver takes for whole codes: give it a prefix and a suffix (STX and ETX)"]
    return []


def _counted(errors: Mapping[str, int]) -> str:
    return ", ".join(f"{errors[name]} {name} errors" for name in ("frame", "parity") if errors.get(name))


def _query(line: Mapping[str, str]) -> str:
    return "?" + "&".join(f"{key}={value}" for key, value in line.items())
