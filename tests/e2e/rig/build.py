"""Build all that a run needs, and print the folder of `helm`: `cd tests/e2e && python -m rig.build`.

With `KUBECONFIG` set the suite uses that cluster, and none is built.
"""

import os
import signal

from rig import binaries, edge

signal.signal(signal.SIGTERM, signal.default_int_handler)
helm = binaries.helm()
if not os.environ.get("KUBECONFIG"):
    binaries.cluster()
    if os.geteuid() == 0:
        binaries.node()
        binaries.orchestrator()
        edge.built("amd64")
binaries.gitea()
print(helm / "bin")
