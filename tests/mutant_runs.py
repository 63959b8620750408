"""How a changed rule is run: in a fork of a process that has collected the rule tests, until one of them fails.

A change inside a function is its code, exchanged: only the tests that call this function run, the quick ones first. A
change that acts on import (a table, a default), or in a function that test modules call while they are imported, needs
all of it imported anew.
"""

from __future__ import annotations

import ast
import gc
import importlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import hypothesis
import pytest

from tests.mutations import Mutant

ROOT = Path(__file__).parents[1]
OURS = ("controller", "devices", "tests")
SECONDS = 20
"""CPU time for one change: then it hangs."""

MEMORY = 2 << 30

VERDICTS = {
    0: "survived",
    1: "killed",
    -signal.SIGSEGV: "killed",
    -signal.SIGPROF: "hung",
    -signal.SIGALRM: "hung",
}
"""exit code of a child, or minus the signal that ended it -> what came of its change"""

hypothesis.settings.register_profile(
    "quick",
    max_examples=10,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    suppress_health_check=list(hypothesis.HealthCheck),
)
"""Few examples, always the same ones, no search for a smaller one."""


class Trials:
    """A pytest plugin. When all is collected, it sees which test calls what, and tries the changes."""

    def __init__(self, trees: dict[str, ast.Module], found: Sequence[Mutant], tests: Sequence[str], workers: int):
        self._trees, self._found, self._told, self._workers = trees, found, tests, workers
        self._tests: dict[tuple[str, str], list[pytest.Item]] = {}
        self._importing = Calls()
        self._failing = False
        self.failed: list[str] = []
        """tests that fail without a change: nothing is tried then"""
        self.seconds = 0.0
        """CPU time of all tests together"""
        self.verdicts = [""] * len(found)
        """killed, hung or survived"""

    def pytest_collection(self) -> None:
        self._importing.__enter__()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failing = self._failing or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of running the tests once."""
        self._importing.__exit__()
        self._look_at(session.items)
        gc.freeze()
        for done, (index, verdict) in enumerate(self._tried() if not self.failed else (), 1):
            self.verdicts[index] = verdict
            if sys.stderr.isatty():
                print(f"\r{done} of {len(self._found)}", end="", file=sys.stderr, flush=True)
        return True

    def _look_at(self, items: Sequence[pytest.Item]) -> None:
        """Run each test to see what it calls, and again for its time."""
        took = {}
        for item in items:
            with Calls() as calls:
                if self._fails(item):
                    self.failed.append(item.nodeid)
            for called in calls.found:
                self._tests.setdefault(called, []).append(item)
            start = time.process_time()
            self._fails(item)
            took[item] = time.process_time() - start
        for tests in self._tests.values():
            tests.sort(key=took.__getitem__)
        self.seconds = sum(took.values())
        _forget()

    def _fails(self, item: pytest.Item) -> bool:
        self._failing = False
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return self._failing

    def _tried(self) -> Iterator[tuple[int, str]]:
        """Try each change in a child; (its index, what came of it) as they end."""
        running: dict[int, int] = {}
        for index, mutant in enumerate(self._found):
            if len(running) == self._workers:
                yield self._ended(running)
            pid = os.fork()
            if pid == 0:
                code = 2
                try:
                    _limit()
                    code = int(self._kills(mutant))
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(code)
            running[pid] = index
        while running:
            yield self._ended(running)

    def _ended(self, running: dict[int, int]) -> tuple[int, str]:
        """Wait for one of these children."""
        pid, status = os.wait()
        index = running.pop(pid)
        code = os.waitstatus_to_exitcode(status)
        if code not in VERDICTS:
            raise RuntimeError(f"cannot be tried, {code}: {self._found[index]}")
        return index, VERDICTS[code]

    def _kills(self, mutant: Mutant) -> bool:
        with mutant.applied():
            code = compile(self._trees[mutant.module], str(file_of(mutant.module)), "exec")
        called = (mutant.module, mutant.where)
        if mutant.in_function:
            _function(mutant).__code__ = _code_of(code, mutant.where)
            if any(map(self._fails, self._tests.get(called, ()))):
                return True
        return (not mutant.in_function or called in self._importing.found) and self._kills_anew(mutant.module, code)

    def _kills_anew(self, module: str, code: CodeType) -> bool:
        """The module's own tests first: most changes end there."""
        for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
            del sys.modules[name]
        sys.meta_path.insert(0, Changed(module, code))
        files = [told for told in self._told if told.startswith("tests/")]
        own = [file for file in files if file.endswith(f"_{module}.py")]
        rest = [told for told in self._told if told not in files]
        for told in ([*own, *rest], self._told) if own else (self._told,):
            ended = run_tests(told)
            if ended in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
                raise RuntimeError(f"pytest {' '.join(told)}: {ended.name}")
            if ended:
                return True
        return False


def run_tests(told: Sequence[str], *plugins: object) -> pytest.ExitCode:
    """Run tests, in silence."""
    options = "-x -p no:terminal --hypothesis-profile=quick -o addopts= -W ignore::pytest.PytestAssertRewriteWarning"
    return pytest.ExitCode(pytest.main([*options.split(), *told], list(plugins)))


class Changed(SourceFileLoader):
    """Loads one module of the rules from changed code."""

    def __init__(self, module: str, code: CodeType) -> None:
        super().__init__(f"controller.{module}", str(file_of(module)))
        self._code = code

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        return self._code


class Calls:
    """Notes which functions of controller/ are called: (module, dotted name)."""

    def __init__(self) -> None:
        self.found: set[tuple[str, str]] = set()
        self._codes: set[CodeType] = set()

    def __enter__(self) -> Calls:
        sys.settrace(lambda frame, event, _: self._codes.add(frame.f_code))
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        for code in self._codes:
            if code.co_filename.startswith(f"{ROOT}/controller/"):
                self.found.add((Path(code.co_filename).stem, code.co_qualname.partition(".<locals>")[0]))


def file_of(module: str) -> Path:
    """The source of a module of rules."""
    return ROOT / "controller" / f"{module}.py"


def _function(mutant: Mutant) -> FunctionType:
    """The living function that is changed."""
    found: Any = importlib.import_module(f"controller.{mutant.module}")
    for name in mutant.where.split("."):
        found = vars(found)[name]
    found = getattr(found, "fget", found)
    assert isinstance(found, FunctionType), mutant
    return found


def _code_of(code: CodeType, name: str) -> CodeType:
    """The code of a function in that of its module or class."""
    inside = [one for one in code.co_consts if isinstance(one, CodeType)]
    return next(
        one if one.co_qualname == name else _code_of(one, name)
        for one in inside
        if name == one.co_qualname or name.startswith(f"{one.co_qualname}.")
    )


def _forget() -> None:
    """No cache may be warm when a change is tried."""
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        for one in list(vars(sys.modules[name]).values()):
            getattr(one, "cache_clear", int)()


def _limit() -> None:
    """This process does not hang for ever and takes no more memory than there is."""
    gc.disable()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 6 * SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
