"""What a container is told when it starts: by its variables, its arguments, and the files that it mounts."""

import re
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any, Final

from deploy_orchestrator.manifests import Container, Object, untyped
from deploy_orchestrator.risk.mounted import settings_of
from deploy_orchestrator.risk.pods import spec_of
from deploy_orchestrator.risk.settings import Secret, Setting

_FLAG: Final = re.compile(r"--?(?P<name>[A-Za-z][\w.-]*)(?:=(?P<value>.*))?", re.DOTALL)

Maps = Mapping[tuple[str | None, str], Object]
"""ConfigMaps by namespace and name."""


def told_to(container: Container, owner: Object, maps: Maps) -> Iterator[Setting]:
    """Every setting of a container of the pods of `owner`, as far as it stands in the manifests.

    What a Secret says is not known: its name, and the key, stand for the value.
    """
    for variable in untyped.mappings(container.body.get("env")):
        name, source = untyped.text(variable.get("name")), untyped.mapping(variable.get("valueFrom"))
        if secret := untyped.mapping(source.get("secretKeyRef")):
            yield Setting(name, None, _secret(secret.get("name"), secret.get("key")))
        elif entry := untyped.mapping(source.get("configMapKeyRef")):
            key = untyped.text(entry.get("key"))
            said = _data(owner, entry.get("name"), maps).get(key)
            yield from (Setting(each, None, said) for each in (name, key))
        elif variable.get("value") is not None:
            yield Setting(name, None, variable["value"])
    for source in untyped.mappings(container.body.get("envFrom")):
        prefix = untyped.text(source.get("prefix"))
        if secret := untyped.mapping(source.get("secretRef")):
            yield Setting(f"{prefix}{untyped.text(secret.get('name'))}", None, _secret(secret.get("name")))
        data = _data(owner, untyped.at(source, "configMapRef", "name"), maps)
        yield from (Setting(f"{prefix}{name}", None, value) for name, value in data.items())
    yield from _arguments(container)
    yield from _files(container, owner, maps)


def told_by(each: Object) -> Iterator[Setting]:
    """Every setting in a ConfigMap; none in any other object."""
    if (each.key.group, each.kind) == ("", "ConfigMap"):
        for name, text in untyped.mapping(each.body.get("data")).items():
            yield from settings_of(name, untyped.text(text))


def names_service(setting: Setting, service: Object) -> bool:
    """Whether a setting has the name of a Service where a host stands: in a URL, before a port, with the
    namespace behind it, or alone where the setting says where something is.
    """
    text, name, namespace = str(setting.after), re.escape(service.name), re.escape(service.namespace or "")
    long = rf"{name}\.{namespace}(?:\.svc[\w.-]*)?"
    ends = r"(?=$|[:/?\s\"',;])"
    return any(
        re.search(pattern, text)
        for pattern in (
            rf"://(?:[^\s/@]*@)?(?:{name}|{long}){ends}",
            rf"(?:^|[\s,;=\"'@])(?:{name}|{long}):\d",
            rf"(?:^|[^\w.-]){long}{ends}",
            *([rf"(?:^|[\s,;]){name}(?=$|[\s,;])"] if setting.is_address else ()),
        )
    )


def _arguments(container: Container) -> Iterator[Setting]:
    words = [str(each) for field in ("command", "args") for each in untyped.items(container.body.get(field))]
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        if flag := _FLAG.fullmatch(word):
            yield Setting(flag["name"], None, following if flag["value"] is None else flag["value"])
        else:
            yield Setting("", None, word)


def _files(container: Container, owner: Object, maps: Maps) -> Iterator[Setting]:
    mounted = {mount.get("name") for mount in untyped.mappings(container.body.get("volumeMounts"))}
    for volume in untyped.mappings(spec_of(owner).get("volumes")):
        if volume.get("name") not in mounted:
            continue
        for source in (volume, *untyped.mappings(untyped.at(volume, "projected", "sources"))):
            secret = untyped.at(source, "secret", "secretName") or untyped.at(source, "secret", "name")
            if secret:
                yield Setting(untyped.text(secret), None, _secret(secret))
            data = _data(owner, untyped.at(source, "configMap", "name"), maps)
            for name, text in data.items():
                yield from settings_of(name, untyped.text(text))


def _data(owner: Object, name: Any, maps: Maps) -> Mapping[str, Any]:
    found = maps.get((owner.namespace, untyped.text(name)))
    return untyped.mapping(found.body.get("data")) if found else {}


def _secret(*of: Any) -> Secret:
    return Secret(tuple(map(untyped.text, of)))
