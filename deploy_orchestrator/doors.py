"""Doors of rooms that import what stands in them when it is first asked for: https://peps.python.org/pep-0562/."""

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def opened(room: str, door: str) -> Callable[[str], Any]:
    """The `__getattr__` of a `room`, whose `door`, its file, imports its names for type checkers alone.

    Each name is imported from where that import says when it is first asked for, and kept.
    """
    places = {
        alias.asname or alias.name: (str(statement.module), alias.name)
        for statement in ast.walk(ast.parse(Path(door).read_bytes()))
        if isinstance(statement, ast.ImportFrom) and f"{statement.module}.".startswith(f"{room}.")
        for alias in statement.names
    }

    def imported(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        module, there = places[name]
        value = import_module(f"{room}.{there}") if module == room else getattr(import_module(module), there)
        setattr(sys.modules[room], name, value)
        return value

    return imported
