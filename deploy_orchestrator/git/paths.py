from functools import lru_cache

from deploy_orchestrator.git.errors import UnsafeTree

MAX_DEPTH = 64


@lru_cache(maxsize=8192)
def parts_of(path: str) -> tuple[str, ...]:
    """The steps of a path inside a commit, `""` being its root. A slash at the end is of no account.

    Raises:
        UnsafeTree: a step that no commit may hold, such as `..` or `.git`, or too many of them.
    """
    if not path:
        return ()
    steps = tuple(path.removesuffix("/").split("/"))
    if len(steps) > MAX_DEPTH or not all(is_safe_name(step) for step in steps):
        raise UnsafeTree(f"not a path inside a repository: {path!r}", fix="give a relative path without '..'")
    return steps


def is_safe_name(name: str) -> bool:
    return (
        name not in {"", ".", ".."}
        and name.casefold() not in {".git", "git~1"}
        and "/" not in name
        and "\0" not in name
        and (name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name))
    )
