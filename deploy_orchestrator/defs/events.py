# pyright: reportUnknownMemberType=false
"""What is told of one partition of an asset: by the asset, or as an event of a run that is about many."""

from dataclasses import dataclass
from typing import Any

import dagster as dg

Told = dg.MaterializeResult[Any] | dg.AssetCheckResult | dg.AssetObservation
Event = dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.AssetObservation

DATA_VERSION = "dagster/data_version"


@dataclass(frozen=True, slots=True)
class Report:
    """One thing that is `told` of a `partition` of an `asset`."""

    asset: str
    partition: str
    told: Told

    @property
    def failed(self) -> bool:
        """Whether it is a check that did not pass."""
        return isinstance(self.told, dg.AssetCheckResult) and not self.told.passed

    @property
    def runless(self) -> Event:
        """As `event`, for who reports it outside of a run: Dagster keeps one evaluation of a check and a
        partition a run, and refuses the next one of no run.
        """
        told = self.told
        return evaluation(told, self.asset) if isinstance(told, dg.AssetCheckResult) else self.event

    @property
    def event(self) -> Event:
        """The same as an event."""
        told = self.told
        if isinstance(told, dg.AssetObservation):
            return told
        if isinstance(told, dg.AssetCheckResult):
            return evaluation(told, self.asset, self.partition)
        version = told.data_version
        return dg.AssetMaterialization(
            self.asset,
            partition=self.partition,
            metadata=told.metadata,
            tags={DATA_VERSION: version.value} if version else None,
        )


def evaluation(
    told: dg.AssetCheckResult, asset: str, partition: str | None = None
) -> dg.AssetCheckEvaluation:
    """How a check of an asset went, as an event."""
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(asset),
        check_name=told.check_name or "",
        passed=told.passed,
        metadata=told.metadata,
        severity=told.severity,
        partition=partition,
    )
