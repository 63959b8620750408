"""Whether the rule tests see a wrong rule: `make mutants`, or `python -m tests.mutants --module matching`.

Every small change of `mutations.py` to a module of rules is tried by itself. A change that fails a test, or hangs, is
killed; one that no test sees survives, and `mutants.toml` says for each of these why that may be. Exit 1 when a module
has less than `--threshold` percent killed, a survivor has no reason there or a reason no survivor; 2 when tests fail
without a change. All modules take about ten minutes of CPU time.

Why no library (measured on 14 of these modules, two cores): mutmut 3.8 takes about as long and shows much the same for
the code inside of functions, but changes no table, default, property or other decorated function, and has no place for
reasons except comments in the rules. cosmic-ray 8.7 starts the tests anew for each of 3,491 changes: some hours.
"""

from __future__ import annotations

import argparse
import ast
import os
import sys
import time
import tomllib
from collections import Counter
from tempfile import TemporaryDirectory

from tests.mutant_runs import ROOT, Trials, file_of, run_tests
from tests.mutations import Mutant, mutants

MODULES = (
    "matching identity identity_rules routing customs promise departures travel lanes doubt readers line questions "
    "switching plan inhibiting booking plan_rules closure containers drops advice asking moments hands measures"
).split()
TESTS = (
    "matching match_modes late_readers identity identity_rules routing customs travel floor rules loops booking "
    "switching plan planning edge_cases promise departures moments lanes containers kept asking closure hands presence"
).split()
SLOW = (
    "test_departures.py::test_of_too_many_those_stay_that_leave_first",
    "test_floor.py::test_whatever_happens",
    "test_floor.py::test_reads_without_parcels_do_not_grow",
    "test_promise.py::test_ten_thousand_decisions_beside_an_exhaustive_search",
    "test_switching.py::test_no_moment_is_missed_or_made_twice",
)
"""Left out: they take as long as all the others together."""


def rule_tests() -> list[str]:
    """What pytest is told to run."""
    folder = ROOT / "tests"
    files = [*(folder / f"test_{name}.py" for name in TESTS), *sorted(folder.glob("test_rules_*.py"))]
    return [*(f"tests/{file.name}" for file in files), *(f"--deselect=tests/{name}" for name in SLOW)]


def reasons() -> dict[tuple[str, str, str], str]:
    """(module, function, change) -> why a survivor may be."""
    listed = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text())
    return {
        (module, one["where"], change): one["why"]
        for module, found in listed.items()
        for one in found
        for change in one["changes"]
    }


def report(found: list[Mutant], verdicts: list[str], why: dict[tuple[str, str, str], str], threshold: float) -> bool:
    """Print survivors and totals; whether all is as it should be."""
    good = True
    totals: dict[str, Counter[str]] = {}
    for mutant, verdict in zip(found, verdicts, strict=True):
        reason = why.pop((mutant.module, mutant.where, mutant.change), None)
        total = totals.setdefault(mutant.module, Counter())
        total[verdict] += 1
        if verdict == "survived":
            total["listed"] += reason is not None
            good = good and reason is not None
            print(f"{mutant}{f'  ({reason})' if reason else ''}")
        elif reason is not None:
            good = False
            print(f"{mutant}  (is killed: no reason is needed)")
    for module, where, change in why:
        if module in totals:
            good = False
            print(f"controller/{module}.py: {where}: {change}  (there is no such change)")
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
    found = [mutant for name in names for mutant in mutants(name, trees[name])]
    if wanted.list:
        print(*found, sep="\n")
        return 0
    start = time.monotonic()
    trials = Trials(trees, found, rule_tests(), wanted.workers)
    with TemporaryDirectory() as folder:  # each child has its own in it, and leaves it behind
        os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
        code = run_tests(rule_tests(), trials)
    if trials.failed:
        print("these fail without any change:", *trials.failed, sep="\n  ")
        return 2
    if code:
        print(f"not tried to the end: {code.name}")
        return 2
    good = report(found, trials.verdicts, reasons(), wanted.threshold)
    print(f"rule tests once: {trials.seconds:.1f} s; every change: {time.monotonic() - start:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
