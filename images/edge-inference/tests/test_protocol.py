"""What is generated is what `proto/` makes."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_messages_are_those_of_the_proto_file(tmp_path: Path) -> None:
    proto = "edge_inference/protocol/open_inference.proto"
    into = [f"--{each}_out={tmp_path}" for each in ("python", "grpc_python")]
    into += [f"--{each}_out=quiet:{tmp_path}" for each in ("mypy", "mypy_grpc")]
    scripts = Path(sys.executable).parent
    plugins = [f"--plugin={each}={scripts / each}" for each in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    ran = subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-Iproto", *plugins, *into, f"proto/{proto}"], cwd=ROOT
    )
    assert ran.returncode == 0
    made = {each.name: each.read_bytes() for each in (tmp_path / proto).parent.iterdir()}
    kept = {each.name: each.read_bytes() for each in (ROOT / "edge_inference/protocol").glob("*_pb2*")}
    assert made == kept
