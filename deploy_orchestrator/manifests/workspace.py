"""Where charts are rendered, and what is kept of it."""

import os
from functools import cached_property
from pathlib import Path

from deploy_orchestrator.charts import Repositories
from deploy_orchestrator.manifests.cache import Cache
from deploy_orchestrator.manifests.workers import Limits, Workers


class Workspace:
    """A folder for what was rendered, and the processes that render.

    `cache` is private to its owner, for manifests hold secrets; everything in it can be made again. Up to
    `processes` render at a time, each within `limits`.
    """

    def __init__(
        self,
        cache: Path,
        repositories: Repositories,
        *,
        processes: int | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.repositories = repositories
        self.charts = cache / "assembled"
        self.releases = Cache(cache / "releases")
        self.manifests = Cache(cache / "manifests")
        self.workers = Workers(processes or os.cpu_count() or 1, limits or Limits())

    @cached_property
    def kubernetes(self) -> str:
        """The minor version that Helm in process takes every cluster to have, as `1.36`."""
        answer = self.workers.ask("about", {})["result"]["kubernetes"]
        return ".".join(answer.removeprefix("v").split(".")[:2])
