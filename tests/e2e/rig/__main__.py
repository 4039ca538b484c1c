"""Boot a cluster with Argo CD and keep it until interrupted: `cd tests/e2e && python -m rig FOLDER`."""

import signal
import sys
from pathlib import Path

from rig import CONSENT, ArgoCD, ControlPlane


def main(folder: Path) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder.mkdir(parents=True)
    with ControlPlane(folder.resolve()) as cluster, ArgoCD(cluster):
        cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": "argocd", "labels": {CONSENT: "allowed"}},
            }
        )
        print(f"export KUBECONFIG={cluster.kubeconfig}", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("ending")


main(Path(sys.argv[1]))
