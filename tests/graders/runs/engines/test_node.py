"""A node does a package or says in words why this machine cannot; whatever arrives there is checked."""

import errno
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from assignments.load import load
from graders.asking.journal import QuestionId
from graders.failures import EngineFailure
from graders.record.documents import AnswersResult, JobResult, ScoreResult, TestResult
from graders.record.store import Store
from graders.runs.engines import folder_files, node
from graders.runs.engines.blobs import Blob
from graders.runs.engines.description import MAX_BYTES, StoredInputs, read_description
from graders.runs.engines.engine import Outcome
from graders.runs.engines.folder_files import SentFile, asking_files, lay_out, solution_files
from graders.runs.engines.package import pack
from graders.runs.engines.processes import start_forkserver
from graders.runs.engines.reply_frame import framed, store_reply
from tests.jobs import job_here

ROOT = Path(__file__).parents[4]
GROUPS = ROOT / "tests/example_groups"
TESTS = ("test_tiny.py::test_scale", "test_tiny.py::test_loss")
DIGEST = "0" * 64


@pytest.fixture(scope="module", autouse=True)
def server():
    start_forkserver()


@pytest.fixture
def package(tmp_path):
    """A package of two tests, and the folder with its blobs on the other machine."""
    job, store = job_here(load(GROUPS / "assignment"), GROUPS / "perfect", tmp_path, secret=b"s" * 32, tests=TESTS)
    package = pack(job, store, StoredInputs({}), tmp_path, 60.0)
    (tmp_path / "node").mkdir()
    for digest, path in package.blobs.items():
        (tmp_path / "node" / digest).write_bytes(path.read_bytes())
    return package, tmp_path / "node"


@pytest.fixture
def refusal(tmp_path):
    """The words with which a node refuses a description: `refusal(description, blobs)`."""

    def words(description, blobs):
        outcome = store_reply(node.done(description, blobs), Store(tmp_path / "store"), "node1")
        assert (outcome.document.tests, outcome.document.answers) == ({}, {})
        assert outcome.document.trouble.reason in ("engine", "image")
        return outcome.document.trouble.evidence

    return words


def changed(package, **values):
    return json.dumps({**json.loads(package.description), **values}).encode()


