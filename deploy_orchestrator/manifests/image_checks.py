"""Images are what the environment's policy asks of them (images), as their registries have them.

Nothing here reads a registry: whoever does finds what these are about.
"""

from typing import Final

from deploy_orchestrator.manifests.findings import Check

MISSING: Final = Check(
    "image-missing",
    "error",
    "Its pods would wait for it in vain, also those that replace ones that run now.",
    "push it to its registry, then plan again",
)
INVALID: Final = Check(
    "image-invalid",
    "error",
    "No node could pull it, or nobody knows what a node would pull.",
    "push it again",
)
BY_DIGEST: Final = Check(
    "image-by-tag",
    "error",
    "A tag can be moved to other bytes at any time, and nobody would have approved those.",
    "name the image by its digest beside the tag",
)
PLATFORM: Final = Check(
    "image-platform",
    "error",
    "Its pods would not start on nodes of that kind.",
    "build the image for it, and push an index of all platforms",
)
SIZE: Final = Check(
    "image-size",
    "error",
    "A node pulls and keeps it beside all others; where there is no room left, it evicts pods.",
    "leave out of the image what only its build needs, or raise the budget in the policy",
)
AGE: Final = Check(
    "image-age",
    "error",
    "What was mended in the meantime in all that it holds is not in it.",
    "build it again on a base of now",
)
ROOT: Final = Check(
    "image-root",
    "error",
    "Root in a container is root on the node once it breaks out.",
    "set USER in the image, or runAsUser in the pod, to another number than 0",
)
USER: Final = Check(
    "image-user",
    "error",
    "With runAsNonRoot the node starts it only where it can tell that the user is not root: by a number.",
    "set USER in the image, or runAsUser in the pod, to a number other than 0",
)
SBOM: Final = Check(
    "image-sbom",
    "error",
    "Nobody can tell what is in it when the next vulnerability gets known.",
    "attach an SBOM, as with `docker buildx build --sbom=true` or `cosign attest`",
)
SIGNATURE: Final = Check(
    "image-signature",
    "error",
    "Nobody vouches for it.",
    "sign it, as with `cosign sign`",
)

IMAGE_CHECKS: Final = (MISSING, INVALID, BY_DIGEST, PLATFORM, SIZE, AGE, ROOT, USER, SBOM, SIGNATURE)
