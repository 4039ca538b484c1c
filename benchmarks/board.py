"""What the board's first page costs: how large it is, and how fast it answers with many looking at it.

    python benchmarks/board.py [--tenants 1000] [--people 200] [--seconds 20] [--rounds 5]

Tenants in three environments, all of which change at each look, every three seconds, and all of which wait
for an approval in production. First one person asks for the page again and again; then 50 ask for it in the
same moment, round by round; then so many have it open, listen for news, and show it anew as the page's script
does. Who asks is a process of its own, which unpacks nothing. The look itself is made up:
`benchmarks/scale.py` measures real ones.
"""

import argparse
import asyncio
import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import uvicorn
from results import Results

from deploy_orchestrator.cli.init import init
from deploy_orchestrator.fleet import Destination
from deploy_orchestrator.manifests import ChartUsed
from deploy_orchestrator.pipeline import Orchestrator, Overview, Standing, State, Waiting
from deploy_orchestrator.releases import Gate, GateState, Plan, Release, SourceChange, digest_of
from deploy_orchestrator.releases.model import Subject
from deploy_orchestrator.risk import Reason, Summary, Verdict
from deploy_orchestrator.settings import Settings
from deploy_orchestrator.web import LOOPBACK, Watch, beside, site, site_server

ENVIRONMENTS = ("dev", "staging", "production")
SERVER = "https://kubernetes.default.svc"
CONTENT = f"sha256:{'c' * 64}"
CHART = ChartUsed(name="app", version="1.4.2")
JITTER = 3.0
AT_ONCE = 50


def main() -> None:
    """Run the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--client", choices=("page", "shown", "open"), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.client == "open":
        asyncio.run(many(arguments.url, arguments.people, arguments.seconds))
        return
    if arguments.client:
        asyncio.run(at_once(arguments.url, arguments.rounds, part=arguments.client == "shown"))
        return
    print(f"load of this machine before: {os.getloadavg()[0]:.1f}")
    results = Results("board")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        init(Path(".local"))
        with Orchestrator.open(Settings()) as orchestrator:
            watch = Watch(lambda: seen(arguments.tenants))
            server = site_server(site(watch, orchestrator, None, LOOPBACK), "127.0.0.1", 0)
            with beside(server):
                measured(server, arguments, results)
    results.write()


def measured(server: uvicorn.Server, arguments: argparse.Namespace, results: Results) -> None:
    """One person, many in the same moment, and many who have it open."""
    while not server.started:
        time.sleep(0.05)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    for _ in range(arguments.rounds):
        one(url, results)
    for client, what in (("page", "page"), ("shown", "what changes of the page")):
        taken, spent = asked(client, url, arguments)
        results.add(f"{what}, {AT_ONCE} at once", "ms", *taken)
        print(f"{what}, {AT_ONCE} at once: {told(taken)}; {spent:.1f} ms of a processor each")
    taken, spent = asked("open", url, arguments)
    results.add(f"shown anew to {arguments.people} people", "ms", *taken)
    results.add("processor time of the server, a request", "ms", spent)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    results.add("memory", "MB", memory)
    print(
        f"{arguments.people} people have it open: {told(taken)}; {spent:.1f} ms of a processor each, with "
        f"what looks; {memory:.0f} MB"
    )


def asked(client: str, url: str, arguments: argparse.Namespace) -> tuple[list[float], float]:
    """How many ms each waited for whom a process of its own asks, and how many the server spent on each."""
    command = [sys.executable, Path(__file__).resolve(), f"--client={client}", f"--url={url}"]
    command += [f"--{name}={getattr(arguments, name)}" for name in ("people", "seconds", "rounds")]
    before = time.process_time()
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    taken = json.loads(said)
    return taken, 1000 * (time.process_time() - before) / len(taken)


def seen(tenants: int) -> Overview:
    """How everything stands: each time another commit of the fleet is released everywhere."""
    now, commit = datetime.now(UTC), f"{random.getrandbits(160):040x}"
    source = SourceChange(commit=commit, authors=("alice@example.com",), signed=True)
    found = (
        _standing(environment, f"tenant-{number:04}", source, now)
        for environment in ENVIRONMENTS
        for number in range(tenants)
    )
    return Overview(now, commit, ENVIRONMENTS, tuple(found), ())


def _standing(environment: str, tenant: str, source: SourceChange, now: datetime) -> Standing:
    namespace = f"{tenant}-{environment}"
    digest = digest_of(
        environment=environment,
        tenant=tenant,
        destination=Destination("here", SERVER, namespace),
        content=CONTENT,
        base=None,
        replaces=None,
    )
    release = Release(
        format=2,
        environment=environment,
        tenant=tenant,
        namespace=namespace,
        cluster="here",
        server=SERVER,
        digest=digest,
        content=CONTENT,
        chart=CHART,
        source=source,
        revision="a" * 40,
        path=f"manifests/{environment}/{tenant}",
        released_at=now,
        commit="b" * 40,
    )
    waiting = _waiting(release) if environment == "production" else None
    return Standing(environment, tenant, State.LIVE, release, "", "Raise the limits", now, waiting)


def _waiting(release: Release) -> Waiting:
    """The next change there, with two reasons: it waits for an approval."""
    about = f"Deployment {release.namespace}/{release.tenant}-web"
    said = {"severity": Verdict.NEEDS_APPROVAL, "object": about, "why": "It costs more.", "do": "Look at it."}
    reasons = tuple(Reason(rule=rule, saw=f"{about} changes", **said) for rule in ("limits", "scaled"))
    known = {name: getattr(release, name) for name in Subject.model_fields}
    summary = Summary(added=0, changed=1, removed=0)
    plan = Plan(**known, verdict=Verdict.NEEDS_APPROVAL, reasons=reasons, summary=summary)
    gate = Gate("approval", GateState.WAITING, "0 of 1 approvals")
    return Waiting(plan, (gate,), subject="Raise the limits again", people=("bob@example.com",))


def one(url: str, results: Results) -> None:
    """One person asks for the page, whose table is made by the first who sees a look."""
    with httpx.Client(headers={"Accept": "text/html", "Accept-Encoding": "gzip"}, timeout=60) as client:
        taken: list[float] = []
        sent, spent = 0, time.process_time()
        for _ in range(60):
            began = time.perf_counter()
            with client.stream("GET", url) as answer:
                sent = sum(map(len, answer.iter_raw()))
            taken.append(1000 * (time.perf_counter() - began))
            time.sleep(0.1)
        spent = 1000 * (time.process_time() - spent) / len(taken)
        whole = len(client.get(url).content)
    results.add("page", "ms", *taken)
    results.add("page, as sent", "kB", sent / 1000)
    results.add("page, whole", "kB", whole / 1000)
    print(
        f"one page after the other: {told(taken)}; {spent:.1f} ms of a processor each, with what asks and "
        f"what looks; {sent / 1000:.0f} kB as sent, {whole / 1000:.0f} kB whole"
    )


async def at_once(url: str, rounds: int, *, part: bool) -> None:
    """As many as `AT_ONCE` ask for the page in the same moment, or for the `part` of it that changes."""
    headers = {"Accept": "text/html", "Accept-Encoding": "gzip", **({"X-Part": "shown"} if part else {})}
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=0)
    taken: list[float] = []
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, limits=limits) as client:
        for _ in range(rounds):
            taken += await asyncio.gather(*(_asked(client) for _ in range(AT_ONCE)))
            await asyncio.sleep(random.random())
    print(json.dumps(taken))


async def _asked(client: httpx.AsyncClient) -> float:
    """How many ms it took until all of the page was there."""
    began = time.perf_counter()
    async with client.stream("GET", "/") as answer:
        answer.raise_for_status()
        async for _ in answer.aiter_raw():
            pass
    return 1000 * (time.perf_counter() - began)


def told(taken: list[float]) -> str:
    """How long so many took, in words."""
    ordered = sorted(taken)
    p50, p95, p99 = (ordered[math.ceil(len(ordered) * each / 100) - 1] for each in (50, 95, 99))
    return f"{len(ordered)} requests, p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms"


async def many(url: str, people: int, seconds: float) -> None:
    """So many have the page open for so long; how long their browsers wait for what is new."""
    limits = httpx.Limits(max_connections=3 * people, max_keepalive_connections=0)
    headers = {"Accept": "text/html", "Accept-Encoding": "gzip", "X-Part": "shown"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, limits=limits) as client:
        taken: list[float] = []
        async with asyncio.TaskGroup() as group:
            for _ in range(people):
                group.create_task(_person(client, time.monotonic() + seconds, taken))
    print(json.dumps(sorted(taken)))


async def _person(client: httpx.AsyncClient, until: float, taken: list[float]) -> None:
    async with client.stream("GET", "/events") as events:
        async for line in events.aiter_lines():
            if line.startswith("data:"):
                await asyncio.sleep(JITTER * random.random())
                taken.append(await _asked(client))
            if time.monotonic() > until:
                return


if __name__ == "__main__":
    main()
