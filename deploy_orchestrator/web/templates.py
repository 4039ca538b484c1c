"""Templates of pages, in which what others wrote stands as it is read."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from starlette.templating import Jinja2Templates

from deploy_orchestrator.markdown import visible


def templates(folder: Path) -> Jinja2Templates:
    """Those in a folder. What they show is escaped, and characters that do not print, or turn the text around
    them, are spelled out.
    """
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    return Jinja2Templates(env=environment)


def _visible(shown: Any) -> Any:
    return shown if hasattr(shown, "__html__") else visible(str(shown))
