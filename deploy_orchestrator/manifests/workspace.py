"""Where charts are rendered, and what is kept of it."""

import json
import os
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Final

from deploy_orchestrator.charts import Repositories
from deploy_orchestrator.manifests.assembly import AssembledCharts
from deploy_orchestrator.manifests.workers import Limits, Workers
from deploy_orchestrator.registries import Egress, Internet
from deploy_orchestrator.storage import Cache

_PRUNED_EVERY: Final = timedelta(days=1)


class Workspace:
    """A folder for what was rendered, and the processes that render. May be shared between threads.

    `cache` is private to its owner, for manifests hold secrets; everything in it can be made again, and what
    nobody asks for in 30 days goes. Up to `processes` render at a time, each within `limits`. They end with
    `close`, or with this process.
    """

    def __init__(self, cache: Path, *, processes: int | None = None, limits: Limits | None = None) -> None:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.downloads = cache / "repositories"
        self.charts = AssembledCharts(cache / "charts", self.downloads)
        self.releases = Cache(cache / "releases")
        self.manifests = Cache(cache / "manifests")
        self.workers = Workers(processes or os.cpu_count() or 1, limits or Limits())
        self._prune(cache / "pruned")

    def repositories(self, mirrors: Mapping[str, str], egress: Egress) -> Repositories:
        """The chart repositories, read from mirrors where they have one, of the servers that `egress` lets
        reach; what they give is kept here.
        """
        return Repositories(mirrors, self.downloads, Internet(egress))

    @cached_property
    def kubernetes(self) -> str:
        """The minor version that Helm in process takes every cluster to have, as `1.36`."""
        answer = json.loads(self.workers.ask("about", {}))
        return ".".join(answer["result"]["kubernetes"].removeprefix("v").split(".")[:2])

    def close(self) -> None:
        """End the processes; each starts again when it is needed."""
        self.workers.close()

    def _prune(self, marker: Path) -> None:
        if marker.exists() and time.time() - marker.stat().st_mtime < _PRUNED_EVERY.total_seconds():
            return
        marker.touch(mode=0o600)
        self.charts.prune()
