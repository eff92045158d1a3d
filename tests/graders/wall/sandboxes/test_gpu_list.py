"""Which GPUs a machine has, and which of them a process may use, as `nvidia-smi` and schedulers say it."""

import subprocess

import pytest

from graders.failures import EngineFailure
from graders.wall.sandboxes import gpu_list
from graders.wall.sandboxes.gpu_list import Gpu, granted, on_this_machine
from tests.graders.wall.sandboxes.nvidia import MIG_0, MIG_1, MISMATCH, TWO, WITH_MIG, A, B, nvidia_smi


def uuids(environment):
    return [gpu.uuid for gpu in granted(environment).gpus]


def test_whole_gpus_are_listed_with_their_number_and_name(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch)
    assert on_this_machine() == (Gpu(A, 0, "NVIDIA A100-SXM4-40GB"), Gpu(B, 1, "NVIDIA A100-SXM4-40GB"))


def test_mig_devices_stand_for_their_gpu(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch, WITH_MIG)
    assert on_this_machine() == (
        Gpu(MIG_0, 0, "NVIDIA A100-SXM4-40GB, MIG 3g.20gb", 0, A),
        Gpu(MIG_1, 0, "NVIDIA A100-SXM4-40GB, MIG 1g.5gb", 1, A),
        Gpu(B, 1, "NVIDIA A100-SXM4-40GB"),
    )


def test_a_gpu_in_mig_mode_without_devices_is_none(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch, mig_modes=f"{A}, Disabled\n{B}, Enabled\n")
    assert [gpu.uuid for gpu in on_this_machine()] == [A]


def test_a_driver_that_is_older_than_mig_lists_its_gpus(tmp_path, monkeypatch):
    script = tmp_path / "nvidia-smi"
    refused = 'echo "Field \\"mig.mode.current\\" is not a valid field to query."; exit 2'
    script.write_text(f"#!/bin/sh\ncase $1 in -L) printf '%s' '{TWO}';; *) {refused};; esac\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert [gpu.uuid for gpu in on_this_machine()] == [A, B]


def test_without_nvidia_smi_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert granted({"CUDA_VISIBLE_DEVICES": "0"}).words == "this machine has 0: nvidia-smi lists them"


def test_a_driver_without_a_gpu_has_none(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch, "No devices were found\n", code=6)
    assert on_this_machine() == ()


def test_a_broken_driver_is_a_failure_in_its_own_words_and_not_zero_gpus(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch, MISMATCH, code=18)
    with pytest.raises(
        EngineFailure, match=r"`nvidia-smi -L` ends with exit code 18 and says: Failed to init.*550\.54"
    ):
        granted({})


def test_an_nvidia_smi_that_hangs_is_a_failure(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch)
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(gpu_list, "ANSWER_S", 0.2)
    with pytest.raises(EngineFailure, match=r"cannot be listed: .*timed out after 0\.2 seconds") as caught:
        on_this_machine()
    assert isinstance(caught.value.__cause__, subprocess.TimeoutExpired)


@pytest.mark.parametrize(("environment", "expected"), [
    ({}, [A, B]),
    ({"CUDA_VISIBLE_DEVICES": "1"}, [B]),
    ({"CUDA_VISIBLE_DEVICES": "1,0"}, [A, B]),
    ({"CUDA_VISIBLE_DEVICES": B}, [B]),
    ({"CUDA_VISIBLE_DEVICES": "GPU-d1"}, [B]),  # CUDA takes the beginning of a uuid
    ({"CUDA_VISIBLE_DEVICES": "GPU-"}, []),  # of which of the two?
    ({"CUDA_VISIBLE_DEVICES": ""}, []),
    ({"CUDA_VISIBLE_DEVICES": "-1"}, []),
    ({"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, []),  # Slurm's word for none
    ({"CUDA_VISIBLE_DEVICES": "0,-1,1"}, [A]),  # CUDA ignores what follows
    ({"CUDA_VISIBLE_DEVICES": "7"}, []),
    ({"SLURM_JOB_GPUS": "1"}, [B]),
    ({"SLURM_JOB_GPUS": ""}, []),
    ({"SLURM_JOB_GPUS": "0,1", "SLURM_STEP_GPUS": "1"}, [B]),
    ({"SLURM_JOB_GPUS": "0,1", "CUDA_VISIBLE_DEVICES": "0"}, [A]),
    ({"SLURM_JOB_GPUS": "1", "CUDA_VISIBLE_DEVICES": "0,1"}, [B]),  # a profile that sets it grants nothing
    ({"NVIDIA_VISIBLE_DEVICES": "all"}, [A, B]),
    ({"NVIDIA_VISIBLE_DEVICES": "none"}, []),
    ({"NVIDIA_VISIBLE_DEVICES": "void"}, []),
    ({"NVIDIA_VISIBLE_DEVICES": ""}, []),
    ({"NVIDIA_VISIBLE_DEVICES": "0"}, [A]),
    ({"NVIDIA_VISIBLE_DEVICES": f"{A},{B}", "CUDA_VISIBLE_DEVICES": "1"}, [B]),
])  # fmt: skip
def test_only_what_was_granted_may_be_used(tmp_path, monkeypatch, environment, expected):
    nvidia_smi(tmp_path, monkeypatch)
    assert uuids(environment) == expected


def test_where_a_job_sees_its_own_gpus_alone_their_numbers_are_those_of_the_whole_machine(tmp_path, monkeypatch):
    """Slurm with ConstrainDevices: the job has GPU 3 of the node, and `nvidia-smi` there calls it 0."""
    nvidia_smi(tmp_path, monkeypatch, TWO.splitlines(keepends=True)[0])
    assert uuids({"SLURM_JOB_GPUS": "3", "CUDA_VISIBLE_DEVICES": "0"}) == [A]
    assert uuids({"NVIDIA_VISIBLE_DEVICES": "3"}) == [A]


@pytest.mark.parametrize(("environment", "expected"), [
    ({}, [MIG_0, MIG_1, B]),
    ({"CUDA_VISIBLE_DEVICES": MIG_1}, [MIG_1]),
    ({"CUDA_VISIBLE_DEVICES": f"{MIG_1},{MIG_0}"}, [MIG_0, MIG_1]),
    ({"CUDA_VISIBLE_DEVICES": "0"}, []),  # a GPU in MIG mode: the number says not which of its devices
    ({"CUDA_VISIBLE_DEVICES": "1"}, [B]),
    ({"CUDA_VISIBLE_DEVICES": MIG_0, "SLURM_JOB_GPUS": "0"}, [MIG_0]),
    ({"SLURM_JOB_GPUS": "0"}, []),  # which MIG device Slurm calls 0, it alone knows
    ({"NVIDIA_VISIBLE_DEVICES": MIG_0}, [MIG_0]),
])  # fmt: skip
def test_of_mig_devices_only_those_that_are_named_may_be_used(tmp_path, monkeypatch, environment, expected):
    nvidia_smi(tmp_path, monkeypatch, WITH_MIG)
    assert uuids(environment) == expected


def test_what_restricts_a_process_is_said_with_its_value(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch)
    words = granted({"CUDA_VISIBLE_DEVICES": "0", "SLURM_JOB_GPUS": "0,1"}).words
    assert words == "this process may use 1 of this machine's 2: CUDA_VISIBLE_DEVICES=0, SLURM_JOB_GPUS=0,1"
