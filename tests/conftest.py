"""What holds for every test.

Several workers begin with what may take long (``order.py``).

Hypothesis measures no time: a machine may have much else to do. The umask, which a program sets
for itself when it starts, is after a test what it was before.

While tests are collected, and for what was collected, nothing looks for garbage: it is none.
"""

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.order import dealt

settings.register_profile(
    "patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")
gc.disable()


@pytest.hookimpl(trylast=True)  # after those that are not wanted have left
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if worker := getattr(config, "workerinput", None):
        items[:] = dealt(items, worker["workercount"])


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)