def test_a_package_is_done_by_files_in_a_process_of_its_own(package, tmp_path):
    package, blobs = package
    (tmp_path / "description").write_bytes(package.description)
    arguments = [tmp_path / "description", blobs, tmp_path / "out" / "reply"]
    command = [sys.executable, "-m", "graders.runs.engines.node", *map(str, arguments)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    outcome = store_reply((tmp_path / "out" / "reply").read_bytes(), Store(tmp_path / "store"), "node1")
    assert {id: result.verdict for id, result in outcome.document.tests.items()} == dict.fromkeys(TESTS, "passed")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["reply"]
    assert outcome.machine == "node1"


def test_folders_of_programs_that_were_killed_are_removed_and_no_others(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, live = tmp_path / f"{node.FOLDERS}{ended.pid}-abc", tmp_path / f"{node.FOLDERS}{os.getpid()}-abc"
    elsewhere = tmp_path / f"medmark-node-another-host-{ended.pid}-abc"
    for folder in (left, live, elsewhere):
        (folder / "solution").mkdir(parents=True)
    node.remove_left_folders(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([live, elsewhere])


def test_a_job_that_is_sent_again_is_the_same_package(package, tmp_path):
    job, store = job_here(load(GROUPS / "assignment"), GROUPS / "perfect", tmp_path, secret=b"s" * 32, tests=TESTS)
    again = pack(replace(job, run="another", group="another"), store, StoredInputs({}), tmp_path, 59.2)
    assert again == package[0]
    assert pack(replace(job, tests=TESTS[:1]), store, StoredInputs({}), tmp_path, 60.0).key != again.key


def test_another_medmark_is_refused_with_the_command_that_cures_it(package, refusal):
    package, blobs = package
    words = refusal(changed(package, toolkit="f" * 64, medmark="9.9"), blobs)
    assert "is not that of the coordinator (9.9, source ffffffffffff)" in words
    assert words.endswith("pip install medmark==9.9")


def test_another_runtime_than_the_planned_one_is_refused(package, refusal):
    package, blobs = package
    words = refusal(changed(package, runtime="local-of-another-machine"), blobs)
    assert "the numpy runtime of the local sandbox is local-" in words
    assert "local-of-another-machine at the coordinator" in words


@pytest.mark.parametrize("harm", ["missing", "shorter", "other"])
def test_a_file_that_did_not_arrive_whole_is_said(package, refusal, harm):
    package, blobs = package
    digest = next(d for d, path in package.blobs.items() if path.name == "solution.py")
    content = (blobs / digest).read_bytes()
    (blobs / digest).unlink()
    if harm != "missing":
        (blobs / digest).write_bytes(content[:-1] if harm == "shorter" else content[:-1] + b"#")
    words = refusal(package.description, blobs)
    assert (f"the file {digest[:12]} of this job did not arrive" if harm == "missing" else "is damaged") in words


def test_a_full_disk_is_said_and_costs_no_group_anything(package, refusal, monkeypatch):
    package, blobs = package

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/scratch/x")

    monkeypatch.setattr(folder_files.shutil, "copyfileobj", full)
    assert refusal(package.description, blobs) == (
        "the disk of this machine is full (/scratch/x): make room there, or set TMPDIR to a larger folder"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tests": "all"}, "malformed: tests"),
        ({"repeats": [0.5]}, "malformed: repeats.0"),
        ({"deadline_s": "60"}, "malformed: deadline_s"),
        ({"keys": {"tiny/test/x": "12"}}, "malformed: keys.tiny/test/x"),
        ({"keys": {str(i): DIGEST for i in range(10_002)}}, "malformed: keys"),
        ({"framework": "jax"}, "malformed: framework"),
        ({"scores": ["accuracy"]}, "malformed: scores"),
        ({"sandbox": "none"}, 'no sandbox "none"; it has docker, bubblewrap'),
        ({"solution_files": [{"path": "../x", "executable": False, "blob": {"digest": DIGEST, "size": 1}}]}, "path"),
        ({"solution_files": [{"path": "x", "executable": 1, "blob": {"digest": DIGEST, "size": 1}}]}, "executable"),
    ],
)
def test_a_description_is_validated_where_it_arrives(package, refusal, changes, words):
    package, blobs = package
    assert words in refusal(changed(package, **changes), blobs)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\x80\x04", b"[" * 100_000, b" " * (MAX_BYTES + 1)])
def test_what_is_no_job_is_refused(text):
    with pytest.raises(EngineFailure, match=r"not a medmark job|32 MB is the most"):
        read_description(text)


@pytest.mark.parametrize(
    "path", ["/etc/x", "../x", "a/../../x", "a//b", "", ".", "-rf", "a/.git/hooks/x", "a\0b", "C:\\x"]
)
def test_no_path_of_a_folder_leaves_it(path):
    with pytest.raises(ValidationError, match="path"):
        SentFile(path=path, executable=False, blob=Blob(digest=DIGEST, size=0))


def test_a_path_that_is_named_twice_is_refused(tmp_path):
    (tmp_path / ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")).touch()  # SHA-256 of nothing
    file = SentFile(path="a/b.py", executable=True, blob=Blob(digest=next(tmp_path.iterdir()).name, size=0))
    folder = lay_out([file], tmp_path, tmp_path / "once")
    assert os.access(folder / "a/b.py", os.X_OK)
    with pytest.raises(FileExistsError):
        lay_out([file, file], tmp_path, tmp_path / "twice")


def test_of_an_assignments_folder_only_what_asks_crosses(tmp_path):
    for name in (
        "interface.py", "doubles.py", "scans.py", "baseline_mean.py", "split.csv", "cases.csv", "assignment.toml",
        "misconceptions.toml", "calibration.json", "brief.md", "proofs/a.json", "patients/p1.npy", "reference/a.py",
        "hidden_tests/test_a.py", "hidden_tests/table.csv", "hidden_tests/__pycache__/a.pyc", "public_tests/test_p.py",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    files = asking_files(tmp_path, "hidden_tests")
    assert sorted(files) == [
        "doubles.py", "hidden_tests/table.csv", "hidden_tests/test_a.py", "interface.py", "scans.py",
    ]  # fmt: skip
    assert {path.read_text() for path in files.values()} == set(files)


def test_a_link_in_a_solutions_folder_does_not_cross(tmp_path):
    (tmp_path / "solution.py").touch()
    (tmp_path / "secret").symlink_to("/etc/passwd")
    assert list(solution_files(tmp_path)) == ["solution.py"]


# The reply

ANSWERS = b"an archive of arrays"


@pytest.fixture
def answered(tmp_path):
    """An outcome that names a file of answers, and the folder that has it."""
    name = hashlib.sha256(ANSWERS).hexdigest()[:32] + ".npz"
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / name).write_bytes(ANSWERS)
    outcome = Outcome(
        JobResult({"a": TestResult("passed")}, {0: AnswersResult("passed", file=name, states=(None,))}), "", 2.5,
        question=QuestionId("test", "a"), limit=True, waited=(1, 0.5), machine="node1",
    )  # fmt: skip
    return outcome, tmp_path / "answers", name


def test_an_outcome_comes_back_whole_with_its_answers(answered, tmp_path):
    outcome, answers, name = answered
    store = Store(tmp_path / "store")
    assert store_reply(framed(outcome, answers), store, "node1") == outcome
    assert (store.answers / name).read_bytes() == ANSWERS
    assert store_reply(framed(outcome, answers), store, "node1") == outcome, "a reply that comes twice changes nothing"
    assert [path.name for path in store.answers.iterdir()] == [name]


def spoilt(frame, spoil):
    """A frame whose head `spoil` has changed."""
    length = int.from_bytes(frame[:4], "little")
    head = json.loads(frame[4 : 4 + length])
    spoil(head)
    text = json.dumps(head).encode()
    return len(text).to_bytes(4, "little") + text + frame[4 + length :]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda head: head.update(limit=1), "not an outcome"),
        (lambda head: head.update(waited=[1.5, 0.5]), "not an outcome"),
        (lambda head: head.update(document={"scores": {}}), "no schema number"),
        (lambda head: head["document"].update(scores={"a": {"verdict": "passed"}}), "passed"),
        (lambda head: head.update(question={"stage": "score", "name": "a", "part": ""}), "not asked there"),
        (lambda head: head.update(files=[]), "more bytes than its files"),
        (lambda head: head.update(files=[["../../etc/x.npz", 20]]), "holds no answers"),
        (lambda head: head.update(files=[[head["files"][0][0], 19]]), "is damaged"),
        (lambda head: head.update(files=[["0" * 32 + ".npz", 20]]), "is damaged"),
        (lambda head: head.update(wall_s=float("nan")), "NaN is not a number"),
        (lambda head: head["document"]["answers"]["0"].update(file="0" * 32 + ".npz"), "lacks the file of answers"),
    ],
)
def test_a_reply_that_is_not_what_it_says_is_refused_and_stores_nothing(answered, tmp_path, spoil, words):
    outcome, answers, _ = answered
    with pytest.raises(EngineFailure, match=words):
        store_reply(spoilt(framed(outcome, answers), spoil), Store(tmp_path / "store"), "node1")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("cut", [0, 3, 4, 60])
def test_a_reply_that_is_cut_off_is_refused(answered, tmp_path, cut):
    outcome, answers, _ = answered
    with pytest.raises(EngineFailure, match="the reply of node1 cannot be used"):
        store_reply(framed(outcome, answers)[:cut], Store(tmp_path), "node1")


def test_a_machine_without_labels_cannot_hand_in_a_score(answered, tmp_path):
    outcome, answers, _ = answered
    scored = replace(outcome, document=replace(outcome.document, scores={"accuracy": ScoreResult("failed")}))
    with pytest.raises(EngineFailure, match="cannot be used"):
        store_reply(framed(scored, answers), Store(tmp_path), "node1")
