"""One running stack for all end-to-end tests: real parts, in a temporary home, on free ports."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from headwater.errors import HeadwaterError
from headwater.local.ports import free_offset
from headwater.local.stack import Stack
from headwater.settings import Settings
from tests.support.places import new_folder

# Above the ports of a stack with default settings, below those that the kernel gives to clients.
_OFFSETS = (8_000, 23_000)

StartStack = Callable[..., AbstractContextManager[Stack]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a stack of their own come first: two stacks at once take the processors from each other."""
    here = Path(__file__).parent
    items.sort(key=lambda item: here in item.path.parents and "stack" in getattr(item, "fixturenames", ()))


@contextmanager
def started(home: Path, first_offset: int, *, consumer: bool = False, superset: bool = False) -> Iterator[Stack]:
    """A stack in `home`, ended and removed afterwards. Its output is in the error when it does not start."""
    offset = free_offset(first_offset, _OFFSETS[1], step=50)
    stack = Stack(Settings(home=home, port_offset=offset, consumer=consumer, superset=superset))
    try:
        stack.up()
        yield stack
    finally:
        stack.down()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def start_stack() -> StartStack:
    """For tests that need a stack of their own."""
    return started


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The stack that all end-to-end tests share: they may kill parts of it, and leave it healthy."""
    home = new_folder("hw-e2e-")
    with started(home, _OFFSETS[0], superset=True) as running:
        yield running


@pytest.fixture
def whole(stack: Stack) -> Stack:
    """The shared stack, brought up again if an earlier test left it broken."""
    try:
        stack.up()
    except HeadwaterError as error:
        pytest.fail(f"The shared stack does not come up again: {error}")
    return stack
