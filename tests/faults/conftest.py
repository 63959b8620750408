"""Tests that mostly wait run beside the others, on threads of their own: `@pytest.mark.meanwhile(scenario=…)`.

`scenario(folder, full)` returns its figures as text; the fixture `meanwhile` is that text, or raises what it raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

BESIDE = 3


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "meanwhile(scenario): run on a thread from the first fault test on")


@pytest.fixture(scope="session", autouse=True)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[str]]]:
    """The scenario of each selected test that has one."""
    full = bool(request.config.getoption("--full"))
    threads = ThreadPoolExecutor(BESIDE, "meanwhile")
    futures = {}
    for item in request.session.items:
        if mark := item.get_closest_marker("meanwhile"):
            futures[item.nodeid] = threads.submit(mark.kwargs["scenario"], tmp_path_factory.mktemp("meanwhile"), full)
    yield futures
    threads.shutdown(cancel_futures=True)


@pytest.fixture
def meanwhile(request: pytest.FixtureRequest, running: dict[str, Future[str]]) -> str:
    """The figures of this test's scenario."""
    return running[request.node.nodeid].result()
