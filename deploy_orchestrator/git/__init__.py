"""Read a Git repository at a commit; write one atomically."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.git.address import Remote, redact
    from deploy_orchestrator.git.changes import Changes
    from deploy_orchestrator.git.commit import Commit, Ident
    from deploy_orchestrator.git.errors import (
        GitError,
        PathNotFound,
        PushRejected,
        RemoteUnreachable,
        RevertConflict,
        RevisionNotFound,
        SigningFailed,
        TooMuchHistory,
        UnsafeRemote,
        UnsafeTree,
        Unsigned,
        UntrustedSignature,
        WriteContended,
    )
    from deploy_orchestrator.git.history import History, is_branch_name
    from deploy_orchestrator.git.objects import ObjectStore, checked_out
    from deploy_orchestrator.git.repository import Repository, Witness
    from deploy_orchestrator.git.seal import Seal
    from deploy_orchestrator.git.signature import Signature, Signer
    from deploy_orchestrator.git.touched import MAX_TOUCHED, Touched
    from deploy_orchestrator.git.tree import Tree
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "MAX_TOUCHED",
    "Changes",
    "Commit",
    "GitError",
    "History",
    "Ident",
    "ObjectStore",
    "PathNotFound",
    "PushRejected",
    "Remote",
    "RemoteUnreachable",
    "Repository",
    "RevertConflict",
    "RevisionNotFound",
    "Seal",
    "Signature",
    "Signer",
    "SigningFailed",
    "TooMuchHistory",
    "Touched",
    "Tree",
    "UnsafeRemote",
    "UnsafeTree",
    "Unsigned",
    "UntrustedSignature",
    "Witness",
    "WriteContended",
    "checked_out",
    "is_branch_name",
    "redact",
]
