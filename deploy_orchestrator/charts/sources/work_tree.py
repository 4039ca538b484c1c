"""How far `file://` may lead from a chart that a person names: as far as its Git work tree."""

from pathlib import Path


def boundary_of(folder: Path) -> Path:
    """The Git work tree around `folder`, else the current folder where that is around it, else its parent."""
    folder = folder.resolve()
    trees = (above for above in (folder, *folder.parents) if (above / ".git").exists())
    here = Path.cwd().resolve()
    around = here if folder.is_relative_to(here) and folder != here else folder.parent
    return next(trees, around)
