"""Where charts are rendered, and what is kept of it."""

import json
import os
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy_orchestrator.storage import Cache

if TYPE_CHECKING:
    from deploy_orchestrator.charts import Repositories
    from deploy_orchestrator.manifests.assembly import AssembledCharts
    from deploy_orchestrator.manifests.workers import Limits, Workers
    from deploy_orchestrator.registries import Egress

_PRUNED_EVERY: Final = timedelta(days=1)


class Workspace:
    """A folder for what was rendered, and the processes that render. May be shared between threads.

    `cache` is private to its owner, for manifests hold secrets; everything in it can be made again, and what
    nobody asks for in 30 days goes. Up to `processes` render at a time, each within `limits`. They end with
    `close`, or with this process.
    """

    def __init__(self, cache: Path, *, processes: int | None = None, limits: "Limits | None" = None) -> None:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.downloads = cache / "repositories"
        self.releases = Cache(cache / "releases")
        self.manifests = Cache(cache / "manifests")
        self.images = Cache(cache / "images")
        self._cache, self._processes, self._limits = cache, processes, limits

    @cached_property
    def charts(self) -> "AssembledCharts":
        """Charts with what they need, put together here; what is not used any more goes once a day."""
        from deploy_orchestrator.manifests.assembly import AssembledCharts

        charts, marker = AssembledCharts(self._cache / "charts", self.downloads), self._cache / "pruned"
        if not marker.exists() or time.time() - marker.stat().st_mtime >= _PRUNED_EVERY.total_seconds():
            marker.touch(mode=0o600)
            charts.prune()
        return charts

    @cached_property
    def workers(self) -> "Workers":
        """The processes that render."""
        from deploy_orchestrator.manifests.workers import Limits, Workers

        return Workers(self._processes or os.cpu_count() or 1, self._limits or Limits())

    def repositories(self, mirrors: Mapping[str, str], egress: "Egress") -> "Repositories":
        """The chart repositories, read from mirrors where they have one, of the servers that `egress` lets
        reach; what they give is kept here.
        """
        from deploy_orchestrator.charts import Repositories
        from deploy_orchestrator.registries import Internet

        return Repositories(mirrors, self.downloads, Internet(egress))

    @cached_property
    def kubernetes(self) -> str:
        """The minor version that Helm in process takes every cluster to have, as `1.36`."""
        answer = json.loads(self.workers.ask("about", {}))
        return ".".join(answer["result"]["kubernetes"].removeprefix("v").split(".")[:2])

    def close(self) -> None:
        """End the processes; each starts again when it is needed."""
        if "workers" in self.__dict__:
            self.workers.close()
