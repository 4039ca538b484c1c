"""Every risk rule, by family."""

from deploy_orchestrator.risk.catalogue import FAMILIES, RULES, UNKNOWN
from deploy_orchestrator.risk.rule import Stated
from deploy_orchestrator.risk.verdict import Verdict
from reference.markdown import table

_HEAD = """\
# Risk rules

Every change of a tenant in an environment is held against these rules. Its verdict is that of the gravest
rule that speaks: **safe** goes out alone, **needs-approval** waits where the environment's policy asks for
approval, **blocked** goes nowhere. What no rule knows needs approval.

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


def page() -> str:
    """All rules as a Markdown page, by family."""
    families = [(str(family.__doc__).partition("\n")[0], family.RULES) for family in FAMILIES]
    sections = [_section(title, rules) for title, rules in [*families, ("Everything else.", (UNKNOWN,))]]
    counts = {verdict: sum(rule.severity is verdict for rule in RULES) for verdict in Verdict}
    total = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return "\n".join([_HEAD, f"{len(RULES)} rules: {total}.\n", *sections])


def _section(title: str, rules: tuple[Stated, ...]) -> str:
    rows = [(f"`{rule.id}`", rule.severity, rule.sees, rule.why, rule.do) for rule in rules]
    head = ("Rule", "Severity", "Speaks when", "Why it matters", "What to do")
    return f"## {title.removesuffix('.')}\n\n{table(head, rows)}\n"
