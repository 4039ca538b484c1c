"""A chart as it would be with another version of one dependency."""

from dataclasses import replace
from typing import TypeVar

import msgspec.structs

from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.metadata import Dependency
from deploy_orchestrator.charts.published import PublishedChart, dependencies_as_json

AnyChart = TypeVar("AnyChart", Chart, PublishedChart, Chart | PublishedChart)


def pinned(root: AnyChart, key: str, version: str) -> AnyChart:
    """`root` needing exactly `version` of the dependency called `key` there."""
    if isinstance(root, PublishedChart):
        needs = dependencies_as_json(_pinned(root.dependencies, key, version))
        return msgspec.structs.replace(root, dependencies_json=needs, pins=(*root.pins, (key, version)))
    dependencies = _pinned(root.metadata.dependencies, key, version)
    return replace(
        root,
        metadata=root.metadata.model_copy(update={"dependencies": dependencies}),
        digest=f"{root.digest} with {key} {version}",
    )


def _pinned(dependencies: tuple[Dependency, ...], key: str, version: str) -> tuple[Dependency, ...]:
    return tuple(
        one.model_copy(update={"version": f"={version}"}) if one.key == key else one for one in dependencies
    )
