"""The endless stream of parcels of one induction or desk: from one seed always the same, in the same order."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from firmware_stubs.mixes.checks import mod7
from firmware_stubs.mixes.kinds import KINDS
from firmware_stubs.mixes.labels import LABELS, SERIALS
from firmware_stubs.mixes.mix import Mix
from firmware_stubs.mixes.places import postcode

WAYBILL = 200  # parcels on one air waybill


@dataclass(frozen=True, slots=True)
class Goods:
    """What the centre knows of a parcel, and what customs says of it.

    `customs`: `release` at once, `late_release`, `hold`, `recall` (a hold after the release), `none` (needs none), or
    `unknown`: the centre never heard of it. `after_ms`: how long after it came the late release or the recall leaves.
    """

    kind: str
    flow: str  # import or export
    country: str
    postcode: str
    product: str
    air_waybill: str
    customs: str
    after_ms: float
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One parcel of a stream."""

    parcel: str
    codes: tuple[bytes, ...]
    length_mm: int
    width_mm: int
    height_mm: int
    weight_g: int
    goods: Goods


class Drawn:
    """Words by their weights."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._words = [word for word, weight in weights.items() if weight > 0]
        self._bounds = list(accumulate(weight for weight in weights.values() if weight > 0))

    def one(self, rng: Random) -> str:
        """The next."""
        return rng.choices(self._words, cum_weights=self._bounds)[0]

    def others(self, taken: set[str]) -> list[str]:
        """The words without these."""
        return [word for word in self._words if word not in taken]


class Stream(Iterator[Item]):
    """What comes at one place."""

    def __init__(self, mix: Mix, place: str, seed: int) -> None:
        """`place`: its parcels are named after it, and are others than those of the same mix elsewhere."""
        self._mix = mix
        self._name = f"{place}-{seed}"
        self._rng = rng = Random(f"{self._name}/mix")
        self._number = 0
        self._serial = rng.randrange(SERIALS)
        self._airline = rng.choice(("020", "074", "157", "172", "176", "235"))
        self._waybill = zlib.crc32(self._name.encode()) % 10**7
        self._kinds, self._labels, self._further = Drawn(mix.kinds), Drawn(mix.labels), Drawn(mix.further)
        self._countries, self._products = Drawn(mix.countries), Drawn(mix.products)
        self._stories = Drawn(
            {
                "hold": mix.held,
                "late_release": mix.late_release,
                "recall": mix.recalled,
                "release": 1 - mix.held - mix.late_release - mix.recalled,
            }
        )
        self._counts = list(accumulate(mix.codes))

    def __next__(self) -> Item:
        """The next parcel; there is always one."""
        rng = self._rng
        self._number += 1
        self._serial = (self._serial + 1) % SERIALS
        kind = self._kinds.one(rng)
        length, width, height, weight = KINDS[kind].drawn(rng)
        codes, aliases = self._codes()
        return Item(f"{self._name}-{self._number:06}", codes, length, width, height, weight, self._goods(kind, aliases))

    def _codes(self) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
        """What stands on it, and by which texts the centre knows it: one that carries no code has one there, too."""
        rng, taken = self._rng, set[str]()
        count = rng.choices(range(len(self._counts)), cum_weights=self._counts)[0]
        codes: list[bytes] = []
        aliases: list[str] = []
        for number in range(max(1, count)):
            drawn = self._further if number else self._labels
            scheme = drawn.one(rng)
            if scheme in taken:
                others = drawn.others(taken)
                if not others:
                    break
                scheme = rng.choice(others)
            taken.add(scheme)
            label = LABELS[scheme]
            text = label.make(rng, self._serial)
            aliases += [text] if label.names else []
            codes.append(((label.aim if self._mix.aim else "") + text).encode("ascii"))
        return tuple(codes[:count]), tuple(aliases)

    def _goods(self, kind: str, aliases: tuple[str, ...]) -> Goods:
        rng = self._rng
        country = self._countries.one(rng)
        flow = "import" if rng.random() < self._mix.imports else "export"
        number = f"{(self._waybill + self._number // WAYBILL) % 10**7:07}"
        customs, after_ms = self._customs(flow)
        return Goods(
            kind,
            flow,
            country,
            postcode(country, rng),
            self._products.one(rng),
            f"{self._airline}-{number}{mod7(number)}",
            customs,
            after_ms,
            aliases,
        )

    def _customs(self, flow: str) -> tuple[str, float]:
        mix, rng = self._mix, self._rng
        unknown = rng.random() < mix.unknown
        story = self._stories.one(rng)
        least, most = mix.late_after_s if story == "late_release" else mix.recalled_after_s
        after_ms = round(1000 * rng.uniform(least, most), 3)
        if unknown:
            return "unknown", 0.0
        if flow == "export":
            return "none", 0.0
        return story, after_ms if story in ("late_release", "recall") else 0.0
