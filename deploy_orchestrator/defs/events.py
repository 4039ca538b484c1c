# pyright: reportUnknownMemberType=false
"""What an asset tells of one partition, as events of a run that is about many."""

from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

Told = dg.MaterializeResult[Any] | dg.AssetCheckResult | dg.AssetObservation
Event = dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.AssetObservation

DATA_VERSION = "dagster/data_version"


def events(asset: str, partition: str, told: Iterable[Told]) -> Iterator[Event]:
    """Everything that is told of one partition of an asset."""
    for each in told:
        if isinstance(each, dg.AssetObservation):
            yield each
        elif isinstance(each, dg.AssetCheckResult):
            yield dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey(asset),
                check_name=each.check_name or "",
                passed=each.passed,
                metadata=each.metadata,
                severity=each.severity,
                partition=partition,
            )
        else:
            version = each.data_version
            yield dg.AssetMaterialization(
                asset,
                partition=partition,
                metadata=each.metadata,
                tags={DATA_VERSION: version.value} if version else None,
            )
