"""A daemon in virtual time as a child process: `floord rehearse FLOOR.toml`, of any build, through a pipe.

Its lines are described by `floord rehearse --help`. For each line that it is told it says one, so neither side ever
waits for the other without end; what it said is kept here until it is fetched.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from firmware_stubs.stub import Message, Piece

ENDS_S = 10.0


class ChildError(Exception):
    """The child cannot be started, or has ended; the text says why."""


def floord(path: str | None) -> str:
    """The build to be used: this path, else the one installed beside floorsim, else the first in PATH."""
    if path is not None:
        return path
    beside = Path(sys.executable).with_name("floord")
    found = str(beside) if beside.exists() else shutil.which("floord")
    if found is None:
        raise ChildError("there is no floord beside floorsim, nor in PATH; say where it is with --floord PATH")
    return found


class RehearsedChild:
    """A `Daemon` of lockstep. Its stderr is ours. Use it as a context manager: it ends the child."""

    def __init__(self, program: str, floor: Path, *, now: float, utc_ms: float, seed: int = 0) -> None:
        """`utc_ms`: UTC at `now`. Raises ChildError, with the reason, where it does not begin."""
        command = [program, "rehearse", str(floor), "--at", repr(now), "--utc", repr(utc_ms), "--seed", str(seed)]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
            )
        except OSError as error:
            raise ChildError(f"{program}: {error.strerror}; give a floord with --floord PATH") from None
        self._what = f"{program} rehearse {floor}"
        self._now = now
        self._next_at: float | None = None
        self._said: list[tuple[str, Piece]] = []
        self._published: list[tuple[str, bytes, bool]] = []
        self._hang_ups: list[tuple[str, str]] = []
        self._heard: list[str] = []
        try:
            self.about = self._answer()
            """its first line: site, node, version, ports"""
            if self.about.get("rehearsal") != 1:
                raise ChildError(f"{self._what}: it does not speak version 1 of rehearse")
        except ChildError:
            self.close()
            raise
        self._ports: Mapping[str, Any] = self.about["ports"]
        self.ports: Mapping[str, Sequence[str]] = {port: one["devices"] for port, one in self._ports.items()}

    def __enter__(self) -> RehearsedChild:
        """It runs."""
        return self

    def __exit__(self, *_: object) -> None:
        """It ends."""
        self.close()

    def close(self) -> None:
        """End the child."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:  # it is gone, and what was to be said with it
            pass
        self._process.stdout.close()
        try:
            self._process.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def link(self, port: str) -> str:
        """The port's link, as the floor file has it."""
        return str(self._ports[port]["link"])

    def subscriptions(self, port: str = "") -> Sequence[str]:
        """Topic filters of a port; without one, those of the centre's messages."""
        filters: Sequence[str] = (self._ports[port] if port else self.about)["subscriptions"]
        return filters

    def link_up(self, port: str, now: float) -> None:
        """A port is open."""
        self._tell(now, up=port)

    def link_down(self, port: str, now: float, why: str) -> None:
        """A port is gone."""
        self._tell(now, down=port, why=why)

    def received(self, port: str, piece: Piece, now: float) -> None:
        """A piece of a machine arrived."""
        if isinstance(piece, Message):
            self._tell(now, port=port, topic=piece.topic, hex=piece.payload.hex(), retain=piece.retain)
        else:
            self._tell(now, port=port, hex=piece.hex())

    def message(self, topic: str, payload: bytes, now: float, retained: bool = False) -> None:
        """A message of the centre arrived."""
        self._tell(now, topic=topic, hex=payload.hex(), retain=retained)

    def ask(self, request: Mapping[str, Any], now: float) -> dict[str, Any]:
        """A request as on the control socket."""
        answer: dict[str, Any] = self._tell(now, ask=request)["answer"]
        return answer

    def advance(self, now: float) -> None:
        """Do everything that is due until now; where nothing is, it need not be told."""
        if self._next_at is not None and self._next_at <= now:
            self._tell(now)

    def next_at(self) -> float | None:
        """When it has something to do next."""
        return self._next_at

    def said(self) -> list[tuple[str, Piece]]:
        """(port, piece) to machines, since the last call."""
        said, self._said = self._said, []
        return said

    def published(self) -> list[tuple[str, bytes, bool]]:
        """(topic, payload, retain) on the centre's broker, since the last call."""
        published, self._published = self._published, []
        return published

    def hang_ups(self) -> list[tuple[str, str]]:
        """(port, why) of connections that it closes, since the last call."""
        hang_ups, self._hang_ups = self._hang_ups, []
        return hang_ups

    def heard(self) -> list[str]:
        """What it understood of the machines' pieces, in words, since the last call."""
        heard, self._heard = self._heard, []
        return heard

    def _tell(self, now: float, **members: Any) -> dict[str, Any]:
        self._now = max(self._now, now)
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"t": self._now, **members}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # `_answer` says why it ended
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ChildError(f"{self._what} ended with exit code {self._process.wait()}; what it said is above")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ChildError(f"{self._what}: {answer['error']}")
        self._next_at = answer["next_at"]
        self._said += [(port, _piece(*piece)) for port, *piece in answer["said"]]
        self._published += [(topic, bytes.fromhex(data), retain) for topic, data, retain in answer["published"]]
        self._hang_ups += [(port, why) for port, why in answer["hang_ups"]]
        self._heard += answer["heard"]
        return answer


def _piece(first: str, payload: str | None = None, retain: bool = False) -> Piece:
    """Hex of bytes; or topic, hex, retain."""
    return bytes.fromhex(first) if payload is None else Message(first, bytes.fromhex(payload), retain=retain)
