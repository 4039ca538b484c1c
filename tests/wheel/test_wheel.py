"""The wheel holds all that its user needs: whoever installed it has no repository."""

import email
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
COMMAND = "from deploy_orchestrator.cli import main; main()"

Run = Callable[..., str]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files, as they lie once it is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


@pytest.fixture
def run(unpacked: Path, tmp_path: Path) -> Run:
    """Run Python in an empty folder, with the wheel in place of this repository."""
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-P", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_it_holds_types_charts_the_example_and_what_dagster_reads(unpacked: Path) -> None:
    package = unpacked / "deploy_orchestrator"
    assert (package / "py.typed").is_file()
    for name in ("dagster.yaml", "workspace.yaml"):
        assert (package / "shipped" / name).read_bytes() == (ROOT / name).read_bytes()
    charts = {path.name for path in (package / "shipped/charts").iterdir() if path.is_dir()}
    assert charts == {path.parent.name for path in (ROOT / "charts").glob("*/Chart.yaml")}
    assert (package / "shipped/examples/fleet/fleet.yaml").is_file()


def test_it_holds_nothing_of_development(unpacked: Path) -> None:
    [metadata] = unpacked.glob("*.dist-info")
    assert {path.name for path in unpacked.iterdir()} == {"deploy_orchestrator", metadata.name}
    strangers = [path.name for path in unpacked.rglob("*") if path.name in ("tests", "__pycache__", ".local")]
    assert set(strangers) <= {"tests"}, "only charts have a folder called tests"
    assert all(path.parent.name == "templates" for path in unpacked.rglob("tests"))


def test_its_metadata_says_where_the_project_is_and_which_version(unpacked: Path) -> None:
    [file] = unpacked.glob("*.dist-info/METADATA")
    metadata = email.message_from_string(file.read_text())
    assert metadata["Version"] == VERSION
    urls = dict(url.split(", ", 1) for url in metadata.get_all("Project-URL", []))
    assert {"Documentation", "Source", "Issues", "Changelog"} <= set(urls)
    relative = re.findall(r"\]\((?!http)", str(metadata.get_payload()))
    assert relative == [], "on the index there is no repository around the page"


def test_the_version_that_the_program_says_is_that_of_the_project(run: Run) -> None:
    assert run("-c", COMMAND, "--version").strip() == VERSION


def test_from_an_empty_folder_dagster_loads_the_project(run: Run, tmp_path: Path) -> None:
    run("-c", COMMAND, "init")
    loaded = "import deploy_orchestrator.definitions as d; print(d.__file__, len(d.defs.sensors or ()))"
    file, sensors = run("-c", loaded).split()
    assert Path(file).is_relative_to(tmp_path.parent)
    assert int(sensors) > 0
    for name in ("dagster.yaml", "workspace.yaml"):
        assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes()
