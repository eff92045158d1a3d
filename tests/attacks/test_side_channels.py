"""Class S: what order, headers, time and surroundings could tell a solution, with no label in sight."""

import dataclasses
import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from assignments.interface import read_interface
from assignments.load import hidden_tests, public_tests
from graders.asking.check import CodeTests, run_tests
from graders.wall.sandboxes import SANDBOXES
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session
from tests.attacks.course import RIGHT, TARGET
from tests.attacks.scripted_target import ASSIGNMENT, HIDDEN, SECRET, scored, true_class
from tests.attacks.walls import WALL, behind_the_wall
from tests.scripted import taken_apart

SOLUTIONS = Path(__file__).parent / "solutions"
SORTED = np.argsort(HIDDEN.truth, kind="stable")
CLASS_BY_CLASS = dataclasses.replace(
    HIDDEN,
    truth=HIDDEN.truth[SORTED],
    inputs={name: array[SORTED] for name, array in HIDDEN.inputs.items()},
    cases=tuple(HIDDEN.cases[index] for index in SORTED),
)
"""The worst that an author can do: hidden cases that lie in the source class by class."""


@pytest.mark.attack("S17", "predicts from the position of a case, where the source lies class by class")
def test_a_position_says_nothing_of_a_class_over_20_commits(attack, tmp_path):
    n = len(CLASS_BY_CLASS.cases)

    def by_position():
        seen = iter(range(n))
        return lambda x: {"prob": np.array([float(next(seen) >= n // 2) for _ in x])}

    second_half = next(iter([by_position()]))(np.zeros((n, 3)))["prob"]
    naive = float((second_half == CLASS_BY_CLASS.truth).mean())
    attack.fired(naive == 1.0, f"accuracy {naive:g} where files are listed as they lie")
    got = [scored(tmp_path, by_position(), hidden=CLASS_BY_CLASS, commit=f"{i:040x}") for i in range(20)]
    # Of 480 draws of a fair coin, 3 standard errors are 0.068.
    attack.came_to(f"mean {np.mean(got):.3f} over 20 commits, from {min(got):.2f} to {max(got):.2f}")
    assert abs(np.mean(got) - 0.5) < 3 * 0.5 / np.sqrt(20 * n)


def heads(hidden, store):
    """What the requests for single cases say beside the numbers of their arrays, case by case with its class."""
    heads_seen = []

    def note(head, body):
        if head["verb"] == "call":
            request, arrays, _ = taken_apart(body)
            if request["name"] == "predict":
                keeper = {key: value for key, value in head.items() if key != "id"}
                rest = {key: value for key, value in request.items() if key != "id"}
                row = np.frombuffer(arrays, np.float32)
                heads_seen.append((int(row[0] > 2), repr((keeper, rest, len(arrays)))))

    single = ASSIGNMENT.model_copy(update={"data": ASSIGNMENT.data.model_copy(update={"per_call": 1})})
    scored(store, lambda x: {"prob": true_class(x)}, hidden=hidden, assignment=single, note=note)
    return heads_seen


@pytest.mark.attack("S18", "reads a class from headers, dtypes, sizes, names or order of what it is given")
def test_all_that_a_solution_is_given_beside_the_numbers_is_equal_across_classes(attack, tmp_path):
    files = [struct.pack("<I80s", 80, b"patient" if y else b"healthy volunteer") for y in HIDDEN.truth]
    naive = float(np.mean([int(b"patient" in file[4:]) == y for file, y in zip(files, HIDDEN.truth, strict=True)]))
    attack.fired(naive == 1.0, "accuracy 1 from the description in the header of a file")
    heads_seen = heads(HIDDEN, tmp_path)
    attack.came_to(f"{len(heads_seen)} requests of both classes, {len({text for _, text in heads_seen})} header")
    assert {label for label, _ in heads_seen} == {0, 1}
    assert len(heads_seen) == len(HIDDEN.cases)
    assert len({text for _, text in heads_seen}) == 1


def requests_of(predict, store):
    """Every request of a run as the sandbox sees it, without its random numbers."""
    seen = []

    def note(head, body):
        keeper = {key: value for key, value in head.items() if key != "id"}
        text = b""
        if body:
            # Taken apart, because the length of a frame's head depends on how many digits its random number has.
            request, arrays, _ = taken_apart(body)
            text = repr({key: value for key, value in request.items() if key != "id"}).encode() + bytes(arrays)
        seen.append((repr(keeper), text))

    scored(store, predict, note=note)
    return seen


@pytest.mark.attack("S23", "learns from what it is asked next whether the answer before was right")
def test_no_question_depends_on_an_answer(attack, tmp_path):
    def stops_at_the_first_mistake(answers):
        return next((i for i, (a, y) in enumerate(zip(answers, HIDDEN.truth, strict=True)) if a != y), len(answers))

    learned = np.zeros(len(HIDDEN.truth))
    for _ in range(len(learned)):
        index = stops_at_the_first_mistake(learned)
        if index < len(learned):
            learned[index] = 1 - learned[index]
    attack.fired(bool((learned == HIDDEN.truth).all()), "a grader that stops at a mistake gives every label away")
    right = requests_of(lambda x: {"prob": true_class(x)}, tmp_path)
    wrong = requests_of(lambda x: {"prob": 1 - true_class(x)}, tmp_path)
    attack.came_to(f"{len(right)} requests to a right and {len(wrong)} to a wrong solution, equal byte by byte")
    assert right == wrong


def surroundings(sandbox, folder):
    """What a solution sees in each test of a folder: (hidden or public, what it printed)."""
    solution = folder / "solution"
    solution.mkdir(mode=0o755, exist_ok=True)
    spy = (SOLUTIONS / "S20_looks_around.py").read_text(encoding="utf-8")
    (solution / "solution.py").write_text(f"{RIGHT}\n\n{spy}", encoding="utf-8")
    seen = {}
    with SANDBOXES[sandbox]().open(SandboxSpec(solution, "numpy", ASSIGNMENT.limits, course=str(folder))) as channel:
        session = Session(channel, ASSIGNMENT.limits, solution)
        session.begin()
        for kind, tests in (("hidden", hidden_tests(ASSIGNMENT)), ("public", public_tests(ASSIGNMENT))):
            interface = read_interface(TARGET / "interface.py")
            code_tests = CodeTests("target", TARGET / f"{kind}_tests", interface, ASSIGNMENT.limits, SECRET)
            docs = run_tests(session, code_tests, [test.id for test in tests])
            seen[kind] = {text for doc in docs.values() for text in re.findall(r"LOOT (.*)", doc.printed)}
    return seen


@behind_the_wall
@pytest.mark.attack("S20", "behaves only where it seems to be marked")
def test_a_public_and_a_hidden_test_in_a_container_look_alike(attack, images, tmp_path):
    images("numpy")
    contained, local = surroundings(WALL, tmp_path), surroundings("local", tmp_path)
    attack.fired(local["hidden"] != contained["hidden"], "it does tell the local sandbox from a container")
    kinds = len(json.loads(next(iter(contained["hidden"]))))
    attack.came_to(f"{kinds} kinds of surroundings, environment to descriptors, equal in both")
    assert len(contained["hidden"]) == 1
    assert contained["hidden"] == contained["public"]
