"""Which open travels a message of the centre may be about, without asking all of them.

Advice, answers and customs records come by the thousand while thousands of items are on the belts, and nearly all are
of parcels that are not here. So what has been heard of a travel is noted when its identity is settled, and found again
by everything that a message can name: a code, another form of it, a parcel, or what the parcel belongs to. What is
noted is never taken back before the travel ends: who asks judges those that are found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from controller.advice import Advice
from controller.customs import Subject
from controller.identity_rules import Rules
from controller.line import LineState
from controller.travel import Travel

Name: TypeAlias = str | Subject


@dataclass(slots=True)
class _Noted:
    """What is known of a travel already, and the names that it has been given."""

    heard: set[tuple[str, str]] = field(default_factory=set)
    advice: Advice | None = None
    names: set[Name] = field(default_factory=set)


class Mentions:
    """Names -> open travels."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._noted: dict[str, _Noted] = {}
        self._named: dict[Name, dict[str, Travel]] = {}
        self._unsettled: dict[str, Travel] | None = None
        """restored ones of which nothing was noted yet; None = nobody asked since the start"""

    def note(self, travel: Travel, advice: Advice | None) -> None:
        """What was read of a travel, the parcel that it carries, and that one's advice."""
        noted = self._noted.get(travel.id)
        if noted is None:
            noted = self._noted[travel.id] = _Noted()
            if self._unsettled:
                self._unsettled.pop(travel.id, None)
        for result in travel.results:
            code = result.code
            if code is not None and (code, result.symbology) not in noted.heard:
                noted.heard.add((code, result.symbology))
                self._name(travel, noted, (code, *self._rules.texts(code, result.symbology)))
        if travel.parcel is not None and travel.parcel not in noted.names:
            self._name(travel, noted, (travel.parcel,))
        if advice is not None and advice is not noted.advice:
            noted.advice = advice
            self._name(travel, noted, advice.subjects)

    def forget(self, travel: Travel) -> None:
        """It has ended."""
        if self._unsettled:
            self._unsettled.pop(travel.id, None)
        noted = self._noted.pop(travel.id, None)
        for name in noted.names if noted is not None else ():
            named = self._named[name]
            del named[travel.id]
            if not named:
                del self._named[name]

    def of(self, names: Iterable[Name], travels: Callable[[], list[tuple[LineState, Travel]]]) -> dict[str, Travel]:
        """Those of the open `travels` that may have one of these names, by their ids."""
        if self._unsettled is None:
            self._unsettled = {travel.id: travel for _, travel in travels() if travel.id not in self._noted}
        found = dict(self._unsettled)
        for name in names:
            found |= self._named.get(name, {})
        return found

    def _name(self, travel: Travel, noted: _Noted, names: Iterable[Name]) -> None:
        for name in names:
            noted.names.add(name)
            self._named.setdefault(name, {})[travel.id] = travel
