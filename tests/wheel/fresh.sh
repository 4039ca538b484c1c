#!/usr/bin/env bash
# Install a wheel into a fresh environment in an empty folder, lay out the example, and have Dagster load the project.
set -euo pipefail
uv=$1 wheel=$(realpath "$2")
folder=$(mktemp --directory)
trap 'rm -rf "$folder"' EXIT
"$uv" venv --quiet "$folder/venv"
"$uv" pip install --quiet --python "$folder/venv/bin/python" "$wheel"
cd "$folder"
unset PYTHONPATH DAGSTER_HOME
PATH="$folder/venv/bin:$PATH"
deploy-orchestrator --version
deploy-orchestrator init
dagster definitions validate -w workspace.yaml
