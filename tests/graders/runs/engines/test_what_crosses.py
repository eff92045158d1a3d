"""Labels, the secret, places of data and names of groups never travel: every byte of real packages is searched."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assignments.data.columns import Column
from assignments.data.hidden import arrays_digest, presented_purpose, purposes_of
from assignments.data.streams import key, test_purpose
from assignments.derived.interface import solution_interface
from assignments.folders import CATALOGUE
from assignments.load import catalogue, load
from graders.authoring.splitting import proposed_split
from graders.grade import draw
from graders.runs.engines.description import StoredInputs, described, read_description, to_bytes
from graders.runs.engines.far import Far
from graders.runs.engines.processes import start_forkserver
from graders.runs.engines.sent_inputs import read_inputs, store_inputs
from graders.tasks.hidden_cases import drawn_set
from tests.graders.runs.engines.near_carrier import NearCarrier
from tests.jobs import job_here
from tests.ragged_interface import INTERFACE

GROUPS = Path(__file__).parents[3] / "example_groups"
SECRET = bytes(range(100, 132))
TESTS = ("test_tiny.py::test_scale",)
test_purpose.__test__ = False

NOISY_VOLUMES = """
import numpy as np
from assignments.data.source import Axes, Subject

ARRAYS = {
    "image": Axes("float32", "d h w"), "spacing": Axes("float32", "3"), "label": Axes("uint8", "d h w", role="truth"),
}

def open(path):
    return path

def subjects(opened):
    return [Subject(f"patient-{number}", part="test" if number < 4 else "train") for number in range(7)]

def load(opened, subject):
    number = int(subject[8:])
    rng = np.random.default_rng(number)
    label = rng.integers(0, 2, (2 + number, 4, 5)).astype(np.uint8)
    return {"image": rng.random(label.shape, np.float32), "label": label, "spacing": np.float32([2, 1, 1])}
