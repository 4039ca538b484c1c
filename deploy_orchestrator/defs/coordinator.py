"""How runs are queued: each says who launched it, and what two ask for at the same moment is started once."""

from typing import Final

from dagster import DagsterRun, DagsterRunStatus, QueuedRunCoordinator, RunsFilter
from dagster._core.run_coordinator import SubmitRunContext
from dagster._core.storage.tags import BACKFILL_ID_TAG, RUN_KEY_TAG, SENSOR_NAME_TAG

from deploy_orchestrator.web import LAUNCHED_BY

ASKED_FOR = (SENSOR_NAME_TAG, RUN_KEY_TAG)
LANE: Final = "lane"
"""The tag by which `dagster.yaml` limits how many runs there are at a time."""
LANES: Final = {"ship": "forward", "promote": "forward", "sync": "forward", "roll_back": "back"}
"""By job; all others run `beside` these."""
LAUNCHERS_GO_BY: Final = ("dagster-celery/", "dagster-k8s/", "ecs/")
"""How the tags begin by which run launchers start something else for a run: another image, another command.
https://docs.dagster.io/deployment/oss/deployment-options/kubernetes/customizing-your-deployment
"""


def is_asked_for(run: DagsterRun) -> bool:
    """Whether a sensor asked for it, and nobody who signed in."""
    return bool(run.tags.get(SENSOR_NAME_TAG)) and LAUNCHED_BY not in run.tags


class OncePerRunKey(QueuedRunCoordinator):
    """Queues the first of all runs that have the run key of one sensor, and cancels the others.

    A sensor's tick and the webhook receiver each look whether a run is there before they make one. Where both
    look first and then both make one, the order in which the runs were stored decides: whoever submits
    sees every run that was stored before its own. Re-executions have a parent, and are left alone.

    A run that somebody launches who has signed in carries who that is, whatever tags they gave it, and is no
    sensor's, whose own run nobody so takes the place of; nor is one of a backfill. One whose tags say what is
    to be started for it is cancelled: that is the installation's alone, with whose secrets it runs. Which
    lane a run is in goes by its job, so that a rollback waits neither behind what is on its way out nor
    behind anything else.
    """

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        run = context.dagster_run
        who = context.workspace.get_viewer_tags()
        is_of_person = bool(who) or any(each in run.tags for each in (LAUNCHED_BY, BACKFILL_ID_TAG))
        said = dict.fromkeys(set(ASKED_FOR).intersection(run.tags) if is_of_person else (), "")
        lane = {LANE: LANES.get(run.job_name, "beside")}
        self._instance.add_run_tags(run.run_id, {**who, **said, **lane})
        if steering := sorted(each for each in run.tags if each.startswith(LAUNCHERS_GO_BY)):
            return self._cancelled(run, f"What a run is started as is not for its tags to say: {steering[0]}")
        first = run if is_of_person else self._first(run)
        if run.status is not DagsterRunStatus.NOT_STARTED or first.run_id == run.run_id:
            return super().submit_run(context)
        return self._cancelled(run, f"Run {first.run_id} was asked for by the same run key.")

    def _cancelled(self, run: DagsterRun, why: str) -> DagsterRun:
        self._instance.report_run_canceled(run, why)
        return self._instance.get_run_by_id(run.run_id) or run

    def _first(self, run: DagsterRun) -> DagsterRun:
        tags = {name: run.tags[name] for name in ASKED_FOR if name in run.tags}
        if len(tags) < len(ASKED_FOR) or run.parent_run_id:
            return run
        records = self._instance.get_run_records(RunsFilter(tags=tags), limit=1, ascending=True)
        return records[0].dagster_run if records else run
