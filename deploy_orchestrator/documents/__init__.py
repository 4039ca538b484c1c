"""Read YAML that nobody vouches for: bounded in size, depth and expansion, able to say where a field stands.

A text means what it means to Helm and Kubernetes (`sigs.k8s.io/yaml` on go-yaml 2), not what it means to
PyYAML: dates and `1:30` are strings, `1e3` and `1.0` whole numbers, `y` and `n` booleans, every key is a
string, an unknown tag is ignored, and a merge key overrides the keys above it. Where the two differ, this is
the stricter or the more exact one:

- whole numbers up to 64 bits keep all their digits (Helm's values round beyond 2^53, Kubernetes does not);
- of several spellings of one key (`1` and `"1"`) the last wins (Helm draws one);
- a text with a NUL is refused (Helm stops reading there), and so is a second document with something in it
  where one is expected (Helm drops it);
- the lone `!` of `! 1` is ignored (Helm makes it a string; libyaml does not tell).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.documents.document import HIDDEN, READER, Document, parse, parse_all
    from deploy_orchestrator.documents.edits import edited
    from deploy_orchestrator.documents.reader import MAX_BYTES, MAX_DEPTH, MAX_NODES, DocumentError, dotted
    from deploy_orchestrator.documents.record import Record
    from deploy_orchestrator.documents.spelling import Written, under, written
    from deploy_orchestrator.documents.writer import dump
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "HIDDEN",
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "READER",
    "Document",
    "DocumentError",
    "Record",
    "Written",
    "dotted",
    "dump",
    "edited",
    "parse",
    "parse_all",
    "under",
    "written",
]
