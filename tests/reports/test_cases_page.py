"""The page of hidden cases: each task's ground truth beside the group's own answer."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from assignments.assignment import Assignment
from assignments.data.cases import Case
from assignments.data.source import Axes
from graders.runs.showing import HiddenCase, OwnAnswer, Showing
from reports.cases_page import cases_page
from tests.reports.browser import CHROMIUM, Browser
from tests.reports.hostile import HOSTILE

SQUARE = np.zeros((16, 16), np.uint8)
SQUARE[4:8, 4:12] = 1
IMAGE = np.arange(256, dtype=np.float32).reshape(16, 16)
NAMES = ("naevus", "melanoma")


def page(task, inputs, truth, prediction, *, arrays, problem="", values=None, group="group-07", classes=()):
    """The page of one case, whose arrays are declared as `arrays` says."""

    class Answered(Showing):
        def answers(self, group):
            return [OwnAnswer(prediction, problem, values or {})]

    assignment = Assignment.model_validate({
        "id": "shapes",
        "title": "Shapes",
        "task": task,
        "data": {"source": "shapes.py", "classes": list(classes)},
        "run": {"mode": "retrain"},
        "criterion": [{"id": "report", "kind": "person", "points": 1}],
        "folder": "/shapes",
    })  # fmt: skip
    declared = {key: Axes("float32", axes) for key, axes in arrays.items()}
    case = HiddenCase(Case("bodu-kire", "zozo-lala", None, None), inputs, truth)
    return cases_page(Answered(assignment, declared, (case,), 9, (), (group,), {}, (0,), Path()), group, COURSE)


COURSE = "Deep <b>learning</b>"


def facts(text):
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text))


def outlines(text, kind):
    """The corners (x, y) of each outline of one kind, in pixels of the 16 x 16 picture, which is 100 wide."""
    paths = re.findall(rf'<path class="{kind}" d="(M[^"]*Z)"', text)
    return [[tuple(float(n) * 16 / 100 for n in pair.split()) for pair in path[1:-1].split("L")] for path in paths]


def box(corners):
    xs, ys = zip(*corners, strict=True)
    return min(xs), max(xs), min(ys), max(ys)


def test_both_outlines_lie_where_their_voxels_are():
    answer = np.roll(SQUARE, 3, axis=1).astype(np.float32)
    arrays = {"image": "h w"}
    text = page("segmentation", {"image": IMAGE}, {"label": SQUARE}, answer, arrays=arrays, values={"dice": 0.625})
    (truth,), (own,) = outlines(text, "truth"), outlines(text, "yours")
    # Rows 4 to 7 and columns 4 to 11: their border is from 4 to 8 and from 4 to 12.
    assert box(truth) == pytest.approx((4, 12, 4, 8), abs=0.6)
    assert box(own) == pytest.approx((7, 15, 4, 8), abs=0.6)
    assert facts(text) == {"dice": "0.625"}
    assert "bodu-kire" in text
    assert "zozo-lala" not in text, "the word of a subject would join cases"


def test_a_probability_of_a_half_is_foreground():
    answer = np.where(SQUARE == 1, 0.5, 0.49).astype(np.float16)
    text = page("segmentation", {"image": IMAGE}, {"label": SQUARE}, answer, arrays={"image": "h w"})
    assert outlines(text, "yours") == outlines(text, "truth")


def test_a_volume_is_shown_where_its_label_is_largest():
    volume, label = np.zeros((5, 16, 16), np.float32), np.zeros((5, 16, 16), np.uint8)
    label[1, :2, :2], label[3] = 1, SQUARE
    text = page("segmentation", {"image": volume}, {"label": label}, None, arrays={"image": "d h w"}, problem="late")
    assert "image, slice 4 of 5" in text
    assert box(outlines(text, "truth")[0]) == pytest.approx((4, 12, 4, 8), abs=0.6)
    assert outlines(text, "yours") == []
    assert "There is no answer of yours to show: late." in text


def test_an_empty_truth_is_shown_where_the_answer_is():
    volume, answer = np.zeros((5, 16, 16), np.float32), np.zeros((5, 16, 16), np.float32)
    answer[1] = SQUARE
    truth = {"label": np.zeros((5, 16, 16), np.uint8)}
    text = page("segmentation", {"image": volume}, truth, answer, arrays={"image": "d h w"})
    assert "slice 2 of 5" in text
    assert len(outlines(text, "yours")) == 1


def test_every_class_of_a_map_has_its_outline():
    labels = SQUARE.copy()
    labels[10:14, 4:12] = 2
    text = page("label_maps", {"image": IMAGE}, {"label": labels}, SQUARE, arrays={"image": "h w"})
    assert (len(outlines(text, "truth")), len(outlines(text, "yours"))) == (2, 1)


@pytest.mark.parametrize(
    ("prediction", "says"),
    [
        (np.float32(0.25), "naevus 0.75, melanoma 0.25"),
        (np.float32([0.1, 0.3, 0.6]), "naevus 0.10, melanoma 0.30, class 2 0.60"),
    ],
)
def test_a_class_stands_beside_the_probabilities(prediction, says):
    colours = np.stack([IMAGE, IMAGE, IMAGE])
    truth = {"y": np.asarray(np.uint8(1))}
    text = page("classification", {"image": colours}, truth, prediction, arrays={"image": "3 h w"}, classes=NAMES)
    assert facts(text) == {"ground truth": "melanoma", "your answer": says}
    assert text.count("<image href=") == 1


def test_rows_of_numbers_are_listed():
    truth = {"y": np.asarray(np.uint8(0))}
    text = page("classification", {"x": np.arange(14.0)}, truth, np.float32(0.5), arrays={"x": "14"})
    assert facts(text)["x"] == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more"
    assert "<image" not in text


def test_labels_that_do_not_exclude_each_other_and_numbers():
    truth = {"y": np.uint8([0, 1])}
    text = page("multilabel", {"image": IMAGE}, truth, np.float32([0.2, 0.9]), arrays={"image": "h w"}, classes=NAMES)
    assert facts(text) == {"ground truth": "melanoma", "your answer": "naevus 0.20, melanoma 0.90"}
    truth = {"y": np.asarray(np.float32(61.5))}
    text = page("regression", {"image": IMAGE}, truth, np.float32(58.25), arrays={"image": "h w"})
    assert facts(text) == {"ground truth": "61.5", "your answer": "58.25"}


def test_a_synthesised_image_stands_beside_its_target():
    text = page("synthesis", {"image": IMAGE}, {"target": IMAGE + 1}, IMAGE, arrays={"image": "h w"})
    assert re.findall(r"<figcaption>(.*?)</figcaption>", text) == ["image", "ground truth", "your answer"]


def test_a_field_is_shown_by_the_labels_that_it_warps():
    moved = np.roll(SQUARE, 2, axis=1)
    field = np.zeros((2, 16, 16), np.float32)
    field[1] = 2  # from the fixed to the moving image: two columns on
    inputs = {"fixed": IMAGE, "moving": IMAGE}
    arrays = {"fixed": "h w", "moving": "h w"}
    text = page("registration", inputs, {"labels": np.stack([SQUARE, moved])}, field, arrays=arrays)
    on_fixed, on_moving = outlines(text, "truth")
    assert box(on_moving)[0] == pytest.approx(box(on_fixed)[0] + 2, abs=0.1)
    assert outlines(text, "yours") == [on_fixed]


def test_the_courses_title_stands_on_the_page_as_text():
    text = page("segmentation", {"image": IMAGE}, {"label": SQUARE}, None, arrays={"image": "h w"})
    assert "<span>Deep &lt;b&gt;learning&lt;/b&gt;</span> · Hidden cases" in text


def test_whatever_a_group_is_called_is_text():
    for name in HOSTILE:
        text = page("segmentation", {"image": IMAGE}, {"label": SQUARE}, None, arrays={"image": "h w"}, group=name)
        assert "<script" not in text
        assert "default-src &#39;none&#39;" in text


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt install chromium)")
def test_it_fits_a_telephone_and_a_desk(tmp_path):
    path = tmp_path / "cases.html"
    wide = np.zeros((16, 64), np.float32)
    truth = {"label": np.zeros((16, 64), np.uint8)}
    path.write_text(page("segmentation", {"image": wide}, truth, wide, arrays={"image": "h w"}), encoding="utf-8")
    with Browser() as browser:
        for width in (390, 1280):
            browser.open(path, width=width)
            assert browser.run("document.documentElement.scrollWidth") == width
            assert browser.run("document.querySelector('figure svg').getBoundingClientRect().width") > 250
            assert browser.console == []
