"""What ships beside the code."""

from pathlib import Path

from deploy_orchestrator.errors import OrchestratorError

PLATFORM = ("tenant-platform", "platform-library")
"""The platform chart and the library that it needs."""


class NothingShipped(OrchestratorError):
    """The installation lacks what ships with it."""


def shipped() -> Path:
    """The folder of what ships beside the code: in the package once it is installed, else the repository."""
    package = Path(__file__).parents[1]
    for root in (package / "shipped", package.parent):
        if (root / "examples" / "fleet").is_dir():
            return root
    raise NothingShipped(
        "the example fleet is missing from this installation", fix="install deploy-orchestrator again"
    )


def shipped_charts() -> dict[str, bytes]:
    """The files of the platform chart and what it needs, by their paths below `charts/`."""
    charts = shipped() / "charts"
    return {
        str(path.relative_to(charts)): path.read_bytes()
        for name in PLATFORM
        for path in sorted((charts / name).rglob("*"))
        if path.is_file()
    }
