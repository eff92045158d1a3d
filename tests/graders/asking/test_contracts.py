"""Contracts: sound references of every kind hold them, and each common mistake breaks its own, in a real worker."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest

from assignments.derived.interface import interface_text
from assignments.load import hidden_tests, references
from graders.asking.ceiling import ceiling
from graders.asking.check import CodeTests
from graders.authoring.bench import opener
from graders.authoring.misconceptions import misconceptions, write_solution
from graders.authoring.mutants import copy_reference, declared_names, mutants_of, write_mutant
from graders.marks.contract_mistakes import impossible_mistakes
from tests.assignments.contracts.examples import EXAMPLES, example

SOLUTIONS = [(id, framework) for id, (_, _, texts, _, _) in EXAMPLES.items() for framework in texts]
NOT_PROBED = {"one_output_map"}
"""Contracts that a NumPy solution cannot hold: its models have no probes."""


class Scene:
    """Every example, and an open bench for each that was used."""

    def __init__(self, folder):
        self.folder = folder
        self.stack = ExitStack()
        self.assignments = {id: example(folder, id) for id in EXAMPLES}
        self.benches = {}

    def results(self, id, framework, solution, names=None, draw=0):
        key = (id, framework)
        if key not in self.benches:
            self.benches[key] = self.stack.enter_context(opener(self.assignments[id])(framework))
        return self.benches[key].check(solution, names or list(self.assignments[id].contracts), draw)

    def reference(self, id, framework):
        folder = self.folder / "solutions" / id / framework
        return copy_reference(folder, references(self.assignments[id])[framework])

    def mistake(self, id, framework, mistake):
        folder = self.folder / "mistakes" / id / framework / mistake.id
        return write_solution(folder, mistake, framework, references(self.assignments[id])[framework])


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    scene = Scene(tmp_path_factory.mktemp("contracts"))
    with scene.stack:
        yield scene


@pytest.mark.slow
@pytest.mark.parametrize(("id", "framework"), SOLUTIONS)
def test_a_sound_solution_holds_every_contract_of_its_task(scene, id, framework):
    for draw in range(2):
        results = scene.results(id, framework, scene.reference(id, framework), draw=draw)
        failed = {name for name, result in results.items() if result.verdict != "passed"}
        assert failed == (NOT_PROBED & results.keys() if framework == "numpy" else set())


def test_a_sound_solution_holds_every_contract_where_drawn_cases_may_all_be_of_one_kind(scene):
    """Of eight cases of which one in five differs, all are alike in one draw of six."""
    for draw in range(6):
        results = scene.results("rare", "numpy", scene.reference("rare", "numpy"), draw=draw)
        assert {name: result.evidence for name, result in results.items() if result.verdict != "passed"} == {}, draw


@pytest.mark.slow
@pytest.mark.parametrize(("id", "framework"), SOLUTIONS)
def test_each_mistake_breaks_its_contract(scene, id, framework):
    assignment = scene.assignments[id]
    mistakes = [each for each in misconceptions(assignment) if each.edits_for(framework)]
    assert len(mistakes) >= len(assignment.contracts) - len(NOT_PROBED)
    for mistake in mistakes:
        (contract,) = mistake.fails
        result = scene.results(id, framework, scene.mistake(id, framework, mistake), [contract])[contract]
        assert result.verdict == "failed", f"{mistake.id} passes {contract}"
        assert result.cause.mistake in ("", mistake.id)


NAMED = ["dropout_never_off", "scaled_by_the_batch", "seed_ignored", "seed_fixed", "shuffles_in_place",
         "scales_in_place", "weights_not_loaded", "state_not_saved", "stays_in_memory", "output_map_twice",
         "output_map_in_the_model", "labels_ignored", "clipped_to_numbers"]  # fmt: skip


@pytest.mark.parametrize("mistake", NAMED)
def test_a_contract_names_the_mistake_that_broke_it(scene, mistake):
    one = next(each for each in misconceptions(scene.assignments["rows"]) if each.id == mistake)
    result = scene.results("rows", "pytorch", scene.mistake("rows", "pytorch", one), one.fails)[one.fails[0]]
    assert result.cause.mistake == mistake


def test_a_fixed_window_of_intensities_is_named_and_outlives_the_process_as_a_number_in_the_code_does(scene):
    one = next(each for each in misconceptions(scene.assignments["scans"]) if each.id == "fixed_window")
    results = scene.results("scans", "pytorch", scene.mistake("scans", "pytorch", one), ["units", "saved_and_loaded"])
    assert results["units"].cause.mistake == "fixed_window"
    assert results["saved_and_loaded"].verdict == "passed"


@pytest.mark.parametrize("mistake", ["batch_statistics_in_predict", "dropout_never_off"])
def test_what_stays_on_in_a_model_with_dropout_and_batch_normalisation_is_named(scene, mistake):
    one = next(each for each in misconceptions(scene.assignments["scans"]) if each.id == mistake)
    names = [*one.fails, "saved_and_loaded"]
    results = scene.results("scans", "pytorch", scene.mistake("scans", "pytorch", one), names)
    assert results[one.fails[0]].cause.mistake == mistake
    assert results["saved_and_loaded"].cause.mistake == ""


@pytest.mark.slow
@pytest.mark.parametrize("function", ["fit", "predict", "save", "load"])
def test_no_spoiled_function_holds_a_contract_that_uses_it(scene, function):
    """As a rehearsal asks of every hidden test."""
    assignment = scene.assignments["scans"]
    reference = references(assignment)["pytorch"]
    results = scene.results("scans", "pytorch", scene.reference("scans", "pytorch"))
    declared = declared_names(interface_text(assignment))
    for mutant, tests in mutants_of({name: r.names_used for name, r in results.items()}, declared).items():
        if mutant.function == function:
            folder = scene.folder / "mutants" / f"{mutant.function}-{mutant.kind}"
            solution = write_mutant(folder, mutant, declared[function], "pytorch", reference)
            passed = {n for n, r in scene.results("scans", "pytorch", solution, tests).items() if r.verdict == "passed"}
            assert passed == set(), str(mutant)


def test_a_contract_alone_gives_the_same_result_and_uses_the_same_functions(scene):
    solution = scene.reference("rows", "pytorch")
    together = scene.results("rows", "pytorch", solution)
    for name in ("same_seed_same_model", "saved_and_loaded", "units"):
        alone = scene.results("rows", "pytorch", solution, [name])[name]
        assert (alone.verdict, alone.names_used) == (together[name].verdict, together[name].names_used)
    assert together["saved_and_loaded"].names_used == ("fit", "load", "predict", "save")


def test_the_shared_model_is_trained_once_and_its_cpu_is_counted(scene):
    source = (scene.reference("rows", "numpy") / "solution.py").read_text()
    counted = source.replace(
        "    start = time.process_time()\n", "    start = time.process_time()\n    print('TRAINED')\n"
    )
    folder = scene.folder / "counted"
    folder.mkdir()
    (folder / "solution.py").write_text(counted)
    names = ["predicts_the_same_again", "alone_as_in_a_batch", "keeps_its_inputs"]
    results = scene.results("rows", "numpy", folder, names)
    assert "".join(result.printed for result in results.values()).count("TRAINED") == 1
    assert sum(result.cpu_s for result in results.values()) > 0


@pytest.mark.parametrize(("framework", "budget_s"), [("numpy", 5), ("tensorflow", 10)])
def test_tensorflow_gets_the_time_that_the_graph_of_its_first_step_takes(scene, framework, budget_s):
    source = (scene.reference("rows", "numpy") / "solution.py").read_text()
    folder = scene.folder / f"budget-{framework}"
    folder.mkdir()
    line = "    start = time.process_time()\n"
    (folder / "solution.py").write_text(source.replace(line, f"{line}    print('BUDGET', budget_s)\n"))
    name = "predicts_the_same_again"
    result = scene.results("rows", framework, folder, [name])[name]
    assert (result.verdict, result.printed.split()) == ("passed", ["BUDGET", f"{budget_s:.1f}"])


def test_a_training_that_fails_fails_each_test_that_needs_it_for_its_own_reason(scene):
    folder = scene.folder / "raises"
    folder.mkdir()
    text = (scene.reference("rows", "numpy") / "solution.py").read_text()
    (folder / "solution.py").write_text(text.replace("    start = time.process_time()\n", "    raise KeyError\n"))
    results = scene.results("rows", "numpy", folder, ["units", "keeps_its_inputs", "keeps_its_budget"])
    assert {result.verdict for result in results.values()} == {"failed"}
    assert {result.cause.reason for result in results.values()} == {"raised"}


def test_the_worker_that_saved_has_ended_when_another_one_loads(scene):
    """Else both could exchange the model past the files."""
    folder = scene.folder / "alive"
    folder.mkdir()
    text = (scene.reference("maps", "numpy") / "solution.py").read_text()
    text = text.replace(
        "    np.save(", "    (Path(folder) / 'pid').write_text(str(__import__('os').getpid()))\n    np.save("
    )
    alive = "    __import__('os').kill(int((Path(folder) / 'pid').read_text()), 0)\n    return np.load("
    (folder / "solution.py").write_text(text.replace("    return np.load(", alive))
    result = scene.results("maps", "numpy", folder, ["saved_and_loaded"])["saved_and_loaded"]
    assert (result.cause.reason, result.cause.kind) == ("raised", "ProcessLookupError")


def test_a_mistake_that_a_reference_cannot_have_is_said(scene):
    lines = impossible_mistakes(scene.assignments["maps"])
    assert (
        "saved_and_loaded: state_not_saved cannot be made in numpy: its model has no state beside its weights" in lines
    )


def test_small_cases_and_the_trained_model_serve_hidden_tests_of_an_author(tmp_path):
    assignment = example(tmp_path, "rows")
    (assignment.folder / "hidden_tests").mkdir()
    (assignment.folder / "hidden_tests" / "test_own.py").write_text(
        "import numpy as np\nimport pytest\nfrom assignments.testing import close, needs\n\n\n"
        "@pytest.fixture\ndef cases(small_cases, rng):\n    return small_cases(40, rng)\n\n\n"
        "@pytest.mark.points(1)\ndef test_class_1_is_likelier(trained, cases):\n"
        '    """Cases of class 1 get the higher values."""\n'
        "    prob = trained.predict(cases)['prob']\n"
        "    needs(np.ptp(prob) > 0.1, 'it learns first', mend='units')\n"
        "    assert prob[cases['y'] == 1].mean() > 0.3 + prob[cases['y'] == 0].mean()\n"
        "    assert close(trained.forward(cases) > 0, prob > 0.5)\n"
        "    assert len(trained.train['y']) == 96\n"
    )
    tests = {test.id: test for test in hidden_tests(assignment)}
    assert list(tests)[:2] == ["predicts_the_same_again", "alone_as_in_a_batch"]
    own = tests["test_own.py::test_class_1_is_likelier"]
    assert (own.trains, own.draws, own.fixtures) == (True, True, {"trained", "small_cases", "rng"})
    solution = copy_reference(tmp_path / "solution", references(assignment)["pytorch"])
    with opener(assignment)("pytorch") as bench:
        results = bench.check(solution, [own.id, "units"])
    assert {result.verdict for result in results.values()} == {"passed"}


def test_a_source_that_raises_is_no_fault_of_the_solution(tmp_path):
    assignment = example(tmp_path, "maps")
    path = assignment.folder / "cases.py"
    path.write_text(path.read_text().replace("def draw(n, rng):", "def draw(n, rng):\n    raise OSError('gone')"))
    solution = copy_reference(tmp_path / "solution", references(assignment)["numpy"])
    with opener(assignment)("numpy") as bench:
        result = bench.check(solution, ["units"])["units"]
    assert (result.verdict, result.cause.reason) == ("unknown", "data")


def test_a_contracts_file_is_the_toolkits_and_a_tests_file_the_authors(tmp_path):
    code_tests = CodeTests("id", tmp_path, None, None, b"s")
    assert code_tests.file("units").name == "units.py"
    assert code_tests.file("test_a.py::units") == tmp_path / "test_a.py"
    assert np.all([code_tests.file(name).is_file() for name in ("units", "saved_and_loaded")])


def test_files_with_names_that_lead_out_are_refused_and_nothing_is_written(scene):
    """The solution has replaced the code that reads its folder: the host checks every name once more."""
    folder = scene.folder / "names"
    folder.mkdir()
    text = (scene.reference("maps", "numpy") / "solution.py").read_text()
    hostile = (
        "import sys\nfor each in list(sys.modules.values()):\n    if hasattr(each, 'files_in'):\n"
        "        each.files_in = lambda *_: {'../../escaped': np.zeros(3, np.uint8)}\n"
    )
    (folder / "solution.py").write_text(f"{text}\n\n{hostile}")
    result = scene.results("maps", "numpy", folder, ["saved_and_loaded"])["saved_and_loaded"]
    assert result.cause.reason == "protocol_violation"
    assert not list(scene.folder.parent.rglob("escaped"))


def test_all_contracts_share_one_worker_in_the_ceiling(scene):
    assignment = scene.assignments["lengths"]
    limits = assignment.limits
    cost = ceiling(assignment, list(assignment.contracts), repeats=0)
    assert cost.cpu_s == len(assignment.contracts) * limits.test_cpu_s + limits.shared_cpu_s
