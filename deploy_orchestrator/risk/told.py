"""What a container is told when it starts: by its variables, its arguments, and the files that it mounts."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import zip_longest
from typing import Any, Final

from deploy_orchestrator.manifests import Container, Object, untyped
from deploy_orchestrator.risk.held import Held
from deploy_orchestrator.risk.mounted import settings_of
from deploy_orchestrator.risk.pods import metadata_of, spec_of
from deploy_orchestrator.risk.settings import ANYTHING, Secret, Setting

_FLAG: Final = re.compile(r"--?(?P<name>[A-Za-z][\w.-]*)(?:=(?P<value>.*))?", re.DOTALL)


def told_to(container: Container, owner: Object, held: Held) -> Iterator[Setting]:
    """Every setting of a container of the pods of `owner`, as far as it stands in the manifests.

    What a Secret says is not known, nor what a ConfigMap does that is made elsewhere: a `Secret` with its
    name, and the key, stands for the value. What pods are annotated with is told as well, for injectors bring
    them what that names.
    """
    for variable in untyped.mappings(container.body.get("env")):
        name, source = untyped.text(variable.get("name")), untyped.mapping(variable.get("valueFrom"))
        if secret := untyped.mapping(source.get("secretKeyRef")):
            of = untyped.text(secret.get("name")), untyped.text(secret.get("key"))
            yield from (Setting(each, None, Secret(of)) for each in (name, *of))
        elif entry := untyped.mapping(source.get("configMapKeyRef")):
            key = untyped.text(entry.get("key"))
            said = _entries("ConfigMap", owner, entry.get("name"), held).get(key)
            yield from (Setting(each, None, said) for each in (name, key))
        elif variable.get("value") is not None:
            yield Setting(name, None, variable["value"])
    for source in untyped.mappings(container.body.get("envFrom")):
        prefix = untyped.text(source.get("prefix"))
        secret, entries = (
            untyped.text(untyped.at(source, of, "name")) for of in ("secretRef", "configMapRef")
        )
        for each in _from_secret(owner, secret, held):
            yield Setting(f"{prefix}{each.name}", None, each.after)
        for kind, name in (("Secret", secret), ("ConfigMap", entries)):
            if name and (kind, owner.namespace, name) not in held:
                yield Setting(f"{prefix}{name}", None, Secret((name, ANYTHING)))
        data = _entries("ConfigMap", owner, entries, held)
        yield from (Setting(f"{prefix}{name}", None, value) for name, value in data.items())
    yield from _arguments(container)
    yield from _files(container, owner, held)
    for name, value in untyped.mapping(metadata_of(owner).get("annotations")).items():
        yield Setting(name, None, value)


def told_by(each: Object) -> Iterator[Setting]:
    """Every setting in a ConfigMap; none in any other object."""
    if (each.key.group, each.kind) == ("", "ConfigMap"):
        for name, text in untyped.mapping(each.body.get("data")).items():
            yield from settings_of(name, untyped.text(text))


def names_service(setting: Setting, service: Object) -> bool:
    """Whether a setting has the name of a Service where a host stands: in a URL, before a port, with the
    namespace behind it, or alone where the setting says where something is.
    """
    text = str(setting.after)
    if service.name not in text:
        return False
    anywhere, alone = _names(service.name, service.namespace or "")
    return bool(anywhere.search(text) or (setting.is_address and alone.search(text)))


@lru_cache(maxsize=256)
def _names(service: str, namespace: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """How a text names a Service whatever it is about, and how where it says where something is."""
    name = re.escape(service)
    long = rf"{name}\.{re.escape(namespace)}(?:\.svc[\w.-]*)?"
    ends = r"(?=$|[:/?\s\"',;])"
    anywhere = (
        rf"://(?:[^\s/@]*@)?(?:{name}|{long}){ends}",
        rf"(?:^|[\s,;=\"'@])(?:{name}|{long}):\d",
        rf"(?:^|[^\w.-]){long}{ends}",
    )
    return re.compile("|".join(anywhere)), re.compile(rf"(?:^|[\s,;]){name}(?=$|[\s,;])")


def _arguments(container: Container) -> Iterator[Setting]:
    words = [str(each) for field in ("command", "args") for each in untyped.items(container.body.get(field))]
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        if flag := _FLAG.fullmatch(word):
            yield Setting(flag["name"], None, following if flag["value"] is None else flag["value"])
        else:
            yield Setting("", None, word)


def _files(container: Container, owner: Object, held: Held) -> Iterator[Setting]:
    mounted = {mount.get("name") for mount in untyped.mappings(container.body.get("volumeMounts"))}
    for volume in untyped.mappings(spec_of(owner).get("volumes")):
        if volume.get("name") not in mounted:
            continue
        for source in (volume, *untyped.mappings(untyped.at(volume, "projected", "sources"))):
            secret = untyped.at(source, "secret", "secretName") or untyped.at(source, "secret", "name")
            provided = untyped.at(source, "csi", "volumeAttributes", "secretProviderClass")
            yield from _from_secret(owner, secret or provided, held)
            data = _entries("ConfigMap", owner, untyped.at(source, "configMap", "name"), held)
            for name, text in data.items():
                yield from settings_of(name, untyped.text(text))


def _from_secret(owner: Object, named: Any, held: Held) -> Iterator[Setting]:
    """What a Secret is called, and what its entries are, as far as they stand in the manifests."""
    if name := untyped.text(named):
        yield Setting(name, None, Secret((name,)))
        for key, value in _entries("Secret", owner, name, held).items():
            yield Setting(key, None, value)


def _entries(kind: str, owner: Object, name: Any, held: Held) -> Mapping[str, Any]:
    return held.get((kind, owner.namespace, untyped.text(name)), {})
