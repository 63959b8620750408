"""The one way in which a run fails."""

from __future__ import annotations


class Broken(AssertionError):
    """A promise does not hold: its name (P1 … P17, conservation, closure, recovery) and what was seen."""

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise
