"""What an orchestrator does for one deployment, by a process of its own that may end as a crash would before
any step: a git command, or what is sent to the API server.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection

from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.settings import Settings

STEPS = {"subprocess.Popen", "http.client.send"}

Work = Callable[[Orchestrator, str, str], None]

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    ["deploy_orchestrator.pipeline.orchestrator", "deploy_orchestrator.delivery.argocd.api"]
)


def ship(orchestrator: Orchestrator, environment: str, tenant: str) -> None:
    """From the newest fleet commit until it is live."""
    plan = orchestrator.plan(environment, tenant)
    release = orchestrator.release(plan) if plan else orchestrator.deployments.release(environment, tenant)
    assert release
    orchestrator.deliver(release)


def remove(orchestrator: Orchestrator, environment: str, tenant: str) -> None:
    """Until nothing of it is left."""
    release = orchestrator.deployments.release(environment, tenant)
    if release and not release.removal:
        plan = orchestrator.plan_removal(environment, tenant)
        assert plan
        release = orchestrator.release(plan)
    if release:
        orchestrator.deliver(release)


def run(work: Work, settings: Settings, environment: str, tenant: str, last: int = -1) -> int | None:
    """How many steps `work` took; None where it was killed before the step `last`, if it came so far."""
    receiver, sender = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_run, args=(sender, work, settings, environment, tenant, last))
    process.start()
    sender.close()
    with receiver:
        try:
            made: int | None = receiver.recv()
        except EOFError:
            made = None
    process.join()
    assert process.exitcode == (0 if made is not None else -signal.SIGKILL)
    return made


def _run(made: Connection, work: Work, settings: Settings, environment: str, tenant: str, last: int) -> None:
    steps = 0

    def step(event: str, _: object) -> None:
        nonlocal steps
        if event in STEPS:
            if steps == last:
                os.kill(os.getpid(), signal.SIGKILL)
            steps += 1

    with Orchestrator.open(settings) as orchestrator:
        sys.addaudithook(step)
        work(orchestrator, environment, tenant)
        made.send(steps)
