"""A real forge tells of a push, signed: the runs for it are there at once, each once."""

from collections import Counter
from collections.abc import Iterator

import pytest
from pushing import Project, pushing, until
from rig import Gitea

EVERYTHING = Counter({"survey": 1, "ship": 3})
"""What the sensor asks for as long as it has not looked itself: one tenant in three environments."""


@pytest.fixture(scope="module")
def project(forge: Gitea, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Without Dagster's daemon: no sensor looks, and runs stay in the queue."""
    with pushing(forge, tmp_path_factory.mktemp("project"), "dagster-webserver") as project:
        yield project


def test_a_signed_push_asks_for_its_runs_each_once_and_no_sensor_has_to_look(project: Project) -> None:
    heads = []
    for _ in range(2):
        head, _ = project.push()
        until(lambda head=head: len(project.runs(head)) == EVERYTHING.total())
        heads.append(head)

    for head in heads:
        assert Counter(record.dagster_run.job_name for record in project.runs(head)) == EVERYTHING
