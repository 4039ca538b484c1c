"""Every check on manifests, by family."""

from collections.abc import Sequence
from typing import Any

from deploy_orchestrator.manifests import image_checks
from deploy_orchestrator.manifests.checks import CHECKS, FAMILIES, MANIFEST_CHECKS
from deploy_orchestrator.manifests.findings import Check
from deploy_orchestrator.manifests.validation import TABLES
from reference.markdown import table

_HEAD = """\
# Checks

The manifests of each tenant in each environment are held against these checks. An **error** blocks a change
(by the risk rule `check-failed`), a **warning** is told.

A tenant can be excepted from a check for a while, in its `tenant.yaml`:

```yaml
exceptions:
  - rule: plain-secret
    object: Secret/legacy          # left out: any object
    reason: moves to an ExternalSecret with the next release
    expires: 2027-01-31T00:00:00+01:00
```

A release that needs an exception, where what is released now does not need it for the same object,
waits for an approval (the risk rule `check-excepted`). What concerns no object of the manifests (`lint`,
`dependency-conflict`) asks at each release.

A policy gives a check another verdict in one environment, for all tenants there and until somebody changes
it: `safe` and `needs-approval` let pass what would be blocked, and `needs-approval` and `blocked` make an
error of a warning. What a tenant is excepted from stays a warning, but for what the policy says is `blocked`:
no exception lifts that.

```yaml
environments:
  - name: production
    policy:
      checks:
        request-missing: {severity: needs-approval, reason: the old charts have none}
        unread-value: {severity: blocked, reason: a misspelt value has cost us a night}
```

That is a change of the environment's rules: it counts when it was approved. A Secret with plain values is
kept out of Git whatever a policy says; only an exception lets it in.

<!-- Made from the code by `make docs`. -->
"""

_REFUSED = """\
## What the API server would refuse

`schema` asks of every object for known fields of the right types, and of a custom kind whose
CustomResourceDefinition is among the manifests for all that its schema says. `refused` goes by the rules of
Kubernetes' own validation (`k8s.io/kubernetes/pkg/apis/*/validation`, 1.37): names, labels, annotations,
finalizers and owners of every kind; each quantity, time, base64 and number of 32 bits; each item that stands
twice in a list of server-side apply; and what stands here. It never refuses what an API server takes, which
`make e2e` tries with thousands of objects; how many are judged as the API server does is in
[benchmarks.md](benchmarks.md). Of a CustomResourceDefinition
among the manifests it holds the objects of its kind against the expressions (CEL,
`x-kubernetes-validations`) too, with the defaults of what they leave out; but for those about what was there
before, and those with functions that only Kubernetes has. Whether an expression can be compiled is left to
the API server.
"""


def page() -> str:
    """All checks as a Markdown page, by family."""
    families: list[tuple[str, Sequence[Check]]] = [
        (str(family.__doc__).partition("\n")[0], family.MANIFEST_CHECKS) for family in FAMILIES
    ]
    families.append((str(image_checks.__doc__).partition("\n")[0], image_checks.IMAGE_CHECKS))
    told = {*MANIFEST_CHECKS, *image_checks.IMAGE_CHECKS}
    others = tuple(each for each in CHECKS if each not in told)
    sections = [
        _section(title, rules) for title, rules in [*families, ("What rendering itself meets.", others)]
    ]
    return "\n".join([_HEAD, *sections, _refused()])


def _refused() -> str:
    """Of which parts of objects the check `refused` knows what the API server says."""
    rows = [
        (
            str(each.__doc__).partition("\n")[0].removesuffix("."),
            ", ".join(f"`{name}`" for name in _types(each)),
        )
        for each in TABLES
    ]
    return f"{_REFUSED}\n{table(('What', 'Types'), rows)}\n"


def _types(rules: Any) -> list[str]:
    return sorted(name.removeprefix("io.k8s.").rpartition(".apis.")[2] for name in rules.SHAPES)


def _section(title: str, checks: Sequence[Check]) -> str:
    rows = [
        (f"`{each.id}`", each.severity, each.reason, f"{each.fix[:1].upper()}{each.fix[1:]}.")
        for each in checks
    ]
    head = ("Check", "Severity", "Why it matters", "What to do")
    return f"## {title.removesuffix('.')}\n\n{table(head, rows)}\n"
