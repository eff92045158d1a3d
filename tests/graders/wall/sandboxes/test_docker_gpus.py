"""A container gets exactly the GPU that was leased for it. No real one is needed: the engine refuses it in the end."""

import docker
import pytest

from assignments.assignment import Limits
from graders.failures import EngineFailure
from graders.wall.sandboxes import gpus, runtime_records
from graders.wall.sandboxes.docker import Docker, _host_config
from graders.wall.sandboxes.runtime_records import Runtime
from graders.wall.sandboxes.sandbox import SandboxSpec, inside_environment
from tests.graders.wall.sandboxes.nvidia import MIG_0, MIG_1, A, B, nvidia_smi
from tests.graders.wall.sandboxes.talk import ECHO

RUNTIME = Runtime("numpy", "sha256:cd", "sha256:ab", "/usr/bin/python3", (), {}, (), "3.11.2", "host", (), "2026-11-01")


@pytest.mark.parametrize("leased", [(A,), (A, B), (MIG_0,), (MIG_1,)])
def test_the_leased_devices_are_passed_by_uuid_and_nothing_else(tmp_path, leased):
    spec = SandboxSpec(tmp_path, "numpy", Limits(gpus=len(leased)))
    (request,) = _host_config(RUNTIME, ECHO, spec, 2.0, leased)["device_requests"]
    assert request["DeviceIDs"] == list(leased)
    assert request["Count"] == 0  # not "all"
    assert request["Capabilities"] == [["gpu"]]
    environment = inside_environment(RUNTIME.python, spec, leased)
    assert environment["CUDA_VISIBLE_DEVICES"] == ",".join(leased)
    assert environment["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert environment["NVIDIA_TF32_OVERRIDE"] == "0"


def test_without_a_lease_no_device_is_asked_for(tmp_path):
    spec = SandboxSpec(tmp_path, "numpy", Limits())
    assert _host_config(RUNTIME, ECHO, spec, 2.0, ())["device_requests"] is None
    environment = inside_environment(RUNTIME.python, spec, ())
    assert environment["CUDA_VISIBLE_DEVICES"] == ""
    assert "TF_FORCE_GPU_ALLOW_GROWTH" not in environment


@pytest.fixture
def client(images):
    images("numpy")
    api = docker.APIClient()
    if "nvidia" in api.info().get("Runtimes", {}):
        pytest.skip("this engine has a runtime for GPUs")
    yield api
    api.close()


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """A sandbox with one of two GPUs."""
    nvidia_smi(tmp_path, monkeypatch)
    monkeypatch.setattr(gpus, "LOCKS", tmp_path / "locks")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    folder = tmp_path / "solution"
    folder.mkdir(mode=0o755)
    (folder / "solution.py").write_text('FRAMEWORK = "numpy"\n')
    return SandboxSpec(folder, "numpy", Limits(memory_mb=256, gpus=1), course=tmp_path.name)


@pytest.mark.docker
def test_an_engine_without_a_runtime_for_gpus_is_said_with_the_cure_and_leaves_nothing(client, spec):
    with pytest.raises(EngineFailure, match=r"could not select device driver.*install nvidia-container-toolkit"):
        Docker(inside=ECHO).open(spec).__enter__()
    assert client.containers(all=True, filters={"label": f"medmark.course={spec.course}"}) == []
    with gpus.leased(2) as uuids:  # the lease was given back
        assert uuids == (A, B)


@pytest.mark.docker
def test_a_container_on_a_leased_gpu_is_ended_and_one_on_another_gpu_is_not(client, spec):
    image = runtime_records.runtime("numpy").image
    holders = {
        uuid: client.create_container(image, ["/nothing"], labels={"medmark.gpus": uuid})["Id"] for uuid in (A, B)
    }
    try:
        with pytest.raises(EngineFailure, match="could not select device driver"):
            Docker(inside=ECHO).open(spec).__enter__()
        left = {container["Id"] for container in client.containers(all=True)}
        assert holders[A] not in left
        assert holders[B] in left
    finally:
        for holder in holders.values():
            if holder in {container["Id"] for container in client.containers(all=True)}:
                client.remove_container(holder, force=True)
