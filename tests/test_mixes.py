"""Parcels of mixes: labels that the other witness knows, streams from one seed, queues that fill themselves."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from random import Random
from typing import Any

import pytest

from devices.barcodes import candidates
from firmware_stubs import floor_file
from firmware_stubs.mixes.kinds import KINDS
from firmware_stubs.mixes.labels import LABELS, SERIALS
from firmware_stubs.mixes.mix import Mix
from firmware_stubs.mixes.places import FORMS, postcode
from firmware_stubs.mixes.stream import Item, Stream
from firmware_stubs.sections import FloorError

KNOWN_AS = {
    "sscc": "gs1",
    "gtin": "gs1",
    "usps_zip": "usps",
    "fedex_ground": "fedex",
    "fedex_96": "fedex",
    "fedex_34": "fedex",
    "dpd_check": "dpd",
    "gls_track": "gls",
}
"""Labels whose scheme has another name among the barcodes."""

UNCHECKED = {
    *("licence_plate", "dpd", "gls_track", "postnl", "bpost", "colissimo", "cainiao", "amazon", "landmark"),
    *("yunexpress", "bag_tag", "uld", "s9"),
}
"""Those in which no check digit stands."""


@pytest.mark.parametrize("scheme", LABELS)
@pytest.mark.parametrize("aim", [False, True])
def test_each_label_is_what_the_barcodes_know_it_as(scheme: str, aim: bool) -> None:
    rng, label = Random(f"{scheme}/labels"), LABELS[scheme]
    for _ in range(150):
        text = label.make(rng, rng.randrange(SERIALS))
        found = candidates((label.aim if aim else "") + text)
        mine = [one for one in found if one.scheme == KNOWN_AS.get(scheme, scheme)]
        assert mine, (text, found)
        assert mine[0].valid, (text, mine)
        assert mine[0].checked == (scheme not in UNCHECKED), text
        assert bool(mine[0].ids) == label.names, text


@pytest.mark.parametrize("scheme", [name for name, label in LABELS.items() if label.names])
def test_labels_of_one_stream_are_all_different(scheme: str) -> None:
    rng = Random(scheme)
    texts = {LABELS[scheme].make(rng, serial) for serial in range(99_999_000, 99_999_000 + 1000)}
    assert len(texts) == 1000


def stream(count: int, place: str = "I1", seed: int = 7, **keys: Any) -> list[Item]:
    return list(itertools.islice(Stream(Mix(**keys), place, seed), count))


def share(items: list[Item], counted: Any) -> float:
    return len([item for item in items if counted(item)]) / len(items)


def test_a_mix_is_what_its_weights_and_shares_say() -> None:
    items = stream(8000)
    by_codes = Counter(len(item.codes) for item in items)
    by_kind = Counter(item.goods.kind for item in items)
    for count, wanted in enumerate((0.02, 0.60, 0.28, 0.10)):
        assert by_codes[count] / 8000 == pytest.approx(wanted, abs=0.02)
    for kind, wanted in (("polybag", 0.55), ("box", 0.35), ("heavy", 0.08), ("nonconveyable", 0.02)):
        assert by_kind[kind] / 8000 == pytest.approx(wanted, abs=0.02)
    assert share(items, lambda item: item.goods.flow == "import") == pytest.approx(0.85, abs=0.02)
    stories = Counter(item.goods.customs for item in items)
    imports = 0.85 * 0.98 * 8000  # those that the centre knows
    assert stories["unknown"] / 8000 == pytest.approx(0.02, abs=0.006)
    assert stories["hold"] / imports == pytest.approx(0.02, abs=0.006)
    assert stories["late_release"] / imports == pytest.approx(0.1, abs=0.015)
    assert stories["recall"] / imports == pytest.approx(0.01, abs=0.005)
    assert set(stories) == {"unknown", "hold", "late_release", "recall", "release", "none"}


def test_sizes_and_weights_are_those_of_the_kind() -> None:
    for item in stream(2000, bag=1, cage=1, box=1, polybag=1, heavy=1, nonconveyable=1):
        kind = KINDS[item.goods.kind]
        assert kind.weight_g[0] <= item.weight_g <= kind.weight_g[1]
        assert item.length_mm >= item.width_mm
        assert item.length_mm <= max(kind.length_mm[1], kind.width_mm[1])


def test_the_codes_of_a_parcel_are_of_different_schemes_and_advice_has_those_that_name_it() -> None:
    for item in stream(2000, labels={"s10": 1}, further={"s10": 1, "sscc": 1, "gtin": 1}, codes=[1, 1, 1, 1]):
        texts = [code.decode() for code in item.codes]
        assert len({(len(text), text.isdigit()) for text in texts}) == len(texts)
        named = [text for text in texts if not re.fullmatch(r"\d{13}", text)]
        assert named == list(item.goods.aliases)[: len(named)]
        assert item.goods.aliases  # also without a code the centre has one


def test_aim_identifiers_stand_in_front_only_where_the_mix_says_so() -> None:
    bare = stream(50, labels={"sscc": 1})
    spoken = stream(50, labels={"sscc": 1}, aim=True)
    assert [item.goods for item in bare] == [item.goods for item in spoken]
    for one, other in zip(bare, spoken, strict=True):
        assert [code[3:] for code in other.codes] == list(one.codes)
        assert all(code.startswith(b"]") for code in other.codes)


def test_one_seed_gives_the_same_parcels_and_another_others() -> None:
    assert stream(300) == stream(300)
    for other in (stream(300, seed=8), stream(300, place="I2")):
        assert not {item.parcel for item in stream(300)} & {item.parcel for item in other}
        mine = {alias for item in stream(300) for alias in item.goods.aliases}
        assert not mine & {alias for item in other for alias in item.goods.aliases}


def test_post_codes_have_the_form_of_their_country() -> None:
    rng = Random(1)
    for country, form in FORMS.items():
        pattern = "".join({"9": "[0-9]", "#": "[1-9]", "A": "[A-Z]"}.get(one, re.escape(one)) for one in form)
        for _ in range(20):
            assert re.fullmatch(pattern, postcode(country, rng))
            assert len(postcode(country, rng)) <= 16


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"labels": {"upps": 1}}, "labels: no label is called 'upps'; did you mean 'ups'?"),
        ({"countries": {"XX": 1}}, "countries: no country is called 'XX'"),
        ({"held": 1.5}, "held must be from 0 to 1, not 1.5"),
        ({"held": 0.5, "recalled": 0.6}, "together at most 1"),
        ({"codes": [1, 1, 1, 1, 1]}, "0, 1, 2 and 3 codes"),
        ({"codes": []}, "codes: give weights"),
        ({"box": -1}, "kinds: give weights"),
        ({"labels": {"s10": 0}}, "labels: give weights"),
        ({"late_after_s": [5, 1]}, "late_after_s must be the least and the most"),
        ({"boxes": 3}, "[mix.in] boxes: unknown key; did you mean 'box'?"),
    ],
)
def test_a_wrong_mix_says_what_to_write(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(FloorError, match=re.escape(said)):
        floor_file.read({"mix": {"in": keys}})
