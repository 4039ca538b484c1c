"""What a program in the cluster printed, made fit to be kept and shown: nobody vouches for it."""

import re
from typing import Final

from deploy_orchestrator.git import redact
from deploy_orchestrator.terms import SENSITIVE

LINES: Final = 20
LENGTH: Final = 2_000
"""In characters: what the kubelet keeps of a container's last words, in bytes, is about as much."""

_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|[@-Z\\-_])")
_SECRET = re.compile(
    rf"({SENSITIVE}"
    r"[\w.-]{0,40}[\"']?\s{0,3}[:=]\s{0,3}(?:(?:basic|bearer)\s{1,3})?|\bbearer\s{1,3})"
    r"(\"[^\"]*\"?|'[^']*'?|[^\s,;\"']+)",
    re.IGNORECASE,
)


def last_lines(text: str) -> str:
    """The last lines of `text`, `LINES` and `LENGTH` at most, without terminal codes and passwords.

    Hidden is what stands in a URL before the host, and what follows a name such as `password` or `token`.
    """
    whole = _ESCAPE.sub("", text[-4 * LENGTH :])
    lines = [_plain(line) for line in re.split(r"[\r\n]+", whole)]
    kept = "\n".join([line for line in lines if line][-LINES:])
    return kept if len(kept) <= LENGTH else "…" + kept[-LENGTH:]


def _plain(line: str) -> str:
    shown = "".join(each if each.isprintable() else " " for each in line).strip()
    return _SECRET.sub(r"\1(hidden)", redact(shown))
