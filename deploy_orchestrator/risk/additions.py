"""New objects, what they take part in of what is there already, and what comes to reach others."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from deploy_orchestrator.manifests import Object, hooks, untyped
from deploy_orchestrator.risk.accounts import account_of, is_given_to
from deploy_orchestrator.risk.change import Change
from deploy_orchestrator.risk.held import secret_brought_by, secret_made_by
from deploy_orchestrator.risk.images import repository_of, stored_by
from deploy_orchestrator.risk.metadata import is_for_people, is_inert_annotation
from deploy_orchestrator.risk.network import is_open_service
from deploy_orchestrator.risk.pods import (
    claim_templates_of,
    claims_of,
    containers_of,
    image_of,
    labels_of,
    metadata_of,
    references,
    scales,
    spec_of,
)
from deploy_orchestrator.risk.reach import is_own_annotation, reaching, shared
from deploy_orchestrator.risk.rule import Rule, Sighting
from deploy_orchestrator.risk.rule_ids import REACHES_OTHERS
from deploy_orchestrator.risk.selecting import keeps_away, selectors_of, selects
from deploy_orchestrator.risk.settings import Setting
from deploy_orchestrator.risk.told import names_service, told_to
from deploy_orchestrator.risk.verdict import Verdict

_HARMLESS: Final = frozenset(
    {
        ("", "ConfigMap"),
        ("", "PersistentVolumeClaim"),
        ("", "Secret"),
        ("", "Service"),
        ("", "ServiceAccount"),
        ("apps", "Deployment"),
        ("apps", "StatefulSet"),
        ("bitnami.com", "SealedSecret"),
        ("external-secrets.io", "ExternalSecret"),
        ("monitoring.coreos.com", "PodMonitor"),
        ("monitoring.coreos.com", "PrometheusRule"),
        ("monitoring.coreos.com", "ServiceMonitor"),
    }
)
_PLAIN_SECRETS: Final = frozenset(
    {
        None,
        "Opaque",
        "kubernetes.io/basic-auth",
        "kubernetes.io/dockerconfigjson",
        "kubernetes.io/ssh-auth",
        "kubernetes.io/tls",
    }
)
"""Types of Secrets that hold what is written in them, and for which no controller makes a credential."""

_HERE: Final = re.compile(r"(?<![\w.-])(?:localhost|127\.0\.0\.1|\[?::1\]?)(?![\w.-])")
_SCRAPED: Final = "prometheus.io/"
_MADE_BY_THE_CLUSTER: Final = {
    ("", "ConfigMap"): frozenset({"istio-ca-root-cert", "kube-root-ca.crt", "openshift-service-ca.crt"}),
    ("", "Service"): frozenset({"kubernetes"}),
    ("", "ServiceAccount"): frozenset({"builder", "default", "deployer"}),
}
"""What each namespace gets by itself, and all its pods use."""


class ObjectAdded(Rule):
    id = "object-added"
    severity = Verdict.SAFE
    sees = (
        "a new object of a kind that by itself changes nothing for what runs already, and that joins nothing"
    )
    why = "Nothing that runs is replaced or shared, and the quota bounds what it takes."
    do = "Nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.added:
            if _is_harmless(each) and not any(_joins(each, change)) and not any(reaching(each)):
                yield Sighting(f"a new {each.kind}", each.key, ((),))


class JoinsExisting(Rule):
    id = "joins-existing"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "new pods that something selects which is there already (a Service, a budget, a NetworkPolicy, a "
        "monitor, another workload, a custom kind), that mount a volume, read a Secret or run under an "
        "account which is, that are told of a store which does not come with them, or that keep others off "
        "their nodes; something that is named already by what stays (a ConfigMap by pods, a Service by an "
        "Ingress, a webhook or in a setting), or that each namespace has by itself; a Service of which pods "
        "get variables named like those that they read; or a new object with a label or an annotation for "
        "some controller"
    )
    why = "It takes traffic, data or rights of what runs already, from the moment that it starts."
    do = (
        "Give it labels, an account and volumes of its own, or check that it is meant to share, then approve."
    )

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.added:
            found = list(dict.fromkeys(_joins(each, change))) if _is_harmless(each) else []
            if found:
                yield Sighting(f"a new {each.kind}: {'; '.join(found)}", each.key, ((),))


class ReachesOthers(Rule):
    id = REACHES_OTHERS
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "an object, new or changed, comes to reach others than its tenant, or may reach other ones than "
        "before, by what a first release is asked about as well (`first-release-shared`); or what is for the "
        "whole cluster is removed"
    )
    why = "It may take traffic, room or rights from others, or change what they may do."
    do = "Check whom it reaches, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        touched = {each.key for each in (*change.added, *change.altered)}
        reach = partial(reaching, without_platform=change.without_platform)
        for each in change.after.objects:
            if each.key not in touched:
                continue
            before = change.before_of(each.key)
            known = [*reach(before)] if before else []
            words = list(dict.fromkeys(str(one) for one in reach(each) if one not in known))
            if words:
                alone = before is None and _is_harmless(each)
                yield Sighting("; ".join(words), each.key, ((),) if alone else ())
        for each in change.removed:
            if words := [str(one) for one in shared(each)]:
                yield Sighting(f"removed, and {'; '.join(words)}", each.key)


def _is_harmless(each: Object) -> bool:
    if hooks.is_hook(each) or (each.key.group, each.kind) not in _HARMLESS:
        return False
    if (each.key.group, each.kind) == ("", "Service"):
        return not is_open_service(each) and untyped.at(each.body, "spec", "type") in (None, "ClusterIP")
    return (each.key.group, each.kind) != ("", "Secret") or each.body.get("type") in _PLAIN_SECRETS


def _joins(each: Object, change: Change) -> Iterator[str]:
    if labels := labels_of(each):
        for other in change.kept:
            if other.namespace == each.namespace and any(
                selects(selector, labels) for selector in selectors_of(other)
            ):
                yield f"its pods are selected by {other.key}"
    if each.name in _MADE_BY_THE_CLUSTER.get((each.key.group, each.kind), ()):
        yield "the cluster makes one of that name in each namespace, and pods use that"
    made = secret_made_by(each)
    for other in change.kept:
        if other.namespace != each.namespace:
            continue
        if _is_claim_of(each, other):
            yield f"{other.key} has made a claim of that name for its pods"
        if _is_claim_of(other, each):
            yield f"its pods take up {other.key}, which is there already"
        if scales(other, each):
            yield f"{other.key} says already how many there are of it"
        if made is not None and secret_made_by(other) == made:
            yield f"{other.key} is or makes the Secret {made} already"
    kind, name = ("Secret", made) if made else (each.kind, each.name)
    if reader := change.looked_for.get((kind, each.namespace, name)):
        yield f"{reader.key} looks for it already"
    yield from _shares(each, change)
    yield from _stores_told(each, change)
    if (each.key.group, each.kind) == ("", "Service"):
        yield from _called_already(each, change)
        yield from _linked(each, change)
    for metadata in (each.body["metadata"], metadata_of(each)):
        for name, value in untyped.mapping(metadata.get("annotations")).items():
            if (
                is_own_annotation(name, value)
                and not is_inert_annotation(name)
                and not name.startswith(_SCRAPED)
            ):
                yield f"annotation {name}"
        for name in untyped.mapping(metadata.get("labels")):
            if "/" in name and not is_for_people(name):
                yield f"label {name}"


def _is_claim_of(claim: Object, owner: Object) -> bool:
    """Whether a claim is called as one that is made for a pod of `owner`."""
    return claim.kind == "PersistentVolumeClaim" and any(
        re.fullmatch(rf"{re.escape(f'{template}-{owner.name}')}-\d+", claim.name)
        for template in claim_templates_of(owner)
    )


def _shares(each: Object, change: Change) -> Iterator[str]:
    new = {(other.kind, other.name) for other in change.added}
    for claim in sorted(set(claims_of(each).values())):
        if ("PersistentVolumeClaim", claim) not in new:
            yield f"it mounts {claim}, which is there already"
    spec = spec_of(each)
    account = account_of(each)
    if account not in (None, "default") and ("ServiceAccount", account) not in new:
        yield f"it runs under the account {account}, which is there already"
    named = each.name if (each.key.group, each.kind) == ("", "ServiceAccount") else account
    for binding in change.kept if named else ():
        if is_given_to(named, binding, each.namespace):
            yield f"{binding.key} gives rights to the account {named} already"
    made = {secret_brought_by(other) for other in change.added if other.namespace == each.namespace}
    for kind, name in sorted(set(references(spec))):
        if kind == "Secret" and name not in made:
            yield f"it reads the Secret {name}, which does not come with it"
    for other in change.kept:
        if keeps_away(each, other):
            yield f"its pods keep those of {other.key} off their nodes"


def _stores_told(each: Object, change: Change) -> Iterator[str]:
    """The settings by which new pods come to use a store that is none of theirs."""
    if not spec_of(each):
        return
    new = [other for other in change.added if other.namespace == each.namespace]
    own, there = (
        [other for other in side if (other.key.group, other.kind) == ("", "Service")]
        for side in (new, [other for other in change.kept if other.namespace == each.namespace])
    )
    keep_any = _keep_any(new)
    for container in containers_of(each):
        stores = stored_by(container, each) is not None
        for setting in told_to(container, each, change.held):
            if any(names_service(setting, service) for service in own) or (setting.is_of_secret and keep_any):
                continue
            addressed = setting.is_store and (setting.is_address or setting.is_of_secret)
            joins = stores and any(_calls(setting, service) for service in there)
            elsewhere = not stores or setting.has_database_url
            if joins or (addressed and elsewhere and not _HERE.search(str(setting.after).partition("?")[0])):
                yield f"it is told of a store that does not come with it, by {setting.name or 'an argument'}"


def _calls(setting: Setting, service: Object) -> bool:
    """Whether a setting has the name of a Service where one of a store's other members may stand."""
    return str(setting.after) == service.name or names_service(setting, service)


