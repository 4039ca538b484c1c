"""Every check on manifests, by family."""

from collections.abc import Sequence

from deploy_orchestrator.manifests.checks import CHECKS, FAMILIES, MANIFEST_CHECKS
from deploy_orchestrator.manifests.findings import Check
from reference.markdown import table

_HEAD = """\
# Checks

The manifests of each tenant in each environment are held against these checks. An **error** blocks a change,
a **warning** is told.

A tenant can be excepted from a check for a while, in its `tenant.yaml`:

```yaml
exceptions:
  - rule: plain-secret
    object: Secret/legacy          # left out: any object
    reason: moves to an ExternalSecret with the next release
    expires: 2027-01-31T00:00:00+01:00
```

<!-- Made from the code by `make docs`. -->
"""


def page() -> str:
    """All checks as a Markdown page, by family."""
    families: list[tuple[str, Sequence[Check]]] = [
        (str(family.__doc__).partition("\n")[0], family.MANIFEST_CHECKS) for family in FAMILIES
    ]
    others = tuple(each for each in CHECKS if each not in MANIFEST_CHECKS)
    sections = [
        _section(title, rules) for title, rules in [*families, ("What rendering itself meets.", others)]
    ]
    return "\n".join([_HEAD, *sections])


def _section(title: str, checks: Sequence[Check]) -> str:
    rows = [
        (f"`{each.id}`", each.severity, each.reason, f"{each.fix[:1].upper()}{each.fix[1:]}.")
        for each in checks
    ]
    head = ("Check", "Severity", "Why it matters", "What to do")
    return f"## {title.removesuffix('.')}\n\n{table(head, rows)}\n"
