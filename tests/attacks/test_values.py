"""Class F: bytes that the host would have to read, and answers that would mislead a careless scorer.

Files lie in the repository and are never opened; answers cross the wall as plain arrays and each is judged. Everything
goes through a course that is collected and marked, in the local sandbox: nothing here attacks from inside.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import shutil
import sqlite3
import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from graders.marks.words import reason_words
from tests.attacks.course import RIGHT, TARGET, Attacked, attacked, solution

CASES = 24
ANSWER = '(inputs["x"][:, 0] > 2).astype(np.float32)'
PREDICT = f'    return {{"prob": {ANSWER}}}'
assert PREDICT in RIGHT

WRONG_TYPE, WRONG_SHAPE = "the answer has the wrong type", "the answer has the wrong shape"
RANGE, NOT_FINITE = "the answer lies outside its range", "the answer holds NaN or infinity"

ANSWERS = {
    # reply in place of the honest one, given `p`; the reason of every case, or None where the reply is as good
    "nan": ("p + np.float32(np.nan)", NOT_FINITE),
    "infinite": ("np.where(p > 0, np.inf, -np.inf)", NOT_FINITE),
    "minus-zero": ("np.where(p > 0, p, -0.0).astype(np.float32)", None),
    "subnormal": ("np.maximum(p, 1e-310)", None),
    "huge": ("(p - 0.5) * np.float64(1e308)", RANGE),
    "hair": ("np.where(p > 0, 1 + 1e-9, -1e-9)", RANGE),
    "small": ("np.where(p > 0, 1 + 1e-7, -1e-7)", RANGE),
    "half": ("p.astype(np.float16)", None),
    "labels": ("p.astype(np.uint8)", WRONG_TYPE),
    "grey": ("(255 * p).astype(np.uint8)", WRONG_TYPE),
    "wrapped": ("(p.astype(np.int16) - 200).astype(np.uint8)", WRONG_TYPE),
    "truth-values": ("p > 0", WRONG_TYPE),
    "complex": ("p + 0j", WRONG_TYPE),
    "long": ("p.astype(np.longdouble)", WRONG_TYPE),
    "objects": ("p.astype(object)", WRONG_TYPE),
    "text": ("p.astype(str)", WRONG_TYPE),
    "masked": ("np.ma.masked_array(p, mask=p > 9)", WRONG_TYPE),
    "column": ("p[:, None]", WRONG_SHAPE),
    "row": ("p[None]", WRONG_SHAPE),
    "one": ("p[0]", WRONG_SHAPE),
    "empty": ("p[:0]", WRONG_SHAPE),
    "one-more": ("np.append(p, p[:1])", WRONG_SHAPE),
    "square": ("np.outer(p, p)", WRONG_SHAPE),
    "list": ("p.tolist()", WRONG_TYPE),
    "pickle": ("__import__('pickle').dumps(p)", WRONG_TYPE),
}
"""One assignment's `predict`; classification by balanced accuracy, which asks for floats (n,) from 0 to 1."""
KEYS = {
    "extra": '{"prob": p, "label": p}',
    "missing": "{}",
    "other": '{"probs": p}',
    "bare": "p",
    "nothing": "None",
}
NINE_NAN = "q = np.full_like(p, np.nan); far = inputs['x'][:, 0] > 6; q[far] = 1; return {'prob': q}"


def answering(reply: str) -> str:
    return RIGHT.replace(PREDICT, f"    p = {ANSWER}\n    return {reply}")


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (str(self.marker), "w"))


def lying_header() -> bytes:
    head = b"{'descr': '|u1', 'fortran_order': False, 'shape': (10000000000000,), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


