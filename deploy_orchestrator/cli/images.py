"""`images`: every image that the fleet runs, as its registry has it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import typer
from rich.text import Text

from deploy_orchestrator.cli.installation import opened, require_known
from deploy_orchestrator.cli.options import Format, OnlyEnvironment, OnlyTenant, Output
from deploy_orchestrator.cli.output import coloured, plain, progress, say, show_json, table, tell
from deploy_orchestrator.errors import OrchestratorError, Transient
from deploy_orchestrator.images import (
    AuditedImage,
    ImageMissing,
    Published,
    Variant,
    Weight,
    findings_of,
    moved,
    size,
    total,
    weights,
)
from deploy_orchestrator.outcomes import failures, values

Weights = Mapping[tuple[str, str], Weight]


def images(
    context: typer.Context,
    environment: OnlyEnvironment = None,
    tenant: OnlyTenant = None,
    output: Output = Format.TEXT,
) -> None:
    """Show every image of the fleet as its registry has it, and what is wrong with it.

    Every image that the newest fleet asks for or that is released is looked up in its registry, with your own
    logins of Helm or Docker: platforms, sizes as it is downloaded and, as far as that can be told without
    pulling it, on disk, what it shares with others in the same cluster, age, user, SBOMs and signatures.
    These are not verified. What the policies of environments ask of images is checked.

    The exit code is 1 when an image is missing, broken, not what a policy asks for, or another one than was
    released by the same name, and 2 when a registry does not answer, a deployment does not render or a
    release cannot be read; the others are shown all the same.
    """
    orchestrator = opened(context)
    fleet = orchestrator.fleet()
    if environment or tenant:
        require_known(fleet, environment, tenant)

    def wanted(where: str, who: str) -> bool:
        return environment in (None, where) and tenant in (None, who)

    with progress("rendering"):
        running = orchestrator.running(wanted)
    with progress("asking registries"):
        audited = orchestrator.images(values(each for _, each in running))
    asked = {each.key: each for each in fleet.deployments()}
    findings = findings_of(values(each for _, each in running), asked, audited, datetime.now(UTC))
    shifted = moved(values(each for _, each in running), audited)
    weighed = weights(audited)
    if output is Format.JSON:
        show_json(
            {
                "images": [_json(each, weighed) for each in audited],
                "download": total(audited),
                "findings": [
                    {"deployment": key, **each.as_json(), "object": str(each.object) if each.object else None}
                    for key, each in findings
                ],
                "moved": shifted,
            }
        )
    else:
        _show(audited, weighed)
        for key, each in findings:
            say(coloured(each.severity), plain(f"  {key}: {str(each).removeprefix(f'{each.severity} ')}"))
        for each in shifted:
            say(coloured("moved"), plain(f"  {each.key}: {each}"))
    broken = [(str(each.name), each.found) for each in audited if isinstance(each.found, OrchestratorError)]
    unread = [*dict.fromkeys(failures(running)), *fleet.broken.items()]
    for about, error in [*unread, *broken]:
        tell(error, about=about)
    unreadable = orchestrator.deployments.unreadable_releases(environment)
    for error in unreadable:
        tell(error)
    if unread or unreadable or any(isinstance(error, Transient) for _, error in broken):
        raise typer.Exit(2)
    if broken or shifted or any(each.severity == "error" for _, each in findings):
        raise typer.Exit(1)


def _show(audited: Sequence[AuditedImage], weighed: Weights) -> None:
    if not audited:
        say("No image is asked for or released.")
        return
    table(
        "state",
        "download",
        "on disk",
        "shared",
        "built (UTC)",
        "user",
        "SBOM",
        "signature",
        "platforms",
        last="image",
        rows=(_row(each, weighed) for each in audited),
    )
    there = sum(isinstance(each.found, Published) for each in audited)
    say(f"{there} of {len(audited)} images are there; together they take {size(total(audited))} to download.")


def _row(audited: AuditedImage, weighed: Weights) -> tuple[str | Text, ...]:
    name, found = str(audited.name), audited.found
    if isinstance(found, OrchestratorError):
        return (coloured(_state(found)), "", "", "", "", "", "", "", "", name)
    largest = found.largest
    clusters = {each.cluster for each in audited.run_by}
    shared = max(weighed[found.digest, each].shared for each in clusters)
    return (
        coloured("there"),
        size(largest.download),
        _disk(largest),
        size(shared),
        f"{largest.created:%Y-%m-%d}" if largest.created else "",
        largest.user or "root",
        "yes" if found.attached.sboms else "no",
        "yes" if found.attached.signatures else "no",
        f"{len(found.variants)}" + (f" of {len(found.variants) + len(found.absent)}" if found.absent else ""),
        name,
    )


def _state(error: OrchestratorError) -> str:
    if isinstance(error, ImageMissing):
        return "missing"
    return "unknown" if isinstance(error, Transient) else "broken"


def _disk(variant: Variant) -> str:
    if variant.disk is None:
        return "unknown"
    return size(variant.disk) if variant.is_disk_exact else f"≥ {size(variant.disk)}"


def _json(audited: AuditedImage, weighed: Weights) -> dict[str, object]:
    found = audited.found
    about: dict[str, object] = {
        "image": str(audited.name),
        "deployments": audited.deployments,
        "used_by": [
            {"deployment": each.key, "cluster": each.cluster, "standing": each.standing, "by": str(each.use)}
            for each in audited.run_by
        ],
    }
    if isinstance(found, OrchestratorError):
        return {**about, "state": _state(found), "why": found.what}
    clusters = sorted({each.cluster for each in audited.run_by})
    return {
        **about,
        "state": "there",
        "digest": found.digest,
        "absent": found.absent,
        "sboms": found.attached.sboms,
        "signatures": found.attached.signatures,
        "provenance": found.attached.provenance,
        "clusters": {
            each: {"shared": weighed[found.digest, each].shared, "alone": weighed[found.digest, each].alone}
            for each in clusters
        },
        "platforms": [_variant_json(each) for each in found.variants],
    }


def _variant_json(variant: Variant) -> dict[str, object]:
    return {
        "platform": str(variant.platform),
        "digest": variant.digest,
        "download": variant.download,
        "disk": variant.disk,
        "disk_is_exact": variant.is_disk_exact,
        "layers": [
            {
                "digest": each.digest,
                "download": each.size,
                "disk": each.unpacked,
                "made_by": each.made_by,
            }
            for each in variant.layers
        ],
        "created": variant.created,
        "user": variant.user,
        "root": variant.is_root,
        "entrypoint": variant.entrypoint,
        "command": variant.command,
        "ports": variant.ports,
    }
