"""The advice store as the node sees it: what is committed, under what is not committed yet.

`fetch` reads committed advice (the journal's database); what arrived since the last commit lies over it in memory, so
that a look-up finds advice from the moment it was taken. The same few parcels are asked for again and again while they
are on a belt, so the latest answers are remembered until newer advice is taken for one of their keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from pydantic import ValidationError
from pydantic_core import from_json

from controller.advice import Advice

Fetch: TypeAlias = Callable[[str], Iterable[tuple[str, bytes]]]
"""(parcel, JSON) of all committed advice that a key names."""

Around: TypeAlias = Callable[[str], Mapping[str, Iterable[tuple[str, bytes]]]]
"""The same of this key, and of every other one of the parcels that it names."""

REMEMBERED = 600
"""Answers: more codes than are on the belts of a line."""


class Advices:
    """Upserts with versions, looked up by parcel id or alias."""

    def __init__(self, fetch: Fetch, around: Around | None = None) -> None:
        """`around`: asked in place of `fetch` where there is one."""
        self._around = around or (lambda key: {key: fetch(key)})
        self._answers: dict[str, tuple[Advice, ...]] = {}
        self._fresh: dict[str, Advice] = {}
        self._by_key: dict[str, dict[str, None]] = {}

    def take(self, advice: Advice) -> bool:
        """Store it over what is known; False when a newer version is known already."""
        known = next((old for old in self.look(advice.parcel) if old.parcel == advice.parcel), None)
        if known is not None and advice.version < known.version:
            return False
        self._forget(advice.parcel)
        self._fresh[advice.parcel] = advice
        for key in advice.keys:
            self._by_key.setdefault(key, {})[advice.parcel] = None
        for key in (*advice.keys, *(known.keys if known else ())):
            self._answers.pop(key, None)
        return True

    def look(self, key: str) -> tuple[Advice, ...]:
        """All advice that names this code or parcel id; none, one or several."""
        answer = self._answers.get(key)
        return self._look(key) if answer is None else answer

    def _look(self, key: str) -> tuple[Advice, ...]:
        """Ask, and remember all that was answered."""
        made: dict[str, Advice] = {}
        for one, committed in {key: (), **self._around(key)}.items():
            found = {parcel: self._fresh[parcel] for parcel in self._by_key.get(one, ())}
            for parcel, body in committed:
                if parcel not in self._fresh:
                    found[parcel] = made[parcel] = made.get(parcel) or _stored(body)
            self._answers[one] = tuple(found.values())
        answer = self._answers[key]
        while len(self._answers) > REMEMBERED:
            del self._answers[next(iter(self._answers))]
        return answer

    def committed(self, parcels: Iterable[str], bodies: Iterable[bytes | None]) -> None:
        """These are found by `fetch` from now on, unless newer advice came meanwhile."""
        for parcel, body in zip(parcels, bodies, strict=True):
            fresh = self._fresh.get(parcel)
            if fresh is not None and fresh.body == body:
                self._forget(parcel)

    def _forget(self, parcel: str) -> None:
        old = self._fresh.pop(parcel, None)
        for key in old.keys if old else ():
            members = self._by_key.get(key, {})
            members.pop(parcel, None)
            if not members:
                self._by_key.pop(key, None)


def _stored(body: bytes) -> Advice:
    """Advice as it was stored; what an older version took and this one would refuse as a moment is left out."""
    try:
        return Advice.model_validate_json(body)
    except ValidationError as error:
        wrong = {str(one["loc"][0]) for one in error.errors(include_url=False)} & {"promise_by", "accepted"}
        kept = {key: value for key, value in from_json(body).items() if key not in wrong}
        return Advice.model_validate(kept, strict=False)
