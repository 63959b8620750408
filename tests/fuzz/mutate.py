"""Changed scripts, the same for the same seed: what a fuzzer without coverage does."""

from __future__ import annotations

from random import Random

from tests.fuzz.script import FEED, STEPS, Step, parsed, written

PIECES = (
    *(bytes([byte]) for byte in b"\x00\x02\x03\x04\x06\r\n\x15\x16\x1b\x1d\xff"),
    *(b"\x02\x02\x02\x02\x7f\xff\xff\xff", b"||>", b"||[0]", b"\xff" * 300, b"9" * 5000, b"[" * 3000, b"\xc3\x28"),
)


def changed(rng: Random, scripts: list[bytes]) -> bytes:
    """One of the scripts, with some changes."""
    script = rng.choice(scripts)
    steps = list(parsed(script))[: rng.choice((3, 10, 40))]
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        _change(rng, steps, scripts)
    return written(script[0], steps)


def _change(rng: Random, steps: list[Step], scripts: list[bytes]) -> None:
    at = rng.randrange(len(steps)) if steps else 0
    match rng.randrange(6):
        case 0:
            steps.insert(at, Step(rng.randrange(FEED + 1, STEPS), b"", rng.randrange(256), rng.random() < 0.9))
        case 1:
            other = list(parsed(rng.choice(scripts)))
            steps[at:at] = other[: rng.randrange(4)]
        case 2 if steps:
            data, cut = steps[at].data, rng.randrange(len(steps[at].data) + 1)
            steps[at : at + 1] = [Step(FEED, data[:cut]), Step(FEED, data[cut:], take=rng.random() < 0.5)]
        case _ if steps:
            steps[at] = Step(FEED, _bytes(rng, steps[at].data), 0, steps[at].take)


def _bytes(rng: Random, data: bytes) -> bytes:
    a, b = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    match rng.randrange(5):
        case 0:
            return data[:a] + rng.choice(PIECES) + data[a:]
        case 1:
            return data[:a] + data[b:]
        case 2:
            return data[:b] + data[a:b] * rng.choice((1, 2, 50)) + data[b:]
        case 3:
            return data[:a] + rng.randbytes(b - a) + data[b:]
        case _:
            return data[:a] + bytes(byte ^ 1 << rng.randrange(8) for byte in data[a : a + 1]) + data[a + 1 :]
