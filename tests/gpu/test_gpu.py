"""The whole path on a machine with a GPU: `make test-gpu`. Without one every test here is skipped, and says so."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from assignments.assignment import Accuracy, Limits
from assignments.folders import CATALOGUE, catalogue
from assignments.load import hidden_tests, load, overridden, references
from graders import grade
from graders.failures import EngineFailure, SubmissionFailure
from graders.record.answer_files import load_answers
from graders.wall.sandboxes import SANDBOXES, gpu_processes, gpus
from graders.wall.sandboxes.gpu_list import granted
from graders.wall.sandboxes.gpu_processes import processes_on
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session
from tests.gpu import machine
from tests.gpu.solutions import BUSY, GROUPS, HOGS, PERFECT, SEES, on_gpu
from tests.graders.wall.sandboxes.talk import ask
from tests.jobs import job_here

pytestmark = pytest.mark.gpu

FRAMEWORKS = ("pytorch", "tensorflow")
SECRET = b"of the tests on a GPU, 32 bytes."
ROOM = {"gpus": 1, "cpu_s": 600, "test_cpu_s": 120, "shared_cpu_s": 300, "memory_mb": 16384}
"""Starting CUDA costs CPU seconds, and the driver's libraries take memory of the machine."""
STEPS = 20
REFERENCES = [
    (id, framework)
    for id in catalogue()
    for framework in references(load(CATALOGUE / id))
    if framework in FRAMEWORKS
]  # fmt: skip
TRAINED = [
    (id, framework)
    for id, framework in REFERENCES
    if any(isinstance(criterion, Accuracy) for criterion in load(CATALOGUE / id).criteria)
]


def solution(tmp_path, text, name="solution"):
    folder = tmp_path / name
    folder.mkdir(mode=0o755)
    (folder / "solution.py").write_text(text, encoding="utf-8")
    tmp_path.chmod(0o755)
    return folder


def graded(tmp_path, folder, framework, assignment=None, **stages):
    """The result of a job with one GPU, and the folder of its answers."""
    assignment = assignment or overridden(load(GROUPS / "assignment"), limits=ROOM)
    stages = stages or {"repeats": (0,), "scores": ("accuracy",)}
    job, store = job_here(
        assignment, folder, tmp_path / "kept", secret=SECRET, framework=framework, sandbox=machine.sandbox(), **stages
    )
    return grade.grade(job, store), store.answers


def session_of(channel, limits):
    session = Session(channel, limits)
    session.begin()
    return session


def is_mig():
    return granted().gpus[0].device is not None


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_worker_sees_the_leased_gpu_and_no_other(tmp_path, framework_on_gpu, real, framework):
    framework_on_gpu(framework)
    limits = Limits(**ROOM)
    spec = SandboxSpec(solution(tmp_path, SEES[framework]), framework, limits)
    with SANDBOXES[machine.sandbox()]().open(spec) as channel:
        session = session_of(channel, limits)
        for _ in range(2):  # the second worker is forked from the same zygote
            worker = session.worker(120)
            count, _, uuid, total = ask(session, worker, "sees")
            session.end(worker)
            assert (count, total) == (1, 8.0)
            assert uuid in {gpu.uuid for gpu in granted().gpus}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_without_a_lease_a_worker_sees_no_gpu(tmp_path, framework_on_gpu, real, framework):
    framework_on_gpu(framework)
    limits = Limits(**{**ROOM, "gpus": 0})
    spec = SandboxSpec(solution(tmp_path, SEES[framework]), framework, limits)
    with SANDBOXES[machine.sandbox()]().open(spec) as channel:
        session = session_of(channel, limits)
        worker = session.worker(120)
        with pytest.raises(SubmissionFailure, match=r"CUDA|NVIDIA|list index out of range"):
            ask(session, worker, "sees")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_full_gpu_costs_its_submission_and_the_next_one_is_well(tmp_path, framework_on_gpu, real, framework):
    framework_on_gpu(framework)
    result, _ = graded(tmp_path, solution(tmp_path, PERFECT + HOGS[framework], "hog"), framework)
    assert result.trouble is None
    answers = result.answers[0]
    assert {state.reason for state in answers.states} == {"gpu_memory"}
    assert result.scores["accuracy"].measured is None or result.scores["accuracy"].measured.score <= 0.5
    assert is_mig() or answers.gpu_peak_mb > 1024
    result, _ = graded(tmp_path, solution(tmp_path, PERFECT, "next"), framework)
    assert result.answers[0].verdict == "passed"
    assert set(result.answers[0].states) == {None}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_peak_memory_and_busy_time_are_measured_on_the_host(tmp_path, framework_on_gpu, real, framework):
    framework_on_gpu(framework)
    if is_mig():
        pytest.skip("of MIG devices nothing is measured")
    result, _ = graded(tmp_path, solution(tmp_path, PERFECT + BUSY[framework]), framework)
    answers = result.answers[0]
    assert answers.verdict == "passed"
    assert 2048 <= answers.gpu_peak_mb < 8192, "2 GB of its own and CUDA's, and not the whole GPU"
    assert 1 < answers.gpu_busy_s < answers.wall_s + 2


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_two_groups_use_one_gpu_in_turn(tmp_path, monkeypatch, framework_on_gpu, real, framework):
    framework_on_gpu(framework)
    uuid = granted().gpus[0].uuid
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", uuid)
    limits = Limits(**ROOM)
    folders = [solution(tmp_path, SEES[framework], name) for name in ("one", "two")]

    def run(folder):
        with SANDBOXES[machine.sandbox()]().open(SandboxSpec(folder, framework, limits)) as channel:
            session = session_of(channel, limits)
            worker = session.worker(120)
            assert ask(session, worker, "sees")[2] == uuid
            return ask(session, worker, "holds", 2.0)

    with ThreadPoolExecutor(2) as pool:
        (_, first_ended), (second_began, _) = sorted(pool.map(run, folders))
    assert first_ended <= second_began


