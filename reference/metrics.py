"""Every metric, as Prometheus reads it."""

from deploy_orchestrator.telemetry import METRICS
from reference.markdown import table

_HEAD = """\
# Metrics

`deploy-orchestrator serve --metrics-port 9464` serves `/metrics` for Prometheus beside the board. It is counted from Git, the
engine and Dagster at each look, so that it is right at once after a restart, and reading it costs neither a fetch nor a question to
the engine: it tells of the last look, and `deploy_orchestrator_last_look_timestamp_seconds` says when that was.

## Who may read them

The metrics are on a port of their own, apart from the door that people come through, and name environments, never tenants. Without
a token they are served on this machine's own addresses alone, to programs and to no other site's page; another address is refused at
the start. With `DEPLOY_ORCHESTRATOR_METRICS_TOKEN`, or `…_TOKEN_FILE`, whoever reads them shows it, on any address:

```yaml
scrape_configs:
  - job_name: deploy-orchestrator
    authorization: {credentials_file: /etc/prometheus/deploy-orchestrator.token}
    convert_classic_histograms_to_nhcb: true   # native histograms of the same buckets
    static_configs: [{targets: ["deploy-orchestrator:9464"]}]
```

The Python client serves histograms in the text format, which has classic ones only: Prometheus makes native ones of them as above.

## What there is

<!-- Made from the code by `make docs`. -->
"""

_TAIL = """\
## DORA's figures

`deploy-orchestrator dora` prints the [four keys](https://dora.dev/guides/dora-metrics/) and the time that approvals take, by environment,
tenant or chart, and all of it with `--format json`, durations in seconds. The board has the same at `/figures`. All of it comes from
Git, so that it can be computed by anybody, at any time, and for any span:

| Figure | From | To |
|---|---|---|
| deployment frequency | release commits on `main` of the deployments repository; reverts and removals are none | |
| lead time | the commit of the fleet that a release came from, by its committer's clock | the release is healthy, by the engine's |
| change failure rate | releases that were reverted, or whose delivery failed, was unhealthy or too slow | of all releases |
| time to restore | the commit of a release that failed | the first release, revert or later sync there that got healthy |
| time for approval | the commit that proposed the candidate | the last approval that let it through |

When a release got healthy, or failed to, is remembered on the branch `deliveries` of the deployments repository: a commit after each
delivery, with `<environment>/<tenant>.yaml` saying how the last one went. Only the orchestrator pushes there; protect it as `main`. Where
it cannot, releases go on, the log says so, and they count as unconfirmed, as those do from before there was the branch. A lead time
that would be negative, as a commit dated in the future gives, is left out.
"""


def page() -> str:
    """All metrics as a Markdown page."""
    rows = [
        (f"`{each.full_name}`", each.kind, ", ".join(f"`{label}`" for label in each.labels), each.help)
        for each in METRICS
    ]
    return f"{_HEAD}\n{table(('Metric', 'Type', 'Labels', 'What it says'), rows)}\n\n{_TAIL}"
