"""`[contracts]` and `[trained]`: what cannot be asked is a problem of loading, with its cure."""

import pytest

from assignments.contracts import CONTRACTS
from assignments.errors import UserError
from assignments.folders import CONTRACTS as FOLDER
from assignments.load import hidden_tests, load
from graders.tasks import TASKS
from tests.assignments.contracts.examples import write_example


@pytest.fixture
def problems(tmp_path):
    """The problems of the example `rows` after edits: pairs of old and new text of a file."""

    def problems(*edits, id="rows", file="assignment.toml"):
        folder = tmp_path / id if (tmp_path / id).exists() else write_example(tmp_path, id)
        path = folder / file
        text = path.read_text()
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)
        try:
            load(folder, tasks=TASKS)
        except UserError as error:
            return str(error)
        return ""

    return problems


UNITS = 'units = { points = 1, scale = "columns" }'
WRONG = {
    "a name that does not exist": (("saved_and_loaded =", "saved_and_loadet ="), "saved_and_loaded"),
    "no points": ((UNITS, 'units = { points = 0, scale = "columns" }'), "contracts.units.points"),
    "points that do not add up": ((UNITS, 'units = { points = 2, scale = "columns" }'), "add up to 11"),
    "an option that is missing": ((UNITS, "units = { points = 1 }"), 'write scale = "columns"'),
    "an option of another contract": ((UNITS, UNITS.replace(" }", ", cases = 3 }")), "takes scale"),
    "an option that does not exist": ((UNITS, UNITS.replace("scale", "scales")), "unknown key"),
    "a criterion that does not exist": ((UNITS, UNITS.replace(" }", ', criterion = "x" }')), "criterion = \"tests\""),
    "no shared model": (("[trained]\ncases = 96\nbudget_s = 5\n", ""), "add [trained]"),
    "trainings that take too long": (("budget_s = 5\n[contracts]", "budget_s = 50\n[contracts]"), "shared_cpu_s = 360"),
    "a budget that its worker does not have": (("budget_s = 0.5", "budget_s = 30"), "test_cpu_s = 41"),
    "a function that students get as it is": (('task = "cl', 'given = ["save", "load"]\ntask = "cl'), "out of given"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_with_its_cure(problems, what):
    edit, cure = WRONG[what]
    text = problems(edit)
    assert cure in text
    assert "assignment.toml" in text


def test_a_sound_assignment_has_no_problem(problems):
    assert problems() == ""


def test_the_graph_of_tensorflow_counts_where_it_is_offered(problems):
    """Six trainings of 15 s, with a fifth of margin, are 108 s; of 20 s they are 144 s. A worker has 120."""
    longer = ("budget_s = 5\n[contracts]", "budget_s = 15\n[contracts]")
    assert problems(longer) == ""
    text = problems(('"numpy"]', '"tensorflow"]'))
    assert "6 trainings of 20 s exceed limits.shared_cpu_s = 120" in text
    assert "write shared_cpu_s = 144" in text


def test_a_contract_that_the_task_does_not_allow_is_refused(problems):
    more = "one_output_map = { points = 1 }\n[[criterion]]"
    text = problems(("points = 7\n", "points = 8\n"), ("[[criterion]]", more), id="maps")
    assert "cannot be asked of the task label_maps: its answers do not hold probabilities" in text
    assert "classification, multilabel, segmentation" in text


def test_a_function_that_a_contract_calls_must_be_declared(problems):
    text = problems(("def save(model: Model, folder: str) -> None: ...\n", ""), file="interface.py")
    assert "saved_and_loaded" in text
    assert "declare save" in text


def test_an_entry_point_of_single_cases_takes_no_batch(problems):
    text = problems(('"n 5"', '"1 5"'), file="interface.py")
    assert "alone_as_in_a_batch" in text
    assert 'declare a name such as "n"' in text


def test_contracts_come_first_in_the_order_of_the_file_with_their_own_words(tmp_path):
    folder = write_example(tmp_path, "rows")
    path = folder / "assignment.toml"
    path.write_text(path.read_text().replace(UNITS, UNITS.replace(" }", ', says = "Inches or metres." }')))
    tests = hidden_tests(load(folder, tasks=TASKS))
    assert [test.id for test in tests][:2] == ["predicts_the_same_again", "alone_as_in_a_batch"]
    by_id = {test.id: test for test in tests}
    assert by_id["units"].docstring == "Inches or metres."
    assert by_id["saved_and_loaded"].docstring.startswith("A model that was saved and loaded again")
    assert {(test.points, test.criterion, test.contract) for test in tests} == {(1, "tests", True)}


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_is_a_test_with_a_sentence_and_mistakes_that_say_what_to_do(name):
    contract = CONTRACTS[name]
    assert (FOLDER / f"{name}.py").is_file()
    assert contract.mistakes
    for mistake in contract.mistakes:
        assert min(map(len, (mistake.title, mistake.advice, mistake.try_it))) > 20


def test_ids_of_mistakes_are_unique():
    ids = [mistake.id for contract in CONTRACTS.values() for mistake in contract.mistakes]
    assert len(ids) == len(set(ids))


TEST = 'def test_it({}):\n    """It holds."""\n    assert True\n'


@pytest.mark.parametrize(
    ("folder", "arguments", "cure"),
    [
        ("public_tests", "trained", "only hidden tests can"),
        ("public_tests", "small_cases, rng", "draw arrays from rng"),
        ("hidden_tests", "trained, student", "ask trained.student"),
        ("hidden_tests", "trained, shared_student", "ask trained.student"),
    ],
)
def test_a_test_that_cannot_use_a_fixture_is_refused(problems, tmp_path, folder, arguments, cure):
    folder = write_example(tmp_path, "rows") / folder
    folder.mkdir()
    mark = "import pytest\n\n\n@pytest.mark.points(1)\n" if folder.name == "hidden_tests" else ""
    (folder / "test_it.py").write_text(mark + TEST.format(arguments))
    assert cure in problems()


def test_students_load_an_assignment_without_the_contracts(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "assignments.contracts", None)  # an import of it fails
    folder = write_example(tmp_path, "rows")
    assert set(load(folder, public=True).contracts) == set(CONTRACTS)