LAUGHS = (
    "<!DOCTYPE x [<!ENTITY a 'ha'>"
    + "".join(f"<!ENTITY {after} '{f'&{before};' * 10}'>" for before, after in zip("abcdef", "bcdefg", strict=True))
    + "]><x>&{};</x>"
)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Attacked:
    folder = tmp_path_factory.mktemp("values") / "course"
    bomb = pickle.dumps(Bomb(folder.parent / "marker"))
    objects = io.BytesIO()
    np.save(objects, np.array([Bomb(folder.parent / "marker")], dtype=object), allow_pickle=True)
    files = {
        "weights/model.pt": bomb, "weights/model.pth": bomb, "model.pkl": bomb, "state.joblib": bomb,
        "weights/model.h5": b"\x89HDF\r\n\x1a\n" + bomb, "weights/model.keras": b"PK\x03\x04" + bomb,
        "objects.npy": objects.getvalue(), "lying.npy": lying_header(), "answers.npz": npz(prob=np.zeros(5_000_000)),
        "prediction.nii.gz": gzip.compress(bytes(5_000_000)), "results.xml": LAUGHS.format("g"),
        "figure.svg": "<svg onload='window.MM=1'><script>window.MM=1</script></svg>",
        "report.html": "<script>window.MM=1</script>",
        "settings.yaml": "!!python/object/apply:os.system ['touch marker']\n",
        "predictions.csv": "id,label\ncase_1,\uff11\n", "ledger.sqlite": b"SQLite format 3\0" + bytes(100),
        "paper.tex": "\\input{/etc/passwd}\\write18{touch marker}\n",
    }  # fmt: skip
    groups = {
        "honest": solution(RIGHT),
        "files": {**solution(RIGHT + "# files\n"), **{f"target/{name}": content for name, content in files.items()}},
        "nine-nan": solution(RIGHT.replace(PREDICT, f"    p = {ANSWER}\n    {NINE_NAN}")),
        **{name: solution(answering(f'{{"prob": {reply}}}')) for name, (reply, _) in ANSWERS.items()},
        **{name: solution(answering(reply)) for name, reply in KEYS.items()},
    }
    return attacked(folder, groups, sandbox="local")


def accuracy(course: Attacked, group: str) -> dict[str, object]:
    (finding,) = [candidate for candidate in course.marks[group]["findings"] if candidate["kind"] == "accuracy"]
    return finding


def states(course: Attacked, group: str) -> list[str | None]:
    """What the record holds of each case, in canonical order: None, or why it failed."""
    with sqlite3.connect(course.folder / ".medmark/ledger.sqlite") as ledger:
        query = "SELECT document FROM stage WHERE kind = 'answers' AND \"group\" = ?"
        ((document,),) = ledger.execute(query, (group,)).fetchall()
    document = json.loads(document)
    return [state and reason_words(state["reason"]) for state in document["states"]]


@pytest.mark.attack("F01", "pickles as weights, .h5, .npy of objects, bombs and a header of 10 TB in the repository")
def test_files_of_the_repository_are_never_opened(course, attack):
    marker = course.folder.parent / "marker"
    there = list((course.folder / ".medmark/checkouts/target/files").rglob("*.*"))
    held = next(path for path in there if path.name == "model.pkl")
    assert not marker.exists(), "marking has opened it"
    pickle.loads(held.read_bytes()).close()
    attack.fired(marker.exists(), "pickle.loads of the collected file makes the marker")
    marker.unlink()
    with pytest.raises((MemoryError, ValueError)):
        np.load(next(path for path in there if path.name == "lying.npy"))
    attack.came_to(f"{len(there) - 3} such files collected, {course.points('files'):g} points, none opened")
    assert len(there) > 15
    assert course.points("files") == course.points("honest") > 90
    assert not marker.exists()


@pytest.mark.attack("F12", "XML that expands a million times, SVG and HTML that run, YAML and LaTeX that execute")
def test_markup_is_never_parsed_and_never_shown(course, attack):
    expanded = ElementTree.fromstring(LAUGHS.format("e"))
    attack.fired(len(expanded.text or "") == 20_000, "four steps of it are 20 kB in Python's own parser")
    attack.came_to("collected as bytes, named nowhere on a page")
    assert b"window.MM" not in course.in_the_open()
    assert b"figure.svg" not in course.in_the_open()


@pytest.mark.attack("F03", "NaN in all answers but the certain ones, for a mean that leaves NaN out")
def test_nan_is_never_dropped(course, attack):
    good = np.nanmean([1.0] + [np.nan] * 9)
    attack.fired(good == 1.0, "np.nanmean of one right case and nine NaN is 1.0")
    failed = states(course, "nine-nan")
    points = course.points("nine-nan", "accuracy")
    attack.came_to(f"{failed.count(NOT_FINITE)} of {CASES} cases failed, {points:g} points")
    assert len(failed) == CASES
    assert failed.count(NOT_FINITE) >= CASES / 2
    assert points == 0


TRIES = {
    None: "minus zero, subnormal numbers and float16, where a toolkit failure would refuse or change them",
    RANGE: "numbers beyond 0 to 1, by a hair or by 308 orders",
    NOT_FINITE: "nothing but NaN, nothing but infinity",
    WRONG_TYPE: "labels 0/1 and 0/255, wrapped integers, complex numbers, objects, text, lists, pickles",
    WRONG_SHAPE: "(n, 1), (1, n), (n, n), none at all, one too many",
}


