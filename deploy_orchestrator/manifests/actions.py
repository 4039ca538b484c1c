"""What the actions between `{{` and `}}` in a chart and its values may ask of Helm."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

from deploy_orchestrator.charts import Action, Chart, actions_in, unordered

_CLOCK: Final = frozenset(
    {"ago", "date", "dateInZone", "date_in_zone", "durationRound", "htmlDate", "htmlDateInZone", "now"}
)
_RANDOM: Final = frozenset(
    {
        "bcrypt",
        "encryptAES",
        "genCA",
        "genCAWithKey",
        "genPrivateKey",
        "genSelfSignedCert",
        "genSelfSignedCertWithKey",
        "genSignedCert",
        "genSignedCertWithKey",
        "htpasswd",
        "randAlpha",
        "randAlphaNum",
        "randAscii",
        "randBytes",
        "randInt",
        "randNumeric",
        "shuffle",
        "uuidv4",
    }
)
"""The functions of Sprig 3.3 that read the clock, and those that are random."""

_MADE_UP: Final = "%"
"""A verb of `printf` inside an action: what the action asks for is known only when it is formatted."""

Template = tuple[Action, ...]
"""The actions of one text that Helm reads as a template, or may be handed by `tpl`."""


def templates_of(chart: Chart) -> Iterator[Template]:
    """The templates of a chart and its dependencies, with those in files and values for `tpl`."""
    for data in (*chart.templates.values(), *chart.files.values()):
        yield tuple(actions_in(data.decode(errors="replace")))
    yield from templates_in(chart.values)
    for subchart in chart.subcharts:
        yield from templates_of(subchart)


def templates_in(values: Any) -> Iterator[Template]:
    """The templates that the texts in `values` may be."""
    if isinstance(values, str):
        yield tuple(actions_in(values))
    elif isinstance(values, Mapping):
        for name, below in cast(Mapping[str, Any], values).items():
            yield from templates_in(name)
            yield from templates_in(below)
    elif isinstance(values, list):
        for below in cast(list[Any], values):
            yield from templates_in(below)


def asks(templates: Iterable[Template]) -> frozenset[str]:
    """What these templates may ask for.

    `capabilities`: the Kubernetes version and APIs of the cluster. `helm`: the version of Helm. `clock`: the
    time. `lookup`: objects in the cluster. `volatile`: what may be another each time, as random values.
    `unordered`: the keys or values of a map in no order.
    """
    return frozenset(each for template in templates for each in _asks(template))


def _asks(template: Template) -> Iterator[str]:
    tokens = {token for action in template for token in action.tokens}
    fields = {field for token in tokens for field in token.strip('"`').split(".")}
    if "Capabilities" in fields:
        yield "capabilities"
    if "HelmVersion" in fields:
        yield "helm"
    if tokens & _CLOCK:
        yield "clock"
    if "lookup" in tokens:
        yield "lookup"
    if any(unordered(template)):
        yield "unordered"
    if tokens & (_CLOCK | _RANDOM | {_MADE_UP}):
        yield "volatile"