def _keep_any(new: Sequence[Object]) -> bool:
    """Whether one of several new objects keeps data."""
    return any(stored_by(container, each) for each in new for container in containers_of(each))


def _called_already(service: Object, change: Change) -> Iterator[str]:
    """Those who have the name of a new Service in their settings, and find it by that from now on."""
    for other in change.kept:
        if other.namespace != service.namespace:
            continue
        calls = (each for each in change.told_before[other.key] if names_service(each, service))
        if (setting := next(calls, None)) is not None:
            yield f"{other.key} calls that name already, by {setting.name or 'an argument'}"


def _linked(service: Object, change: Change) -> Iterator[str]:
    """Those whose pods get variables of a new Service beside others of the same beginning, at some later
    start: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables.
    """
    if untyped.at(service.body, "spec", "clusterIP") == "None":
        return
    prefix = service.name.upper().replace("-", "_")
    for other in change.kept:
        pods = spec_of(other)
        if other.namespace != service.namespace or not pods or pods.get("enableServiceLinks") is False:
            continue
        images = {word for each in containers_of(other) for word in repository_of(image_of(each)).split("/")}
        read = {
            untyped.text(variable.get("name"))
            for each in containers_of(other)
            for variable in untyped.mappings(each.body.get("env"))
        }
        if service.name in images or any(name.startswith(f"{prefix}_") for name in read):
            yield f"pods of {other.key} get variables {prefix}_…, and read such"


RULES = (ObjectAdded(), JoinsExisting(), ReachesOthers())
