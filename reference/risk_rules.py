"""Every risk rule, by family."""

from pathlib import Path

from deploy_orchestrator.risk.catalogue import FAMILIES, RULES, UNKNOWN
from deploy_orchestrator.risk.rule import Stated
from deploy_orchestrator.risk.stores import STORES, Store
from deploy_orchestrator.risk.verdict import Verdict
from reference.markdown import table

_HEAD = """\
# Risk rules

Every change of a tenant in an environment is held against these rules. Its verdict is that of the gravest
rule that speaks: **safe** goes out alone, **needs-approval** waits where the environment's policy asks for
approval, **blocked** goes nowhere.

A change is safe when a rule proves each part of it harmless; what no rule knows needs approval
(`unknown-change`). So the rules that say *safe* hold lists of what is known to do no harm (labels for people,
annotations that nothing acts on, kinds whose addition touches nothing), and look at shapes: a variable is
harmless when its name says how much the software logs *and* its values are levels. Lists of what is bad only
find better words for what needs approval anyway. `tests/risk/test_each_rule_invented.py` invents for each
rule names that it was never told and in which it must speak, and for each that says *safe* something close
by that proves nothing and must wait; `tests/risk/corpora` has 574 changes that a careful reviewer would
not let pass, none of which is safe, and 220 that are; `tests/risk/test_routine.py` sees that routine is.

Five findings are no rules, because they look at more than the change. They need approval, and no policy says
otherwise:

- `tenant-removed`.
- `image-moved`: a tag leads to other bytes than when it was released.
- `host-taken`: a host of an Ingress, HTTPRoute, GRPCRoute, TLSRoute or Certificate is new to the tenant while
  what somebody else has released in the same cluster, or waits there, has it, or all below a domain above it.
- `chart-republished`: the package of a published chart's version is not the one that was released in the
  environment before, for whatever tenant.
- `promotion-shortened`: the tenant is released in an environment that changes pass before, and has left it.

A policy gives a rule another severity in one environment, in Git and with a reason:

```yaml
environments:
  - name: production
    policy:
      rules:
        image-major: {severity: safe, reason: majors are tried in staging for a week}
```

<!-- Made from the code by `make docs`. -->
"""


_STORES_HEAD = """\
## What keeps data, and how much of its version may change

`database-image` asks where more of the version changes than leaves the data as it is, because a release that
is reverted starts the old server on what the new one wrote. An image is known by a word of its name. What
migrates a database elsewhere when it starts is here as well. What the table does not know may change its
patch version where it may write to a volume that outlives its pod, is the first container of pods with names
of their own (a StatefulSet), says that it listens on the port of some store, or is called a database
(`tidb`, `sqlserver`); but for exporters, proxies and their like beside a store.
"""

_ARGUED = Path(__file__).with_name("risk_argued.md")


def page() -> str:
    """All rules as a Markdown page, by family."""
    families = [(str(family.__doc__).partition("\n")[0], family.RULES) for family in FAMILIES]
    sections = [_section(title, rules) for title, rules in [*families, ("Everything else.", (UNKNOWN,))]]
    counts = {verdict: sum(rule.severity is verdict for rule in RULES) for verdict in Verdict}
    total = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return "\n".join([_HEAD, f"{len(RULES)} rules: {total}.\n", *sections, _stores(), _ARGUED.read_text()])


def _stores() -> str:
    rows = [
        (f"`{name}`", _kept(store), f"[source]({store.source})") for name, store in sorted(STORES.items())
    ]
    return f"{_STORES_HEAD}\n{table(('Image', 'What must stay', 'After'), rows)}\n"


def _kept(store: Store) -> str:
    """In words, how much of a version must stay."""
    words = {1: "the first number", 2: "the first two numbers", 3: "the whole version"}
    since = [f"{words[numbers]} from {'.'.join(map(str, first))} on" for first, numbers in store.since]
    return "; ".join([words[store.numbers], *since])


def _section(title: str, rules: tuple[Stated, ...]) -> str:
    rows = [(f"`{rule.id}`", rule.severity, rule.sees, rule.why, rule.do) for rule in rules]
    head = ("Rule", "Severity", "Speaks when", "Why it matters, or is proved harmless", "What to do")
    return f"## {title.removesuffix('.')}\n\n{table(head, rows)}\n"
