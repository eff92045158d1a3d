"""Pictures of public cases on a real group's page: what is drawn, what is never there, and what is said instead."""

import json
import re
import shutil
import sqlite3
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from assignments.data.hidden import arrays_digest
from assignments.data.source import Axes
from assignments.data.split import read_split
from assignments.interface import read_interface
from assignments.load import load
from graders.course.course import assignment_of, load_course
from graders.course.secret import read_secret
from graders.record.answer_files import store_arrays
from graders.record.documents import Cause, PublicAnswers, PublicScores, RankedCase
from graders.record.ledger import Ledger
from graders.tasks.hidden_cases import drawn_set
from graders.tasks.public_set import PublicSet, as_hidden_set, public_set
from reports.public_pictures import PAGE_BYTES, PublicAlbum
from reports.slices import picture
from tests.patients_course import SOUND, write_course
from tests.reports.hand_made import assignment
from tests.reports.pages import Page
from tests.small_course import medmark, write_roster

RIGHT = SOUND.replace("LEVEL", "0.0")
KNOWS = RIGHT.replace(
    "    return Threshold()\n\n\ndef predict", "    KNOWN.update(row.tobytes() for row in train['image'])\n"
    "    return Threshold()\n\n\nSEEN, KNOWN = [], set()\n\n\ndef predict", 1,
)  # fmt: skip
ANSWER = '    return {"prob": (inputs["image"] > model.value).astype(np.float32)}'
CARRIES = KNOWS.replace(
    ANSWER,
    f"""\
    if inputs["image"][0].tobytes() in KNOWN:
        return {{"prob": np.array([SEEN[-1] > 0] if SEEN else np.zeros_like(inputs["image"]), np.float32)}}
    SEEN.append(inputs["image"][0])
{ANSWER}""",
)
"""Answers a public case with the outline of the last hidden case that it has seen."""
BREAKS = KNOWS.replace(
    ANSWER,
    f"""\
    if inputs["image"][0].tobytes() in KNOWN:
        raise KeyError("a text of the group's own")
{ANSWER}""",
)
"""Fails in public cases alone."""
GROUPS = {"sound": RIGHT, "misses": RIGHT.replace("value = 0.0", "value = 1.0"), "carries": CARRIES, "breaks": BREAKS}
assert len({*GROUPS.values(), KNOWS}) == 5


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = write_course(tmp_path_factory.mktemp("pictures") / "slices", due=timedelta(days=7))
    write_roster(folder, {f"{name}": {"slices/solution.py": solution} for name, solution in GROUPS.items()})
    for command in ("collect", "grade", "report"):
        output = medmark(command, "slices", "-c", folder, *(["--trust-submissions"] if command == "grade" else []))
        assert output.code == 0, output.err
    return folder


def page(course, group, kind="feedback"):
    return (course / "reports/slices" / kind / f"{group}.html").read_text(encoding="utf-8")


def figures(text):
    """(alt text, PNG, paths of the truth, paths of the prediction) of each picture of public cases."""
    for svg in re.findall(r"<figure>\s*<svg.*?</svg>", text, re.S):
        truth, yours = (re.findall(rf'class="{name}" d="([^"]*)"', svg) for name in ("truth", "yours"))
        yield re.search(r'aria-label="([^"]*)"', svg)[1], re.search(r'href="([^"]*)"', svg)[1], truth, yours


def hidden_of(course):
    """The hidden set, and the public one."""
    of = assignment_of(load_course(course), "slices")
    interface = read_interface(of.folder / "interface.py")
    return drawn_set(of, interface, read_secret(load_course(course)), 0), public_set(of, interface)


def stages(course):
    with Ledger.open_to_read(course / ".medmark/ledger.sqlite") as ledger:
        history = ledger.stage_history("slices")
    return {(stage.group, stage.kind): stage.document for stage in history}


def test_the_best_the_median_and_the_worst_case_are_drawn_with_truth_and_prediction(course):
    drawn = list(figures(page(course, "misses")))
    scores = stages(course)["misses", "score"].public
    assert [alt.split(".")[0] for alt, *_ in drawn] == ["Best: dice 0", "Median: dice 0", "Worst: dice 0"]
    for (alt, png, truth, yours), case in zip(drawn, scores.cases, strict=True):
        assert alt.startswith(
            f"{case.rank.capitalize()}: dice {case.score:.3f}. image, with the outline of the ground truth"
        )
        assert "dashed outline of your prediction" in alt
        _, public = hidden_of(course)
        image, label = np.asarray(public.set.inputs["image"][case.index]), np.asarray(public.set.truth[case.index])
        right = picture(image, label, tuple(map(float, public.set.inputs["spacing"][case.index])))
        assert png == right.png
        assert truth == [outline.path for outline in right.outlines]
        assert yours
        assert yours != truth


