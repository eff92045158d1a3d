"""What the doctor says of a Docker engine that marking could not use."""

import socket
from datetime import timedelta
from pathlib import Path

import pytest

from assignments.load import load, overridden
from graders.record.proof_status import store_rehearsal
from graders.record.rehearsal import Rehearsal
from graders.runs.doctor import Fact, docker_trouble, gpu_facts, gpus_for
from tests.graders.wall.sandboxes.nvidia import MISMATCH, TWO, WITH_MIG, A, B, nvidia_smi
from tests.patients_course import write_course
from tests.small_course import medmark


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "http://[::1", "ssh://x@y", "here"])
def test_an_engine_that_marking_refuses_is_no_engine_that_answers(monkeypatch, address):
    monkeypatch.setenv("DOCKER_HOST", address)
    assert "it needs the engine's Unix socket" in docker_trouble()


def test_where_nobody_listens_the_cure_is_to_start_it(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    assert docker_trouble() == (
        f"no Docker engine answers at unix://{tmp_path}/none: install docker.io and start dockerd, or set DOCKER_HOST"
    )


def test_a_socket_that_this_user_may_not_open_has_a_cure_of_its_own(monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(socket.socket, "connect", refused)
    assert "sudo usermod -aG docker $USER" in docker_trouble()


def test_the_doctor_lists_the_gpus_that_marking_may_use_and_why_no_others(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert list(gpu_facts()) == [
        Fact(True, f"GPU 1: NVIDIA A100-SXM4-40GB, {B}"),
        Fact(True, "this process may use 1 of this machine's 2: CUDA_VISIBLE_DEVICES=1"),
    ]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    nvidia_smi(tmp_path, monkeypatch, WITH_MIG)
    texts = [fact.text for fact in gpu_facts()]
    assert texts[1].startswith("GPU 0: NVIDIA A100-SXM4-40GB, MIG 1g.5gb, MIG-cba663e8")
    assert not any(A in text for text in texts)


def test_the_doctor_repeats_what_a_broken_driver_says(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch, MISMATCH, code=18)
    (fact,) = gpu_facts()
    assert (fact.well, fact.optional) == (False, True)
    assert "Driver/library version mismatch" in fact.text


@pytest.mark.parametrize(("count", "listing", "code", "well", "words"), [
    (2, TWO, 0, True, "limits.gpus = 2, and 2 may be used here"),
    (3, TWO, 0, False, "limits.gpus = 3, but this machine has 2: nvidia-smi lists them: it cannot be marked on this"),
    (1, MISMATCH, 18, False, "limits.gpus = 1, but the GPUs cannot be used: `nvidia-smi -L` ends with exit code 18"),
])  # fmt: skip
def test_the_doctor_says_which_assignment_lacks_a_gpu(tmp_path, monkeypatch, count, listing, code, well, words):
    nvidia_smi(tmp_path, monkeypatch, listing, code=code)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    tiny = load(Path(__file__).parents[2] / "example_groups/assignment")
    (fact,) = gpus_for(overridden(tiny, limits={"gpus": count}))
    assert fact.well is well
    assert fact.text.startswith(f"assignment tiny: {words}")
    assert list(gpus_for(tiny)) == []


def test_the_doctor_says_nothing_of_gpus_where_there_is_no_driver(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(gpu_facts()) == []


def test_the_doctor_says_what_changed_since_the_rehearsal(tmp_path):
    folder = write_course(tmp_path / "slices", due=timedelta(days=7))
    lines = " ".join(medmark("doctor", "-c", folder).out.split())
    assert "assignment slices: not proven (it has not been rehearsed): medmark rehearse" in lines
    assignment = load(folder / "slices")
    store_rehearsal(assignment, Rehearsal("slices", "Slices", False, "", {}, (), {}, {}, ()))
    assert "assignment slices: proven by the rehearsal of" in " ".join(medmark("doctor", "-c", folder).out.split())
    interface = folder / "slices" / "interface.py"
    interface.write_text(f"{interface.read_text()}\nA = 1\n")
    lines = " ".join(medmark("doctor", "-c", folder).out.split())
    assert "assignment slices: not proven (changed since its rehearsal: interface.py): medmark rehearse" in lines


def test_two_repeats_are_too_few_and_the_doctor_says_so(tmp_path):
    folder = write_course(tmp_path / "slices", due=timedelta(days=7))
    toml = folder / "slices" / "assignment.toml"
    toml.write_text(toml.read_text().replace('mode = "retrain"', 'mode = "retrain"\nseeds = 2'))
    said = " ".join(medmark("doctor", "-c", folder).out.split())
    assert "assignment slices: seeds = 2 in [run]: an interval of two repeats is too wide to say much." in said
    toml.write_text(toml.read_text().replace("seeds = 2", "seeds = 3"))
    assert "two repeats" not in medmark("doctor", "-c", folder).out