"""
VOLUMES = """
id = "volumes"
title = "Volumes"
task = "segmentation"
frameworks = ["numpy"]
[data]
source = "volumes.py"
path = "patients-of-ward-7"
test = 4
[run]
mode = "retrain"
[[criterion]]
id = "accuracy"
kind = "accuracy"
points = 10
metric = "dice"
anchors = { trivial = 0.1, pass = 0.96, merit = 0.97, distinction = 0.98, reference = 0.99, ceiling = 1.0 }
"""


def tiny(folder):
    return load(GROUPS / "assignment")


def tiny_redrawn(folder):
    assignment = load(GROUPS / "assignment")
    changes = {
        "data": assignment.data.model_copy(update={"redraw": True}),
        "run": assignment.run.model_copy(update={"seeds": 2}),
    }
    return assignment.model_copy(update=changes)


def volumes(folder):
    home = folder / "volumes"
    (home / "patients-of-ward-7").mkdir(parents=True)
    texts = {
        "volumes.py": NOISY_VOLUMES,
        "interface.py": INTERFACE,
        "brief.md": "Mark it.\n",
        "assignment.toml": VOLUMES,
    }
    for name, text in texts.items():
        (home / name).write_text(text)
    assignment = load(home)
    proposed_split(assignment, "split").write()
    return assignment


@pytest.fixture(scope="module", autouse=True)
def server():
    start_forkserver()


@pytest.fixture(params=[tiny, tiny_redrawn, volumes], ids=lambda make: make.__name__)
def sent(request, tmp_path, monkeypatch):
    """A job, the truths that its machine draws, and the package that left it; nothing is asked."""
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "home"))
    assignment = request.param(tmp_path)
    tests = () if request.param is volumes else TESTS
    job, store = job_here(
        assignment, GROUPS / "perfect", tmp_path / "answers", secret=SECRET, tests=tests,
        repeats=tuple(range(assignment.run.seeds)), scores=("accuracy",), group="the-lovelaces", commit="c0ffee" * 6,
    )  # fmt: skip
    carrier = NearCarrier(tmp_path / "node", lambda description, blobs: b"nothing is asked")
    engine = Far(carrier, tmp_path / "crossing")
    engine.run(job, store, 100.0)
    truths, _ = draw(job, store)
    (package,) = carrier.packages
    yield job, truths, package.description, {path.name: path.read_bytes() for path in (tmp_path / "node").iterdir()}
    engine.stop()


def spelled(number_bytes):
    """How bytes may stand in a file or in JSON."""
    yield number_bytes
    yield number_bytes.hex().encode()
    yield base64.b64encode(number_bytes).rstrip(b"=")[:-1]
    yield repr(number_bytes)[2:-1].encode()


def arrays_of(truth):
    """Each array of a truth that has numbers enough to be recognised."""
    rows = list(truth) if isinstance(truth, Column) else [truth]
    return [row for row in rows if row.size >= 12]


def test_no_byte_of_a_package_is_a_truth(sent):
    _, truths, description, blobs = sent
    whole = [description, *blobs.values()]
    inputs = next(iter(truths[0].inputs.values()))
    shown = np.ascontiguousarray(inputs[0]).tobytes()
    assert any(shown in content for content in blobs.values()), "the control: what is shown is there in plain bytes"
    looked = 0
    for hidden in truths.values():
        for array in arrays_of(hidden.truth):
            for kind in (array.dtype, "<u1", "<i4", "<i8", "<f4", "<f8", "?"):
                plain = np.ascontiguousarray(array.astype(kind)).tobytes()
                assert not any(plain in content for content in whole)
                looked += 1
            text = ",".join(str(int(number)) for number in array.reshape(-1)).encode()
            assert not any(text in content.replace(b" ", b"") for content in whole)
        for case in hidden.cases:
            assert not any(case.id.encode() in content for content in whole)
    assert looked >= 7


def test_no_byte_of_a_package_is_the_secret_or_a_key_that_draws_a_case(sent):
    job, _, description, blobs = sent
    whole = [description, *blobs.values()]
    assignment = job.assignment
    own = [test_purpose(assignment.id, test) for test in job.tests] + [presented_purpose(assignment.id, job.commit)]
    for purpose in own:
        assert key(SECRET, *purpose).hex().encode() in description, (
            "the control: keys of questions are there in hexadecimal"
        )
    others = [purpose for repeat in range(3) for purpose in purposes_of(assignment, repeat)]
    others += [("tiny", "test", "0"), ("tiny", "test", "1"), (assignment.id, "presented", "another")]
    for secret in [SECRET, *(key(SECRET, *purpose) for purpose in others)]:
        for text in spelled(secret):
            assert not any(text in content for content in whole)


def test_a_package_tells_neither_whose_it_is_nor_where_data_lie(sent, tmp_path):
    job, truths, description, blobs = sent
    # The author's own files may say anything; what medmark writes may not.
    written = [description, *(content for content in blobs.values() if content[:9] == b'{"train":')]
    assert len(written) == 1 + len(truths)
    for word in ("the-lovelaces", "patients-of-ward-7", "split.csv", str(tmp_path), str(GROUPS), str(Path.home())):
        assert not any(word.encode() in content for content in written), word
    if not job.assignment.data.redraw:
        assert not any(b"patient-" in content for content in written), "names of hidden subjects"


def test_what_arrives_is_what_was_shown(sent, tmp_path):
    _, truths, description, _ = sent
    inputs = json.loads(description)["inputs"]
    for repeat, hidden in truths.items():
        arrived = read_inputs(tmp_path / "node", read_description(description).inputs[repeat])
        before = hidden.input_set
        assert inputs[str(repeat)]["digest"]
        for group in ("train", "val", "inputs"):
            one, other = getattr(arrived, group) or {}, getattr(before, group) or {}
            assert arrays_digest(one) == arrays_digest(other)
            assert [*map(type, one.values())] == [*map(type, other.values())]
        names = ("fit_seed", "count", "truth_bytes", "case_numbers")
        assert [getattr(arrived, name) for name in names] == [getattr(before, name) for name in names]


def test_the_subjects_of_hidden_cases_cross_only_where_repeats_might_share_a_container(tmp_path):
    drawn = drawn_set(tiny(None), solution_interface(tiny(None)), SECRET, 0)
    without, with_subjects = (
        read_inputs(tmp_path, store_inputs(tmp_path, drawn.input_set, with_subjects=these)) for these in (False, True)
    )
    assert (without.subjects, with_subjects.subjects) == (frozenset(), drawn.subjects)
    assert len(drawn.subjects) == 12


@pytest.mark.parametrize("id", catalogue())
def test_every_assignment_of_the_catalogue_crosses_in_json(id, tmp_path):
    assignment = load(CATALOGUE / id)
    job, _ = job_here(assignment, tmp_path, tmp_path, secret=SECRET, tests=("t",), repeats=(0,), scores=("x",))
    sent = described(job, (), (), StoredInputs({}), 60.0)
    assert read_description(to_bytes(sent)) == sent
    arrived = read_description(to_bytes(sent)).job("run")
    assert arrived == replace(job.asking_part, run="run")
    assert arrived.assignment.limits == assignment.limits