def test_a_process_that_somebody_left_on_the_gpu_is_named_and_the_gpu_is_well_after_it(
    tmp_path, monkeypatch, framework_on_gpu, real
):
    framework_on_gpu("pytorch")
    uuid = granted().gpus[0].uuid
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", uuid)
    monkeypatch.setattr(gpu_processes, "IDLE_WITHIN_S", 2.0)
    spec = SandboxSpec(tmp_path, "pytorch", Limits(gpus=1))
    code = "import torch; x = torch.ones(1 << 28, device='cuda'); print('there', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as left:
        try:
            assert left.stdout.readline() == b"there\n"
            if not processes_on((uuid,)):
                pytest.skip("nvidia-smi lists no process here: of a MIG device, or inside a container of processes")
            with pytest.raises(EngineFailure, match=r"process \d+ \(.*\) holds .*ps -fp"):
                gpus.leased_for(spec).__enter__()
        finally:
            left.kill()
    monkeypatch.setattr(gpu_processes, "IDLE_WITHIN_S", 60.0)
    with gpus.leased_for(spec) as uuids:
        assert uuids == (uuid,)


def test_each_mig_device_is_a_slot_of_its_own(tmp_path, framework_on_gpu, real):
    framework_on_gpu("pytorch")
    devices = [gpu for gpu in granted().gpus if gpu.device is not None]
    if len(devices) < 2:
        pytest.skip(f"this process may use {len(devices)} MIG devices: two are needed")
    limits = Limits(**ROOM)
    spec = SandboxSpec(solution(tmp_path, SEES["pytorch"]), "pytorch", limits)
    sandbox = SANDBOXES[machine.sandbox()]()
    with sandbox.open(spec) as first, sandbox.open(spec) as second:
        seen = []
        for channel in (first, second):
            session = session_of(channel, limits)
            seen.append(ask(session, session.worker(120), "sees"))
    assert [count for count, *_ in seen] == [1, 1]
    assert all("MIG" in name for _, name, *_ in seen)
    assert seen[0][2] != seen[1][2]


@pytest.mark.parametrize(("id", "framework"), REFERENCES)
def test_a_reference_passes_its_hidden_tests_on_the_gpu(tmp_path, framework_on_gpu, id, framework):
    framework_on_gpu(framework)
    assignment = overridden(load(CATALOGUE / id), limits=ROOM)
    tests = tuple(test.id for test in hidden_tests(assignment))
    folder = on_gpu(references(assignment)[framework], solution(tmp_path, ""), framework)
    result, _ = graded(tmp_path, folder, framework, assignment, tests=tests)
    assert result.trouble is None
    failed = {id: (test.cause, test.cause_detail) for id, test in result.tests.items() if test.verdict != "passed"}
    assert failed == {}
    assert result.tests.keys() == set(tests)


@pytest.mark.parametrize(("id", "framework"), TRAINED)
def test_a_reference_trains_and_predicts_on_the_gpu_and_gives_the_same_answers_twice(
    tmp_path, framework_on_gpu, id, framework
):
    """So many steps whatever the time. Bytes may differ where PyTorch has no deterministic kernel, and by few ulps."""
    framework_on_gpu(framework)
    short = overridden(
        load(CATALOGUE / id), limits=ROOM, run={"mode": "retrain", "seeds": 1, "budget_cpu_s": 500}, data={"test": 12}
    )
    folder = on_gpu(references(short)[framework], solution(tmp_path, ""), framework, STEPS)
    answers = []
    for attempt in ("first", "second"):
        result, store = graded(tmp_path / attempt, folder, framework, short, repeats=(0,))
        assert result.trouble is None
        assert (result.answers[0].cause, result.answers[0].cause_detail) == (None, "")
        if framework == "pytorch" and not machine.REHEARSAL and not is_mig():
            assert result.answers[0].gpu_peak_mb > 100, "CUDA's own memory alone is more"
        answers.append(load_answers(store, result.answers[0]).arrays)
    for name, array in answers[0].items():
        again = answers[1][name]
        largest = np.max(np.abs(array.astype(float) - again.astype(float)))
        print(f"{id} {framework} {name}: largest difference {largest:g}")
        assert largest <= 1e-3