@pytest.mark.parametrize("reason", [
    pytest.param(reason, marks=pytest.mark.attack(f"F{number:02}", tries), id=reason or "as good")
    for number, (reason, tries) in enumerate(TRIES.items(), 5)
])  # fmt: skip
def test_every_case_of_every_answer_is_scored_or_failed_with_a_reason(course, attack, reason):
    y = np.repeat([0, 1], 50)
    names = [name for name, (_, expected) in ANSWERS.items() if expected == reason]
    p = y.astype(np.float32)
    careless_passes = [name for name in names if careless(eval(ANSWERS[name][0], {"np": np, "p": p}), y) >= 0.5]
    attack.fired(bool(careless_passes), f"the mean of (p > 0.5) == y takes {', '.join(careless_passes)}")
    points = {name: accuracy(course, name)["points"] for name in names}
    attack.came_to(f"{len(names)} answers: {reason or 'scored as what they are'}, {set(points.values())} points")
    for name in names:
        assert states(course, name) == [reason] * CASES, name
        assert course.marks[name]["status"] == "marked"
        assert course.points(name, "tests") == course.points("honest", "tests")
    if reason is None:
        assert set(points.values()) == {accuracy(course, "honest")["points"]}
        return
    for name in names:
        finding = accuracy(course, name)
        assert (finding["points"], finding["reason"]) == (0, reason)
        assert f"{CASES} of {CASES} answers failed" in str(finding["feedback"])


def careless(p: object, y: np.ndarray) -> float:
    """What the usual line of a scorer makes of an answer, of whatever shape; -1 where it stops."""
    try:
        with np.errstate(all="ignore"):
            return float(np.mean((np.asarray(p) > 0.5) == y))
    except (TypeError, ValueError):
        return -1


@pytest.mark.attack("F10", "keys too many, too few or other ones, a bare array, None: scored over what is there")
def test_a_reply_of_another_form_fails_every_case(course, attack):
    y = [1, 0, 1, 0]
    zipped = np.mean([a == b for a, b in zip([1], y, strict=False)])
    attack.fired(zipped == 1.0, "zip of one answer and four truths is 1.0")
    outcome = {name: states(course, name) for name in KEYS}
    attack.came_to("; ".join(f"{name}: {result[0]}" for name, result in outcome.items()))
    for name in KEYS:
        assert outcome[name] == [WRONG_TYPE] * CASES
        assert accuracy(course, name)["points"] == 0


OWN_METRIC = '''\
from graders.marks.words import reason_words
from graders.metrics import Metric


def soft(answers, truths, cases):
    """Soft Dice without a look at its range, as it is often written."""
    return 2 * (answers * truths) / (answers * answers * truths + 1e-3 + 0 * truths)


soft = Metric("soft", soft, level="per_case", better="higher", range=(0, 1), worst=0, reads="probability")
'''


@pytest.mark.attack("F13", "answers that carry an instructor's own metric beyond its range")
def test_a_metric_out_of_its_range_gives_no_points_and_takes_none(attack, tmp_path):
    target = tmp_path / "target"
    shutil.copytree(TARGET, target, ignore=shutil.ignore_patterns("__pycache__"))
    (target / "soft.py").write_text(OWN_METRIC)
    settings = (target / "assignment.toml").read_text()
    (target / "assignment.toml").write_text(settings.replace('"balanced_accuracy"', '"soft.py:soft"'))
    tricky = answering('{"prob": np.where(p > 0, 0.03, 0.0).astype(np.float32)}')
    course = attacked(tmp_path / "course", {"tricky": solution(tricky)}, sandbox="local", target=target)
    value = 2 * 0.03 / (0.03**2 + 1e-3)
    attack.fired(value > 1, f"the metric is {value:.0f} where 1 is the best there is")
    (finding,) = [candidate for candidate in course.marks["tricky"]["findings"] if candidate["kind"] == "accuracy"]
    attack.came_to(f"{course.marks['tricky']['status']}, {finding['reason']}: {finding['evidence'][:70]}")
    assert course.marks["tricky"]["status"] == "withheld"
    assert (finding["verdict"], finding["points"], finding["reason"]) == ("unknown", None, "metric")
    assert "outside 0 to 1" in finding["evidence"]
    assert course.outputs["grade"].code == 3
