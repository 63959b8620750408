"""How a changed rule is run: in a forked child, with the rule tests, until one fails.

There are two ways to put a change in. A change inside a function is its code, exchanged in a process in which all is
imported and collected: then only the tests that call this function run, the quick ones first. A change that acts on
import (a table, a default), or in a function that test modules call while they are imported, is made by the import
machinery in a process that has imported nothing of the rules yet.
"""

from __future__ import annotations

import ast
import gc
import importlib
import os
import pickle
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, BinaryIO

import hypothesis
import pytest

from tests.mutations import Mutant

ROOT = Path(__file__).parents[1]
SECONDS = 20
"""CPU time for one change: then it hangs."""

MEMORY = 2 << 30

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


@dataclass
class Seen:
    """What a run without any change showed."""

    tests: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """(module, function) -> the tests that call it, the quick ones first"""
    seconds: float = 0.0
    """CPU time of all tests together"""
    at_import: set[tuple[str, str]] = field(default_factory=set)
    """functions that test modules call while they are imported"""
    failed: list[str] = field(default_factory=list)


class Runs:
    """The modules that are changed, the tests that judge, and how many run at a time."""

    def __init__(self, trees: dict[str, ast.Module], tests: Sequence[str], slow: Sequence[str], workers: int) -> None:
        self._trees, self._tests, self._workers = trees, tests, workers
        self._slow = [f"--deselect={name}" for name in slow]

    def tried(self, found: list[Mutant], note: Callable[[int, str], None]) -> Seen:
        """Try every change; `note` is told its index and "killed", "hung" or "survived". Nothing is tried when tests
        fail without a change."""
        inside = [index for index, mutant in enumerate(found) if mutant.in_function]
        fresh = {index for index, mutant in enumerate(found) if not mutant.in_function}
        answers = _from_child(lambda out: self.pytest(self._tests, Collected(self, [found[at] for at in inside], out)))
        seen: Seen = next(answers)
        for at, verdict in answers:
            index = inside[at]
            if verdict == "survived" and (found[index].module, found[index].where) in seen.at_import:
                fresh.add(index)
            else:
                note(index, verdict)
        again = sorted(fresh) if not seen.failed else []
        for at, verdict in self.forked([found[index] for index in again], self._killed_afresh):
            note(again[at], verdict)
        return seen

    def pytest(self, files: Sequence[str], plugin: object) -> int:
        """Run test files; the exit code."""
        told = "-x -q --hypothesis-profile=quick -o addopts= -W ignore::pytest.PytestAssertRewriteWarning".split()
        return int(pytest.main([*told, *self._slow, *files], [plugin]))

    def forked(self, jobs: Iterable[Mutant], kills: Callable[[Mutant], bool]) -> Iterator[tuple[int, str]]:
        """Run every job in a child; (its index, what came of it) as they end."""
        running: dict[int, int] = {}
        for index, job in enumerate(jobs):
            if len(running) == self._workers:
                yield _ended(running)
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    _limited()
                    code = int(kills(job))
                finally:
                    os._exit(code)
            running[pid] = index
        while running:
            yield _ended(running)

    def code(self, mutant: Mutant) -> CodeType:
        """The module with the change."""
        with mutant.applied():
            return compile(self._trees[mutant.module], str(file_of(mutant.module)), "exec")

    def _killed_afresh(self, mutant: Mutant) -> bool:
        """The module's own tests first: most changes end there."""
        loader = Changed(mutant.module, self.code(mutant))
        sys.meta_path.insert(0, loader)
        own = [file for file in self._tests if mutant.module in file]
        rest = [file for file in self._tests if file not in own]
        return any(self.pytest(files, loader) != 0 for files in (own, rest) if files)


class Changed(SourceFileLoader):
    """Loads one module of the rules from changed code."""

    def __init__(self, module: str, code: CodeType) -> None:
        super().__init__(f"controller.{module}", str(file_of(module)))
        self._code = code

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        return self._code


class Collected:
    """A pytest plugin: when all is collected, see which test calls what, then try the changes inside functions."""

    def __init__(self, runs: Runs, found: list[Mutant], out: Callable[[object], None]) -> None:
        self._runs, self._found, self._out = runs, found, out
        self._failed = False
        self._importing = Recorder().__enter__()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed = self._failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of running the tests once."""
        self._importing.__exit__()
        items = {item.nodeid: item for item in session.items}
        gc.freeze()
        # In a child, because no cache may be warm when a change is tried.
        (seen,) = _from_child(lambda out: out(self._measured(session.items)))
        seen.at_import = self._importing.calls
        self._out(seen)

        def kills(mutant: Mutant) -> bool:
            return self._kills(mutant, [items[name] for name in seen.tests.get((mutant.module, mutant.where), ())])

        for answer in self._runs.forked(self._found, kills) if not seen.failed else ():
            self._out(answer)
        return True

    def _measured(self, items: list[pytest.Item]) -> Seen:
        seen = Seen()
        took: dict[str, float] = {}
        for item in items:
            start, self._failed = time.process_time(), False
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            took[item.nodeid] = time.process_time() - start
            with Recorder() as recorder:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            for called in recorder.calls:
                seen.tests.setdefault(called, []).append(item.nodeid)
            if self._failed:
                seen.failed.append(item.nodeid)
        for names in seen.tests.values():
            names.sort(key=took.__getitem__)
        seen.seconds = sum(took.values())
        return seen

    def _kills(self, mutant: Mutant, items: list[pytest.Item]) -> bool:
        if not items:
            return False
        _function(mutant).__code__ = _code_of(self._runs.code(mutant), mutant.where)
        for item in items:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if self._failed:
                return True
        return False


class Recorder:
    """Notes which functions of controller/ are called: (module, dotted name)."""

    def __init__(self) -> None:
        self.calls: set[tuple[str, str]] = set()
        self._folder = f"{ROOT / 'controller'}{os.sep}"

    def __enter__(self) -> Recorder:
        sys.setprofile(self._noted)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _noted(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(self._folder):
            module = code.co_filename[len(self._folder) : -len(".py")]
            self.calls.add((module, code.co_qualname.partition(".<locals>")[0]))


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


def _from_child(run: Callable[[Callable[[object], None]], object]) -> Iterator[Any]:
    """What a function that runs in a silent child gives out."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with os.fdopen(writing, "wb") as out:
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)

            def give(what: object) -> None:
                pickle.dump(what, out)
                out.flush()

            run(give)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as given:
        yield from _unpickled(given)
    os.waitpid(pid, 0)


def _unpickled(given: BinaryIO) -> Iterator[Any]:
    while True:
        try:
            yield pickle.load(given)
        except EOFError:
            return


def _limited() -> None:
    """This process says nothing, does not hang for ever and takes no more memory than there is."""
    gc.disable()
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 6 * SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _ended(running: dict[int, int]) -> tuple[int, str]:
    """Wait for one of these children."""
    pid, status = os.waitpid(-1, 0)
    while pid not in running:
        pid, status = os.waitpid(-1, 0)
    hung = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGALRM)
    return running.pop(pid), "survived" if status == 0 else "hung" if hung else "killed"