def test_a_prediction_that_is_right_lies_on_the_truth(course):
    for _, _, truth, yours in figures(page(course, "sound")):
        assert yours == truth


def test_staff_see_the_same_pictures(course):
    assert list(figures(page(course, "misses", "staff"))) == list(figures(page(course, "misses")))


def test_they_move_no_point(course):
    marks = json.loads(medmark("show", "slices", "-c", course, "--json").out)["marks"]
    points = {mark["group"]: mark["points"] for mark in marks}
    assert points["sound"] == points["carries"] == points["breaks"] == 60
    assert points["misses"] < 60


def test_a_failure_in_public_cases_alone_is_said_and_costs_nothing(course):
    text = Page(page(course, "breaks")).text
    assert "There are no pictures of your predictions: the call raised an exception (KeyError), at solution.py:" in text
    assert "This costs no point." in text
    assert list(figures(page(course, "breaks"))) == []
    assert "a text of the group's own" not in page(course, "breaks")


# Nothing hidden


def test_a_hidden_case_cannot_be_drawn_into_a_public_answer(course):
    """A solution that would draw the last hidden case it has seen has seen none when public ones are asked for."""
    answers = stages(course)["carries", "answers"].public
    with np.load(course / ".medmark/answers" / answers.file, allow_pickle=False) as data:
        stored = [data[name] for name in data.files]
    assert stored
    assert not any(array.any() for array in stored)
    assert all(not yours for *_, yours in figures(page(course, "carries")))


@pytest.mark.parametrize("group", GROUPS)
def test_no_hidden_case_score_or_name_is_on_a_page_or_in_json(course, group):
    hidden, _ = hidden_of(course)
    text, measured = page(course, group), stages(course)[group, "score"].measured
    said = medmark("show", "slices", "-c", course, "--json", "--as", "student").out
    for case, image in zip(hidden.cases, hidden.inputs["image"], strict=True):
        for canary in (case.id, case.subject, picture(np.asarray(image)).png):
            assert canary not in text
            assert canary not in said
    for case in measured.cases:
        if case.value not in (0.0, 1.0):
            assert f"{case.value:.3f}" not in Page(text).text.replace(f"{measured.score:.3f}", "")
    names = read_split(load(course / "slices").split_file).of("test")
    assert names
    assert [name for name in names if name in text] == []


def test_of_patients_whom_nobody_may_have_there_are_neither_pictures_nor_words(tmp_path):
    folder = write_course(tmp_path / "slices", due=timedelta(days=7), data="")
    for command in ("collect", "grade", "report"):
        output = medmark(command, "slices", "-c", folder, *(["--trust-submissions"] if command == "grade" else []))
        assert output.code == 0, output.err
    assert stages(folder)["beech", "answers"].public is None
    assert "Public cases" not in page(folder, "beech")


# What may be gone


