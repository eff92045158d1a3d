"""What sizes of cases forbid is found before a group is asked, with the cure."""

from pathlib import Path

import numpy as np
import pytest

from assignments.assignment import Assignment
from assignments.data.columns import Column, MadeCase
from assignments.data.hidden import HiddenSet
from assignments.errors import UserError
from assignments.interface import read_interface
from graders.record.manifest import _check_declared
from graders.record.read_singly import check_read_singly
from graders.tasks import task_named
from tests.ragged_interface import INTERFACE

AREA = """
from graders.metrics import Metric
area = Metric("area", lambda p, t, cases: float(p.mean()), level="per_set", better="higher", range=(0, 1), worst=0,
              reads="mask")
"""


def unread(*shapes, dtype=np.float32):
    """Cases that must not be read."""
    return Column([MadeCase(lambda: pytest.fail("it was read"), np.dtype(dtype), shape) for shape in shapes])


SMALL, LARGE = (2, 3, 4), (5, 6, 7)
HUGE = (200, 512, 512)  # 200 MiB as float32


@pytest.fixture
def check(tmp_path):
    (tmp_path / "mine.py").write_text(AREA)

    def check(*, train=(SMALL,), inputs=(SMALL, LARGE), metric="dice", mode="retrain", per_call=1):
        anchors = {"trivial": 0.5, "pass": 0.6, "merit": 0.7, "distinction": 0.8, "reference": 0.9, "ceiling": 1.0}
        of = Assignment.model_validate(
            {
                "id": "volumes", "title": "Volumes", "task": "segmentation", "folder": tmp_path, "run": {"mode": mode},
                "data": {"source": "s.py", "train": 2, "test": 2, "per_call": per_call},
                "criterion": [{"id": "a", "kind": "accuracy", "points": 1, "metric": metric, "anchors": anchors}],
            }
        )  # fmt: skip
        hidden = HiddenSet(
            {"image": unread(*train), "label": unread(*train, dtype=np.uint8)}, None,
            {"image": inputs if isinstance(inputs, np.ndarray) else unread(*inputs)},
            unread(*(inputs.shape[1:] for _ in inputs) if isinstance(inputs, np.ndarray) else inputs, dtype=np.uint8),
            (None, None), 0, "", "", "",
        )  # fmt: skip
        check_read_singly(of, task_named("segmentation"), hidden)

    return check


@pytest.mark.parametrize(
    "allowed",
    [
        {},
        {"per_call": 4, "inputs": (SMALL, SMALL)},
        {"train": [HUGE] * 40, "mode": "weights"},
        {"inputs": [HUGE] * 40},
        {"metric": "hd95"},
    ],
)
def test_what_sizes_allow(check, allowed):
    check(**allowed)


@pytest.mark.parametrize(
    ("refused", "problem"),
    [
        ({"per_call": 4}, r"per_call = 4, but cases differ in the size of image: write 1, or set `size`"),
        ({"train": [HUGE] * 5}, r"fit needs 1250 MiB of training cases, and at most 1022 MiB can cross.*lower train"),
        ({"per_call": 6, "inputs": [HUGE] * 6}, r"a call of predict needs 1200 MiB of inputs.*lower per_call"),
        ({"metric": "mine.py:area"}, r"'a': mine.py:area needs the images of all cases together.*per_case"),
    ],
)
def test_what_sizes_forbid_is_said_with_the_cure(check, refused, problem):
    with pytest.raises(UserError, match=problem):
        check(**refused)


def test_all_problems_are_said_at_once(check):
    with pytest.raises(UserError, match=r"per_call = 4.*fit needs.*mine.py:area"):
        check(per_call=4, train=[HUGE] * 5, metric="mine.py:area")


@pytest.fixture
def declared(tmp_path):
    """Compares cases with what an interface declares."""

    def declared(train, label, inputs, old="", new=""):
        (tmp_path / "interface.py").write_text(INTERFACE.replace(old, new))
        hidden = HiddenSet(
            {"image": train, "label": label}, None,
            {"image": inputs, "spacing": np.ones((len(inputs), 3), np.float32)}, None, (), 0, "", "", "",
        )  # fmt: skip
        of = Assignment.model_construct(folder=tmp_path, data=type("Data", (), {"source": "liver"}))
        _check_declared(of, read_interface(Path(tmp_path) / "interface.py"), task_named("segmentation"), hidden)

    return declared


def test_cases_of_different_sizes_are_compared_with_their_declaration_unread(declared):
    declared(unread(SMALL, LARGE), unread(SMALL, LARGE, dtype=np.uint8), unread(LARGE, SMALL, LARGE))


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (
            ('list[Float32[np.ndarray, "d h w"]]', 'Float32[np.ndarray, "n d h w"]'),
            r"image: cases of different sizes, .* declare a list of arrays",
        ),
        (('list[UInt8[np.ndarray, "d h w"]]', 'list[UInt8[np.ndarray, "h w"]]'), r"fit: train is not as interface.py"),
        (('Float32[np.ndarray, "n d h w"]', 'Float32[np.ndarray, "n 2 h w"]'), r"predict: inputs is not as interface"),
        (('image: Float32[np.ndarray, "n d h w"]', 'image: UInt8[np.ndarray, "n d h w"]'), r"predict: inputs is not"),
    ],
)
def test_cases_that_are_not_as_declared_are_named_with_their_sizes(declared, edit, problem):
    with pytest.raises(UserError, match=problem) as error:
        declared(unread(SMALL, LARGE), unread(SMALL, LARGE, dtype=np.uint8), unread(SMALL, LARGE), *edit)
    assert "image float32 2 x (2, 3, 4) to (5, 6, 7)" in str(error.value)


def test_an_image_and_a_label_of_different_sizes_are_refused(declared):
    with pytest.raises(UserError, match="fit: train is not as"):
        declared(unread(SMALL, LARGE), unread(LARGE, SMALL, dtype=np.uint8), unread(SMALL))
