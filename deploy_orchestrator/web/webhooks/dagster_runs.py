"""Ask Dagster, over its GraphQL, to start now what one of its sensors would start at its next tick."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from deploy_orchestrator.web.webhooks.errors import DagsterUnreachable

LIMIT = httpx.Timeout(300.0, connect=10.0)
RUN_KEY = "dagster/run_key"
SENSOR_NAME = "dagster/sensor_name"

_SENSORS = """
query Sensors {
  repositoriesOrError {
    ... on RepositoryConnection {
      nodes {
        name
        location { name }
        sensors {
          name
          sensorState { status typeSpecificData { ... on SensorData { lastCursor } } }
        }
      }
    }
    ... on PythonError { message }
  }
}
"""

_EVALUATE = """
mutation Evaluate($sensor: SensorSelector!, $cursor: String) {
  sensorDryRun(selectorData: $sensor, cursor: $cursor) {
    __typename
    ... on DryRunInstigationTick {
      evaluationResult {
        error { message }
        runRequests { runKey jobName runConfigYaml tags { key value } }
      }
    }
    ... on PythonError { message }
  }
}
"""

_LAUNCH = """
mutation Launch($runs: [ExecutionParams!]!) {
  launchMultipleRuns(executionParamsList: $runs) {
    __typename
    ... on LaunchMultipleRunsResult {
      launchMultipleRunsResult {
        __typename
        ... on LaunchRunSuccess { run { runId status } }
        ... on PythonError { message }
        ... on UnauthorizedError { message }
      }
    }
    ... on PythonError { message }
  }
}
"""


@dataclass(frozen=True, slots=True)
class _Sensor:
    name: str
    repository: str
    location: str
    is_running: bool
    cursor: str | None

    @property
    def within(self) -> dict[str, str]:
        return {"repositoryLocationName": self.location, "repositoryName": self.repository}


@dataclass(frozen=True, slots=True)
class DagsterRuns:
    """The runs of the Dagster whose web server is at `url`."""

    url: str

    async def start(self, sensor: str) -> int:
        """Start the runs that `sensor` would ask for, as it would: by the same run keys, with the same tags.

        The sensor is evaluated where it always is, with its own cursor, which stays where it is: at its next
        tick it finds the runs by their keys. Nothing is started where the sensor is switched off.

        Returns:
            How many runs were started.

        Raises:
            DagsterUnreachable: Dagster does not answer, or the sensor fails.
        """
        async with httpx.AsyncClient(base_url=self.url, timeout=LIMIT) as client:
            found = await _find(client, sensor)
            if not found.is_running:
                return 0
            tick = await _evaluate(client, found)
            wanted: list[dict[str, Any]] = tick["runRequests"] or []
            if not wanted:
                return 0
            return await _launch(client, found, wanted)


async def _find(client: httpx.AsyncClient, sensor: str) -> _Sensor:
    answer = await _ask(client, _SENSORS, {}, "repositoriesOrError")
    for repository in answer.get("nodes", ()):
        for each in repository["sensors"]:
            if each["name"] == sensor:
                state = each["sensorState"]
                data: dict[str, Any] = state["typeSpecificData"] or {}
                return _Sensor(
                    sensor,
                    repository["name"],
                    repository["location"]["name"],
                    state["status"] == "RUNNING",
                    data.get("lastCursor"),
                )
    raise DagsterUnreachable(
        f"Dagster at {client.base_url} has no sensor {sensor}: "
        f"{answer.get('message') or 'it does not serve this project, or has not loaded it'}"
    )


async def _evaluate(client: httpx.AsyncClient, sensor: _Sensor) -> dict[str, Any]:
    variables = {"sensor": {**sensor.within, "sensorName": sensor.name}, "cursor": sensor.cursor}
    answer = await _ask(client, _EVALUATE, variables, "sensorDryRun")
    tick: dict[str, Any] = answer.get("evaluationResult") or {"error": answer}
    if failure := tick["error"]:
        raise DagsterUnreachable(f"the sensor {sensor.name} failed: {failure.get('message') or failure}")
    return tick


async def _launch(client: httpx.AsyncClient, sensor: _Sensor, runs: Sequence[Mapping[str, Any]]) -> int:
    variables = {"runs": [_parameters(sensor, run) for run in runs]}
    answer = await _ask(client, _LAUNCH, variables, "launchMultipleRuns")
    results = answer.get("launchMultipleRunsResult", [answer])
    failed = [each for each in results if each["__typename"] != "LaunchRunSuccess"]
    if failed:
        raise DagsterUnreachable(
            f"Dagster did not start {len(failed)} of {len(runs)} runs of {sensor.name}: "
            f"{failed[0].get('message') or failed[0]['__typename']}"
        )
    return sum(each["run"]["status"] != "CANCELED" for each in results)


def _parameters(sensor: _Sensor, run: Mapping[str, Any]) -> dict[str, Any]:
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    tags |= {SENSOR_NAME: sensor.name, RUN_KEY: run["runKey"]}
    return {
        "selector": {**sensor.within, "jobName": run["jobName"]},
        "runConfigData": run["runConfigYaml"],
        "mode": "default",
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }


async def _ask(
    client: httpx.AsyncClient, query: str, variables: Mapping[str, Any], field: str
) -> dict[str, Any]:
    return (await _post(client, query, variables))[field]


async def _post(client: httpx.AsyncClient, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    try:
        response = await client.post("/graphql", json={"query": query, "variables": variables})
        answer = response.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        why = str(error) or type(error).__name__
        raise DagsterUnreachable(
            f"Dagster's web server at {client.base_url} does not answer: {why}",
            fix="give its address with --dagster; the sensors follow in the meantime",
        ) from error
    if answer.get("errors"):
        raise DagsterUnreachable(f"Dagster refuses: {answer['errors'][0].get('message')}")
    return answer["data"]