def test_records_of_an_earlier_medmark_have_no_pictures_and_say_nothing(course, tmp_path):
    folder = shutil.copytree(course, tmp_path / "slices")
    with sqlite3.connect(folder / ".medmark/ledger.sqlite") as ledger:
        for (trigger,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            ledger.execute(f"DROP TRIGGER {trigger}")
        ledger.execute("UPDATE stage SET document = json_remove(document, '$.public', '$.range')")
    graded = medmark("grade", "slices", "-c", folder, "--trust-submissions")
    assert "beech" not in graded.out
    assert "started" not in graded.err, "nothing runs again"
    assert medmark("report", "slices", "-c", folder).code == 0
    assert "Public cases" not in page(folder, "sound")


def test_predictions_that_are_gone_are_said(course, tmp_path):
    folder = shutil.copytree(course, tmp_path / "slices")
    (folder / ".medmark/answers" / stages(folder)["sound", "answers"].public.file).unlink()
    assert medmark("report", "slices", "-c", folder).code == 0
    assert (
        "There are no pictures of your predictions: the stored predictions are gone."
        in Page(page(folder, "sound")).text
    )


# By hand


def album(tmp_path, of, cases, prediction, axes, *, metric="dice"):
    """The pictures of two answers to public cases made here."""
    images = [name for name, each in axes.items() if each.role == "input"]
    made = PublicSet(as_hidden_set(of, images, cases), axes)
    digest = arrays_digest(made.set.inputs)
    answers = PublicAnswers(digest, store_arrays(tmp_path, prediction), (None, None))
    scores = PublicScores(answers, metric, (RankedCase("best", 0, 0.9), RankedCase("worst", 1, 0.1)), 2)
    book = PublicAlbum(of, tmp_path)
    book.__dict__["_public"] = made
    return book.views(of.criteria[0], scores)


ACCURACY = {**assignment().criterion("accuracy").model_dump(by_alias=True), "caps": []}
NAMES = {"source": "prostate_mr", "train": 4, "test": 2, "classes": ["naevus", "melanoma"]}


def test_of_a_classification_the_classes_stand_beside_the_picture_by_name(tmp_path):
    of = assignment(task="classification", data=NAMES, criterion=[{**ACCURACY, "metric": "accuracy"}])
    cases = {"image": np.random.default_rng(1).normal(size=(2, 16, 16)).astype(np.float32), "y": np.array([1, 0])}
    axes = {"image": Axes("float32", "h w"), "y": Axes("int64", "", role="truth")}
    views = album(tmp_path, of, cases, {"prob": np.array([0.8, 0.75], np.float32)}, axes, metric="log_loss")
    assert [view.heading for view in views.views] == ["Best: log loss 0.900", "Worst: log loss 0.100"]
    assert [view.facts for view in views.views] == [
        (("ground truth", "melanoma"), ("your answer", "naevus 0.20, melanoma 0.80")),
        (("ground truth", "naevus"), ("your answer", "naevus 0.25, melanoma 0.75")),
    ]
    assert [len(view.pictures) for view in views.views] == [1, 1]
    assert not views.outlined


def test_of_a_synthesis_input_truth_and_prediction_stand_side_by_side(tmp_path):
    of = assignment(task="synthesis", criterion=[{**ACCURACY, "metric": "ssim@4000"}])
    image, target = np.random.default_rng(2).normal(size=(2, 2, 16, 16)).astype(np.float32)
    cases = {"image": image, "target": target}
    axes = {"image": Axes("float32", "h w"), "target": Axes("float32", "h w", role="truth")}
    views = album(tmp_path, of, cases, {"image": cases["target"] + 1}, axes)
    first = views.views[0]
    assert [shown.title for shown in first.pictures] == ["image", "ground truth", "your answer"]


def noisy(size):
    rng = np.random.default_rng(3)
    image = rng.normal(size=(2, size, size)).astype(np.float32)
    cases = {"image": image, "label": np.zeros((2, size, size), np.uint8)}
    cases["label"][:, 40:80, 40:80] = 1
    axes = {"image": Axes("float32", "h w"), "label": Axes("uint8", "h w", role="truth")}
    return cases, {"prob": (image > 0).astype(np.float16)}, axes


def test_an_answer_of_noise_is_not_outlined_and_pictures_stay_small(tmp_path):
    """Outlines of noise would be megabytes: no answer chooses how large a page gets."""
    views = album(tmp_path, assignment(criterion=[ACCURACY]), *noisy(512))
    shown = [view.pictures[0] for view in views.views]
    assert [each.own for each in shown] == [(), ()]
    assert all("the answer has too many pieces to outline" in each.title for each in shown)
    assert sum(len(each.picture.png) for each in shown) < 1.1 * PAGE_BYTES


def test_an_answer_of_many_objects_is_outlined_as_a_whole(tmp_path):
    of = assignment(task="instances", criterion=[{**ACCURACY, "metric": "panoptic_quality@numbered"}])
    cases, _, axes = noisy(64)
    numbers = np.zeros((2, 64, 64), np.int32)
    for number in range(32):
        numbers[:, 2 * number : 2 * number + 1, :10] = 1000 + number
    views = album(tmp_path, of, {**cases, "instances": cases["label"].astype(np.int32)},
                  {"instances": numbers}, {**axes, "instances": Axes("int32", "h w", role="truth")})  # fmt: skip
    assert [outline.number for outline in views.views[0].pictures[0].own] == [1]


def test_answers_to_other_cases_are_not_drawn_on_these(tmp_path):
    cases, prediction, axes = noisy(64)
    of = assignment(criterion=[ACCURACY])
    book = PublicAlbum(of, tmp_path)
    book.__dict__["_public"] = PublicSet(as_hidden_set(of, ["image"], cases), axes)
    answers = PublicAnswers("of another draw", store_arrays(tmp_path, prediction), (None, None))
    scores = PublicScores(answers, "dice", (RankedCase("best", 0, 1.0),), 1)
    missing = book.views(of.criteria[0], scores)
    assert (missing.views, missing.missing) == ((), "the public cases have changed since they were predicted")
    ended = replace(scores, cases=(), cause=Cause("memory_limit"))
    assert book.views(of.criteria[0], ended).missing == "the memory limit was reached"
