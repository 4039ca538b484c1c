"""For each of many: what came of it, or why nothing did."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Final, ParamSpec, TypeAlias, TypeVar

from deploy_orchestrator.errors import OrchestratorError, ProgramFault

_LOG: Final = logging.getLogger(__name__)

Value = TypeVar("Value")
Given = TypeVar("Given")
Key = TypeVar("Key")
Asked = ParamSpec("Asked")

Outcome: TypeAlias = Value | OrchestratorError
"""What came of something, or the error that stands in its place."""


def attempt(do: Callable[Asked, Value], *args: Asked.args, **kwargs: Asked.kwargs) -> Outcome[Value]:
    """What `do` returns, or the error that it raises for the user."""
    try:
        return do(*args, **kwargs)
    except OrchestratorError as error:
        return error


def raised(outcome: Outcome[Value]) -> Value:
    """What came of something; raised where that is an error."""
    if isinstance(outcome, OrchestratorError):
        raise outcome
    return outcome


def values(outcomes: Iterable[Outcome[Value]]) -> list[Value]:
    """All that came of something."""
    return [each for each in outcomes if not isinstance(each, OrchestratorError)]


def failures(outcomes: Iterable[tuple[Key, Outcome[object]]]) -> list[tuple[Key, OrchestratorError]]:
    """The errors, each with what it is about."""
    return [(key, each) for key, each in outcomes if isinstance(each, OrchestratorError)]


def through(
    given: Sequence[Outcome[Given]], do: Callable[[list[Given]], Sequence[Outcome[Value]]]
) -> list[Outcome[Value]]:
    """What `do` makes of all that is given and no error, with the errors in their places."""
    done = iter(do(values(given)))
    return [each if isinstance(each, OrchestratorError) else next(done) for each in given]


def in_order(
    make: Callable[[Given], Value], given: Iterable[Given], count: int
) -> Iterator[tuple[Given, Outcome[Value]]]:
    """What `make` gives for each of `given`, in their order: up to `count` are made at a time, and twice that
    ahead of what was taken. A fault of this program in one of them stops none of the others.
    """
    waiting = iter(given)
    with ThreadPoolExecutor(count) as threads:

        def start(each: Given) -> tuple[Given, Future[Value]]:
            return each, threads.submit(_alone, make, each)

        started = deque(map(start, islice(waiting, 2 * count)))
        while started:
            each, made = started.popleft()
            outcome = attempt(made.result)
            started.extend(map(start, islice(waiting, 1)))
            yield each, outcome


def _alone(make: Callable[[Given], Value], given: Given) -> Value:
    try:
        return make(given)
    except OrchestratorError:
        raise
    except Exception as error:
        _LOG.exception("a fault of this program")
        raise ProgramFault(
            f"a fault of this program, {type(error).__name__}: {error}",
            fix="report it with what the log says of it; the others go on",
        ) from error
