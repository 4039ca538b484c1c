"""Take one deployment from the newest fleet commit until it is live, and print how many steps that took.

`ship.py ENVIRONMENT TENANT STEP` ends itself as a crash would before that step, if it comes so far. A step is
a git command or what is sent to the API server.
"""

import os
import signal
import sys

from deploy_orchestrator.orchestrator import Orchestrator
from deploy_orchestrator.settings import Settings

STEPS = {"subprocess.Popen", "http.client.send"}

environment, tenant, last = *sys.argv[1:3], int(sys.argv[3])
made = 0


def step(event: str, _: object) -> None:
    global made
    if event in STEPS:
        if made == last:
            os.kill(os.getpid(), signal.SIGKILL)
        made += 1


with Orchestrator.open(Settings()) as orchestrator:
    orchestrator.manifests(environment, tenant)
    sys.addaudithook(step)
    plan = orchestrator.plan(environment, tenant)
    release = orchestrator.release(plan) if plan else orchestrator.deployments.release(environment, tenant)
    assert release
    orchestrator.deliver(release)
print(made)
