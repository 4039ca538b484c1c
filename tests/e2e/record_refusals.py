"""Record what a real API server says to mutations of all kinds, for the tests that have none.

    PYTHONPATH=tests/e2e python tests/e2e/record_refusals.py

Writes `tests/data/refusals.json.gz`: each object with whether it was taken, but for those whose answer says
nothing of the object.
"""

import gzip
import json
import tempfile
from pathlib import Path

import test_refusals
from rig import ControlPlane
from test_refusals import BECOMES_ANOTHER, INVALID, Asked, answers

RECORDED = Path(__file__).parents[1] / "data" / "refusals.json.gz"
TRIED = 3_000


def main() -> None:
    """Boot a control plane and ask it."""
    test_refusals.TRIED = TRIED
    with tempfile.TemporaryDirectory() as folder, ControlPlane(Path(folder)) as k8s, k8s.client() as client:
        server = Asked(client)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "refusals"}}
        about = {"name": "default", "namespace": "refusals"}
        for body in (namespace, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about}):
            server.apply(body, dry_run=False)
        tried = answers(server, "refusals")
    said = [
        {"what": f"{each.of}: {each.mutation}", "body": each.mutation.body, "taken": each.status == 200}
        for each in tried
        if each.status in {200, *INVALID} and BECOMES_ANOTHER not in each.mutation.what
    ]
    lines = "".join(f"{json.dumps(each, sort_keys=True)}\n" for each in said)
    RECORDED.write_bytes(gzip.compress(lines.encode(), mtime=0))
    print(f"{len(said)} answers in {RECORDED}")


if __name__ == "__main__":
    main()
