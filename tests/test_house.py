"""What holds for the house as a whole: its doors, its walls, its one version."""

import ast
import importlib
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from inspect import ismodule
from pathlib import Path
from types import ModuleType

import pytest

import deploy_orchestrator

PACKAGE = Path(deploy_orchestrator.__file__).parent
ROOT = PACKAGE.parent
ROOMS = sorted(each.parent.name for each in PACKAGE.glob("*/__init__.py"))
DOORS = [room for room in ROOMS if room not in ("cli", "defs")]


def inner(room: str) -> str:
    """A module within a room."""
    first = min(each.stem for each in (PACKAGE / room).glob("[a-z]*.py"))
    return f"deploy_orchestrator.{room}.{first}"


FORBIDDEN = {
    "cli/planted_inner": inner("releases"),
    "cli/planted_git": inner("git"),
    "cli/planted_kubernetes": "kubernetes",
    "cli/planted_pygit2": "pygit2",
    "charts/planted_httpx": "httpx",
    "charts/planted_upwards": "deploy_orchestrator.fleet",
    "delivery/planted_helm": "helm_python",
    "documents/planted_errors": "deploy_orchestrator.cli",
    "manifests/planted_yaml": "yaml",
    "notifications/planted_rich": "rich",
    "pipeline/planted_dagster": "dagster",
    "releases/planted_apprise": "apprise",
    "risk/planted_starlette": "starlette",
    "defs/planted_opentelemetry": "opentelemetry",
    "releases/planted_joserfc": "joserfc",
    "web/planted_authlib": "authlib",
}
"""The modules that are planted, and what each imports."""


def linted(folder: Path, planted: Mapping[str, str]) -> str:
    """What `lint-imports` says of a copy of the package with these modules in it, which import something."""
    house = folder / "deploy_orchestrator"
    shutil.copytree(PACKAGE, house, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", folder)
    for module, imported in planted.items():
        (house / module).with_suffix(".py").write_text(f"import {imported}\n")
    lint = Path(sys.executable).with_name("lint-imports")
    environment = {"PATH": str(lint.parent), "PYTHONPATH": str(folder), "COLUMNS": "500"}
    ran = subprocess.run([lint, "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of everything in it that is forbidden."""
    return linted(tmp_path_factory.mktemp("house"), FORBIDDEN)


@pytest.mark.parametrize("module", FORBIDDEN)
def test_what_a_room_may_not_import_is_found(said: str, module: str) -> None:
    importer = f"deploy_orchestrator.{module.replace('/', '.')}"
    assert f"{importer} -> {FORBIDDEN[module]} (l.1)" in said


def test_a_circle_within_a_room_is_found(tmp_path: Path) -> None:
    circle = {
        "risk/planted_one": "deploy_orchestrator.risk.planted_other",
        "risk/planted_other": "deploy_orchestrator.risk.planted_one",
    }
    assert ".planted_other -> .planted_one (1 import)" in linted(tmp_path, circle)


def test_a_room_that_has_no_place_in_the_order_is_found(tmp_path: Path) -> None:
    assert "attic" in linted(tmp_path, {"attic": "deploy_orchestrator.cli"})


OPENING = {"TYPE_CHECKING", "opened"}
"""What a door needs to import its names when they are asked for."""


def imported_by(door: ModuleType) -> set[str]:
    """The names that a door imports from its own room, for type checkers or at once."""
    statements = ast.walk(ast.parse(Path(str(door.__file__)).read_bytes()))
    return {
        alias.asname or alias.name
        for each in statements
        if isinstance(each, ast.ImportFrom) and f"{each.module}.".startswith(f"{door.__name__}.")
        for alias in each.names
    }


@pytest.mark.parametrize("room", DOORS)
def test_a_room_shows_what_it_says_it_shows_and_no_more(room: str) -> None:
    door = importlib.import_module(f"deploy_orchestrator.{room}")
    said = set(door.__all__)
    shown = {name for name in {*vars(door), *imported_by(door)} - OPENING if not name.startswith("_")}
    shown -= {name for name in shown if ismodule(getattr(door, name))}
    assert shown == {name for name in said if not ismodule(getattr(door, name))}
    assert len(said) == len(door.__all__)


def test_the_version_stands_in_one_place() -> None:
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert version("deploy-orchestrator") == stated
    assert not [file for file in PACKAGE.rglob("*.py") if f'"{stated}"' in file.read_text()]


def test_a_class_has_its_name_alone() -> None:
    trees = (ast.parse(each.read_text()) for each in PACKAGE.rglob("*.py"))
    names = Counter(each.name for tree in trees for each in tree.body if isinstance(each, ast.ClassDef))
    assert [name for name, times in names.items() if times > 1 and not name.startswith("_")] == []
