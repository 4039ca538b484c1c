"""What an orchestrator does for one deployment, by a process of its own that may end as a crash would before
any step: a git command, or what is sent to the API server.
"""

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection

from deploy_orchestrator.outcomes import raised
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Plan, Release
from deploy_orchestrator.settings import Settings

STEPS = {"subprocess.Popen", "http.client.send"}

Work = Callable[[Orchestrator, str, str], None]

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    ["deploy_orchestrator.pipeline.orchestrator", "deploy_orchestrator.delivery.argocd.api"]
)


def propose(orchestrator: Orchestrator, environment: str, tenant: str) -> Plan | None:
    """What is pending after the newest fleet commit was planned."""
    fleet = orchestrator.fleet()
    ((_, preview),) = orchestrator.previews([fleet.deployment(environment, tenant)], fleet)
    return raised(orchestrator.propose([raised(preview)])[0])


def released(orchestrator: Orchestrator, plan: Plan) -> Release:
    """What comes of releasing a plan."""
    return raised(orchestrator.release_all([plan])[0])


def ship(orchestrator: Orchestrator, environment: str, tenant: str) -> None:
    """From the newest fleet commit until it is live."""
    plan = propose(orchestrator, environment, tenant)
    release = released(orchestrator, plan) if plan else orchestrator.deployments.release(environment, tenant)
    assert release
    orchestrator.deliver(release)


def remove(orchestrator: Orchestrator, environment: str, tenant: str) -> None:
    """Until nothing of it is left."""
    release = orchestrator.deployments.release(environment, tenant)
    if release and not release.removal:
        plan = orchestrator.plan_removal(environment, tenant)
        assert plan
        release = released(orchestrator, plan)
    if release:
        orchestrator.deliver(release)


def run(work: Work, settings: Settings, environment: str, tenant: str, last: int = -1) -> int | None:
    """How many steps `work` took; None where it was killed before the step `last`, if it came so far. What it
    raised fails the test.
    """
    receiver, sender = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_run, args=(sender, work, settings, environment, tenant, last))
    process.start()
    sender.close()
    with receiver:
        try:
            made: int | str | None = receiver.recv()
        except EOFError:
            made = None
    process.join()
    assert not isinstance(made, str), made
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
        try:
            work(orchestrator, environment, tenant)
        except Exception:
            made.send(traceback.format_exc())
            raise
        made.send(steps)
