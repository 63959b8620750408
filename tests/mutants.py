"""Whether the rule tests see a wrong rule: `make mutants`, or `python -m tests.mutants --module matching`.

Every small change of `mutations.py` to a module of rules is tried by itself. A change that fails a test, or hangs, is
killed; one that no test sees survives, and `mutants.toml` says for each of these why that may be. Exit 1 when a module
has less than `--threshold` percent killed or a survivor has no reason there, 2 when tests fail without a change.

Why no library (measured on 14 of these modules, two cores): mutmut 3.8 takes about as long and shows much the same for
the code inside of functions, but changes no table, default, property or other decorated function, and has no place for
reasons except comments in the rules. cosmic-ray 8.7 starts the tests anew for each of 3,491 changes: some hours.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import sys
import time
import tomllib
from collections import Counter

from tests.mutant_runs import ROOT, Runs, Seen, file_of
from tests.mutations import Mutant, mutants

MODULES = (
    "matching identity routing customs promise departures travel lanes doubt line questions switching plan inhibiting "
    "booking"
).split()
LEFT_OUT = frozenset("load_plan plan_of_text read_plan _whole _plan _rules _special PlanFile Head Special".split())
"""What reads files, in plan.py."""

TESTS = (
    "matching match_modes identity routing customs travel floor rules loops booking switching plan planning edge_cases "
    "promise departures moments lanes containers doubt kept"
).split()
SLOW = (
    "test_customs.py::test_memory_ahead_of_a_gap_is_bounded_and_stays_closed",
    "test_departures.py::test_of_too_many_those_stay_that_leave_first",
    "test_floor.py::test_whatever_happens",
    "test_floor.py::test_reads_without_parcels_do_not_grow",
    "test_promise.py::test_ten_thousand_decisions_beside_an_exhaustive_search",
    "test_switching.py::test_no_moment_is_missed_or_made_twice",
)
"""Left out: they take as long as all the others together."""


def tests() -> list[str]:
    """The files of the rule tests."""
    folder = ROOT / "tests"
    named = [folder / f"test_{name}.py" for name in TESTS]
    return [f"tests/{file.name}" for file in (*named, *sorted(folder.glob("test_rules_*.py"))) if file.exists()]


def reasons() -> dict[tuple[str, str, str], str]:
    """(module, function, change) -> why a survivor may be."""
    listed = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text())
    return {(module, one["where"], one["change"]): one["why"] for module, found in listed.items() for one in found}


def report(found: list[Mutant], verdicts: list[str], why: dict[tuple[str, str, str], str], threshold: float) -> bool:
    """Print survivors and totals; whether all is as it should be."""
    good = True
    totals: dict[str, Counter[str]] = {}
    for mutant, verdict in zip(found, verdicts, strict=True):
        reason = why.get((mutant.module, mutant.where, mutant.change))
        total = totals.setdefault(mutant.module, Counter())
        total[verdict] += 1
        if verdict == "survived":
            total["listed"] += reason is not None
            good = good and reason is not None
            print(f"{mutant}{f'  ({reason})' if reason else ''}")
        elif reason is not None:
            print(f"{mutant}  (is killed: no reason is needed)")
    print(f"\n{'module':12}{'changes':>9}{'killed':>8}{'hung':>6}{'survived':>10}{'listed':>8}{'killed %':>10}")
    for module, total in (*totals.items(), ("all", sum(totals.values(), Counter()))):
        number = sum(total[verdict] for verdict in ("killed", "hung", "survived"))
        share = 100 * (number - total["survived"]) / number
        good = good and share >= threshold
        figures = "".join(f"{total[name]:{width}}" for name, width in (("killed", 8), ("hung", 6), ("survived", 10)))
        print(f"{module:12}{number:9}{figures}{total['listed']:8}{share:10.1f}")
    return good


def asked() -> argparse.Namespace:
    """What the command line wants."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--module", action="append", choices=MODULES, help="only this module (may be repeated)")
    parser.add_argument("--sample", type=int, help="so many changes, drawn with --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threshold", type=float, default=90.0, help="percent killed that every module must reach")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="show the changes, try none")
    return parser.parse_args()


def main() -> int:
    """The command."""
    wanted = asked()
    os.chdir(ROOT)
    names = wanted.module or MODULES
    trees = {name: ast.parse(file_of(name).read_text()) for name in names}
    found = [mutant for name in names for mutant in mutants(name, trees[name], LEFT_OUT)]
    if wanted.sample is not None and wanted.sample < len(found):
        chosen = sorted(random.Random(wanted.seed).sample(range(len(found)), wanted.sample))
        found = [found[index] for index in chosen]
    if wanted.list:
        print(*found, sep="\n")
        return 0
    why = reasons()
    verdicts: dict[int, str] = {}

    def note(index: int, verdict: str) -> None:
        verdicts[index] = verdict
        if sys.stderr.isatty():
            print(f"\r{len(verdicts)} of {len(found)}", end="", file=sys.stderr, flush=True)

    start = time.monotonic()
    seen: Seen = Runs(trees, tests(), [f"tests/{name}" for name in SLOW], wanted.workers).tried(found, note)
    print()
    if seen.failed:
        print("these fail without any change:", *seen.failed, sep="\n  ")
        return 2
    good = report(found, [verdicts[index] for index in range(len(found))], why, wanted.threshold)
    print(f"rule tests once: {seen.seconds:.1f} s; every change: {time.monotonic() - start:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
