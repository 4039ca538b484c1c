"""What a registry has of an image."""

from datetime import datetime
from typing import Final

import msgspec

from deploy_orchestrator.images.oci import Platform

_MAX_USER: Final = 2**31 - 1
_DIGITS: Final = len(str(_MAX_USER))


class Layer(msgspec.Struct, frozen=True):
    """A layer: its `size` in bytes as it is pulled, and `unpacked`, as far as that can be known without
    pulling it; None where it cannot. `is_exact`: what is known is all of it, and not only the least.
    `made_by` is the step of the build that made it, as far as the image tells.
    """

    digest: str
    size: int
    unpacked: int | None
    is_exact: bool
    made_by: str = ""

    def __str__(self) -> str:
        return f"`{self.made_by}`" if self.made_by else self.digest


class Variant(msgspec.Struct, frozen=True):
    """An image for one `platform`; `built_for` is what its own configuration says.

    `download` is what is pulled where nothing is there yet, in bytes. `created` is None where the image does
    not tell: builds that can be repeated set no time.
    """

    platform: Platform
    built_for: Platform
    digest: str
    layers: tuple[Layer, ...]
    overhead: int
    """Bytes of the manifest and the configuration."""
    created: datetime | None
    user: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    ports: tuple[str, ...]

    @property
    def download(self) -> int:
        return self.overhead + sum(each.size for each in self.layers)

    @property
    def disk(self) -> int | None:
        """Bytes of the unpacked layers, or the least that they are; None where nothing is known of one."""
        known = [each.unpacked for each in self.layers]
        return None if None in known else sum(filter(None, known))

    @property
    def is_disk_exact(self) -> bool:
        return all(each.is_exact for each in self.layers)

    @property
    def is_root(self) -> bool:
        """Whether it runs as root where the pod names no other user, or may: a runtime whose numbers have 32
        bits takes a larger one for another (CVE-2024-40635).
        """
        user = self.user.partition(":")[0].strip()
        number = user.lstrip("+-0")
        is_larger = number.isdecimal() and (len(number) > _DIGITS or int(number) > _MAX_USER)
        return user in {"", "root"} or number == "" or is_larger

    @property
    def is_named(self) -> bool:
        """Whether its user is a name, which may be root's as well: only the image knows."""
        user = self.user.partition(":")[0]
        return not (user.isascii() and user.isdecimal())


class Attached(msgspec.Struct, frozen=True):
    """Kinds of SBOMs, signatures and provenance that refer to an image. None of them was verified."""

    sboms: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    provenance: tuple[str, ...] = ()


class Published(msgspec.Struct, frozen=True):
    """An image as a registry has it: the `digest` that its name leads to, and each of its platforms; `absent`
    are those that its index names, and the registry does not have.
    """

    digest: str
    variants: tuple[Variant, ...]
    attached: Attached = Attached()
    absent: tuple[str, ...] = ()

    def variants_for(self, platform: str) -> tuple[Variant, ...]:
        """Those for a platform as `linux/arm64`; where it names no variant, all of them."""
        return tuple(
            each
            for each in self.variants
            if (told := str(each.platform)) == platform
            or (platform.count("/") == 1 and told.startswith(f"{platform}/"))
        )

    @property
    def largest(self) -> Variant:
        """The platform that takes most to download."""
        return max(self.variants, key=lambda each: each.download)
