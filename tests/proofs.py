"""python -m tests.proofs: what the wire of each kind of reader proves, and what it cannot prove, in numbers.

Each frame that a transcript holds is damaged in every place, in each way of DAMAGES. A false read is a code, a passage
or measures that come out of it and were not in it. PROVED says what a proof must catch; the rest is counted, and is
what nobody can catch who has only these bytes. `--write` puts the table into docs/scanners.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from devices.types import Item, Message, Passage, Read, Sized
from tests import transcripts
from tests.ears import KINDS, READERS, Ear, conversation_settings, messages_of, settings_groups

DOCS = Path(__file__).parents[1] / "docs" / "scanners.md"
HEAD = "| kind | what proves a read | frames |"

Content: TypeAlias = tuple[object, ...]

END, FRONT, NEXT, BYTE, BIT = "end lost", "front lost", "end lost, next follows", "a byte lost", "a bit flipped"
DAMAGES = (END, FRONT, NEXT, BYTE, BIT)

CHECKSUM, START_END, SOME_STARTS = "a checksum", "start and end", "start and end, heartbeats without start"
CHECK_DIGIT, ONE_LENGTH = "the end, and a check digit", "the end, and one length"
COUNTED, HEADER, ONLY_END, JSON = "a header that counts, and the end", "a header, and the end", "the end", "JSON"

PROVED = {
    CHECKSUM: DAMAGES,
    START_END: (END, FRONT, NEXT),
    SOME_STARTS: (END, FRONT),
    CHECK_DIGIT: (END, FRONT, BYTE),
    ONE_LENGTH: (END, FRONT, BYTE),
    COUNTED: (END, FRONT, NEXT, BYTE),
    HEADER: (END, FRONT),
    ONLY_END: (END,),
    JSON: (END, FRONT),
}
"""What gives no false read at all, by what proves a read."""

HEADERS = {"dataman": (b"||", HEADER), "honeywell": (b"]", HEADER), "keyence_sr": (b"%", COUNTED)}
"""Printable ones, and what they prove; where a kind has one, the driver takes nothing without it."""

AT_A_BROKER = 4
"""So many messages of a kind on a broker are damaged: they are long, and alike."""


@dataclass
class Row:
    """How many of the damaged frames gave a false read."""

    kind: str
    proof: str
    frames: int = 0
    tried: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DAMAGES, 0))
    false: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DAMAGES, 0))
    examples: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        cells = (f"{self.false[one]:,} of {self.tried[one]:,}" if self.tried[one] else "–" for one in DAMAGES)
        return f"| `{self.kind}` | {self.proof} | {self.frames} | {' | '.join(cells)} |"


def proof_of(kind: str, texts: tuple[str, ...], frame: bytes, beside: Iterable[bytes] = ()) -> str:
    """What proves that a frame is whole, by how it and those beside it look and what the settings say; for the kinds to
    come, too."""
    if kind == "zebra_ssi" or (kind == "sick_cola" and frame.startswith(b"\x02" * 4)):
        return CHECKSUM
    if _starts(frame):
        return START_END if all(map(_starts, beside)) else SOME_STARTS
    for start, proof in (("check=", CHECK_DIGIT), ("fixed_lengths=", ONE_LENGTH)):
        if any(text.startswith(start) for text in texts):
            return proof
    header, proof = HEADERS.get(kind, (b"", ""))
    return proof if header and frame.startswith(header) else ONLY_END


def _starts(frame: bytes) -> bool:
    """Whether it begins with a byte that no code holds."""
    return frame[0] < 0x20 and frame[:1] not in (b"\r", b"\n")


def rows(kind: str) -> list[Row]:
    """One for each proof that the frames of a kind have."""
    found: dict[str, Row] = {}
    for proof, frame, after, heard in _frames(kind):
        row = found.setdefault(proof, Row(kind, proof))
        row.frames += 1
        true = heard(frame) | heard(after)
        for damage, data in damaged(frame, after):
            row.tried[damage] += 1
            if false := heard(data) - true:
                row.false[damage] += 1
                row.examples.setdefault(damage, f"{frame!r} -> {data!r}: {false}")
    return list(found.values())


def damaged(frame: bytes, after: bytes) -> Iterator[tuple[str, bytes]]:
    """Every damage in every place; `after` = what follows at once where that matters, empty = nothing does."""
    for at in range(1, len(frame)):
        yield END, frame[:at]
        yield FRONT, frame[at:]
        if after:
            yield NEXT, frame[:at] + after
    for at in range(len(frame)):
        yield BYTE, frame[:at] + frame[at + 1 :]
        for bit in range(8):
            yield BIT, frame[:at] + bytes([frame[at] ^ 1 << bit]) + frame[at + 1 :]


def _frames(kind: str) -> Iterator[tuple[str, bytes, bytes, Callable[[bytes], set[Content]]]]:
    """(proof, frame, the one that follows, what is heard of bytes) of what the machine says in its transcript."""
    if kind not in KINDS:
        yield from _messages(kind)
        return
    for texts in settings_groups(kind):
        said = [one for one in messages_of(kind, texts) if one.direction != "C"]
        frames = [one.raw for one in said if not one.meaning.startswith("garbled")]

        def heard(data: bytes, texts: tuple[str, ...] = texts) -> set[Content]:
            ear = Ear(kind, texts)
            return contents([*ear.feed(data, 1.0), *ear.quiet(1.0), *ear.close(9000.0)])

        for frame, after in zip(frames, [*frames[1:], *frames[:1]], strict=True):
            yield proof_of(kind, texts, frame, frames), frame, after, heard


def _messages(kind: str) -> Iterator[tuple[str, bytes, bytes, Callable[[bytes], set[Content]]]]:
    """The same of messages on a broker, which carries them whole and one by one."""
    texts = conversation_settings(kind)[0]
    taken = 0
    for said in transcripts.conversation(kind):
        if said.direction == "C" or taken == AT_A_BROKER:
            continue

        def heard(data: bytes, topic: str = said.topic) -> set[Content]:
            ear = Ear(kind, texts)
            return contents([*ear.feed(Message(topic, data), 1.0), *ear.quiet(1.0), *ear.close(9000.0)])

        if heard(said.payload):
            taken += 1
            yield JSON, said.payload, b"", heard


def contents(items: Iterable[Item]) -> set[Content]:
    """What would be believed of a parcel."""
    found: set[Content] = set()
    for item in items:
        match item:
            case Read(text=text):
                found.add(("read", text))
            case Passage(text=text, epc=epc):
                found.add(("passage", text, epc))
            case Sized(quantities=quantities):
                found.add(("sized", *((one.what, one.value, one.unit, one.quality) for one in quantities)))
    return found


def head() -> list[str]:
    """The two lines above the rows."""
    return [f"{HEAD} {' | '.join(DAMAGES)} |", "|---|---|" + "---:|" * (len(DAMAGES) + 1)]


def stated() -> list[str]:
    """The table that docs/scanners.md holds, with its head."""
    lines = DOCS.read_text().splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(HEAD))
    end = next((at for at in range(start, len(lines)) if not lines[at].startswith("|")), len(lines))
    return lines[start:end]


def main() -> int:
    """Print the table, and what a false read looks like."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs", description=__doc__)
    parser.add_argument("--kind", action="append", choices=READERS, help="only this one; may be repeated")
    parser.add_argument("--examples", action="store_true", help="also one false read of each sort")
    parser.add_argument("--write", action="store_true", help="put the table into docs/scanners.md")
    wanted = parser.parse_args()
    lines = head()
    for kind in wanted.kind or sorted(READERS):
        for row in rows(kind):
            lines.append(str(row))
            for damage, example in row.examples.items() if wanted.examples else ():
                print(f"{kind}, {row.proof}, {damage}: {example}", file=sys.stderr)
    print("\n".join(lines))
    if wanted.write:
        DOCS.write_text(DOCS.read_text().replace("\n".join(stated()), "\n".join(lines)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
