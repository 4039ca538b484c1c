"""The doors of rooms: what stands in `__all__` can be had, and nothing is imported before it is asked for."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import deploy_orchestrator

ROOMS = [
    each.name
    for each in pkgutil.iter_modules(deploy_orchestrator.__path__, "deploy_orchestrator.")
    if each.ispkg
]
LAZY = [room for room in ROOMS if hasattr(importlib.import_module(room), "__getattr__")]


@pytest.mark.parametrize("room", LAZY)
def test_every_public_name_of_a_room_can_be_had(room: str) -> None:
    door = importlib.import_module(room)
    for name in door.__all__:
        assert getattr(door, name) is getattr(door, name)


@pytest.mark.parametrize("room", LAZY)
def test_a_room_has_no_name_that_is_also_one_of_its_files(room: str) -> None:
    door = importlib.import_module(room)
    files = {each.name for each in pkgutil.iter_modules(door.__path__)}
    shared = {name for name in files & {*door.__all__} if not isinstance(getattr(door, name), type(sys))}
    assert not shared, "importing the file would put it in the place of the name"


@pytest.mark.parametrize("room", LAZY)
def test_a_name_that_a_room_has_not_is_an_attribute_error(room: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{room}' has no attribute 'frob'"):
        importlib.import_module(room).frob  # noqa: B018


def test_entering_a_room_imports_nothing_of_it() -> None:
    probe = (
        "import importlib, sys\n"
        "for room in sys.argv[1:]: importlib.import_module(room)\n"
        "print([each for each in sys.modules if each.count('.') > 1 and each.startswith('deploy_or')])"
    )
    assert subprocess.check_output([sys.executable, "-c", probe, *LAZY], text=True) == "[]\n"
