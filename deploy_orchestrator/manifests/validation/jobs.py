"""What runs to its end: Jobs and CronJobs.

After `k8s.io/kubernetes/pkg/apis/batch/validation`.
"""

import re
from collections.abc import Iterator
from typing import Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.schedule import schedule, time_zone
from deploy_orchestrator.manifests.validation.shapes import Fields, Refusal, Shape, found
from deploy_orchestrator.manifests.validation.workloads import selected, template_standing

_INDEXES: Final = re.compile("[0-9]+(?:-[0-9]+)?(?:,[0-9]+(?:-[0-9]+)?)*")
_MAX_MANAGER: Final = 63


def _ends(spec: Fields) -> Iterator[Refusal]:
    policy = untyped.at(spec, "template", "spec", "restartPolicy")
    path = ("template", "spec", "restartPolicy")
    if policy not in {"Never", "OnFailure"}:
        yield Refusal(path, found("must be Never or OnFailure", policy))
    elif spec.get("podFailurePolicy") is not None and policy != "Never":
        yield Refusal(path, "must be Never where podFailurePolicy is set")


def _indexed(spec: Fields) -> Iterator[Refusal]:
    is_indexed = spec.get("completionMode") == "Indexed"
    for field in ("backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"):
        if spec.get(field) is not None and not is_indexed:
            yield Refusal((field,), "may only be set where completionMode is Indexed")
    if is_indexed and spec.get("completions") is None and spec.get("parallelism") is not None:
        yield Refusal(("completions",), "required where completionMode is Indexed, and absent")
    failed, completions = spec.get("maxFailedIndexes"), spec.get("completions")
    if failed is not None and spec.get("backoffLimitPerIndex") is None:
        yield Refusal(("backoffLimitPerIndex",), "required where maxFailedIndexes is set, and absent")
    if isinstance(failed, int) and isinstance(completions, int) and failed > completions:
        yield Refusal(("maxFailedIndexes",), found("must be at most completions", failed))


def _replacement(spec: Fields) -> Iterator[Refusal]:
    replaced = spec.get("podReplacementPolicy")
    if spec.get("podFailurePolicy") is not None and replaced not in {None, "Failed"}:
        yield Refusal(("podReplacementPolicy",), "must be Failed where podFailurePolicy is set")


def _selector(spec: Fields) -> Iterator[Refusal]:
    if spec.get("manualSelector"):
        yield from selected(spec)


def _successes(spec: Fields) -> Iterator[Refusal]:
    completions = spec.get("completions")
    for index, rule in enumerate(untyped.mappings(untyped.at(spec, "successPolicy", "rules"))):
        count, indexes = rule.get("succeededCount"), rule.get("succeededIndexes")
        path = ("successPolicy", "rules", index)
        if count is None and indexes is None:
            yield Refusal(path, "needs succeededCount or succeededIndexes")
        if isinstance(count, int) and isinstance(completions, int) and not 0 <= count <= completions:
            yield Refusal((*path, "succeededCount"), found(f"must be 0 to {completions}", count))
        if indexes is not None and not _INDEXES.fullmatch(indexes):
            yield Refusal((*path, "succeededIndexes"), found("must be as 0,2-5", indexes))


def _failure_rule(rule: Fields) -> Iterator[Refusal]:
    codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions")
    if codes is not None and conditions:
        yield Refusal((), "may not have both onExitCodes and onPodConditions")
    elif codes is None and not conditions:
        yield Refusal((), "needs onExitCodes or onPodConditions")


def _exit_codes(given: Fields) -> Iterator[Refusal]:
    values = untyped.items(given.get("values"))
    if len(set(values)) < len(values) or values != sorted(values):
        yield Refusal(("values",), "must be in order, each once")
    if given.get("operator") == "In" and 0 in values:
        yield Refusal(("values",), "must not have 0 for the operator In")


def _template_of_cron_job(template: Fields) -> Iterator[Refusal]:
    spec = untyped.mapping(template.get("spec"))
    if spec.get("selector") is not None:
        yield Refusal(("spec", "selector"), "may not be set in a CronJob")
    if spec.get("manualSelector"):
        yield Refusal(("spec", "manualSelector"), "may not be true in a CronJob")


def _manager(value: str) -> str | None:
    too_long = len(value) > _MAX_MANAGER
    return (
        f"must be no more than {_MAX_MANAGER} characters" if too_long else formats.domain_prefixed_path(value)
    )


SHAPES: Final = {
    "batch.v1.JobSpec": Shape(
        fields={
            "activeDeadlineSeconds": formats.nonnegative,
            "backoffLimit": formats.nonnegative,
            "backoffLimitPerIndex": formats.nonnegative,
            "completionMode": formats.one_of("Indexed", "NonIndexed"),
            "completions": formats.nonnegative,
            "managedBy": _manager,
            "maxFailedIndexes": formats.nonnegative,
            "parallelism": formats.nonnegative,
            "podReplacementPolicy": formats.one_of("Failed", "TerminatingOrFailed"),
            "ttlSecondsAfterFinished": formats.nonnegative,
        },
        not_empty=("completionMode", "managedBy"),
        rules=(_ends, _indexed, _successes, _replacement, _selector, template_standing),
    ),
    "batch.v1.PodFailurePolicyRule": Shape(
        required=("action",),
        fields={"action": formats.one_of("Count", "FailIndex", "FailJob", "Ignore")},
        rules=(_failure_rule,),
    ),
    "batch.v1.PodFailurePolicyOnExitCodesRequirement": Shape(
        required=("operator", "values"),
        fields={"operator": formats.one_of("In", "NotIn")},
        rules=(_exit_codes,),
    ),
    "batch.v1.PodFailurePolicyOnPodConditionsPattern": Shape(
        required=("type",),
        fields={"type": formats.label_key, "status": formats.one_of("False", "True", "Unknown")},
    ),
    "batch.v1.SuccessPolicy": Shape(required=("rules",)),
    "batch.v1.CronJobSpec": Shape(
        required=("schedule",),
        fields={
            "concurrencyPolicy": formats.one_of("Allow", "Forbid", "Replace"),
            "failedJobsHistoryLimit": formats.nonnegative,
            "schedule": schedule,
            "startingDeadlineSeconds": formats.nonnegative,
            "successfulJobsHistoryLimit": formats.nonnegative,
            "timeZone": time_zone,
        },
        not_empty=("timeZone",),
    ),
    "batch.v1.JobTemplateSpec": Shape(rules=(_template_of_cron_job,)),
}
