"""Hidden tests: passed only if pytest saw them through; otherwise the result says who is responsible."""

import math
import os
import re
import textwrap
import time

import numpy as np
import pytest

from assignments.assignment import Limits
from assignments.interface import read_interface
from assignments.testing import close
from graders.asking.check import CodeTests, run_tests
from graders.failures import LOADED_HOST
from graders.record.documents import Cause
from graders.wall.session import Session
from tests.scripted import ScriptedChannel, Student, keeper_reply

INTERFACE = """
from assignments.interface import Model
def twice(x: float) -> float: ...
def count() -> int: ...
"""
HEAD = """
import numpy as np
import pytest
from assignments.testing import close, needs, points_to
from graders.failures import Raised
"""


def counter():
    counter.calls += 1
    return counter.calls


def twice(x):
    return 2 * x


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "interface.py").write_text(INTERFACE)
    (tmp_path / "tests").mkdir()
    return tmp_path


@pytest.fixture
def ask(folder):
    """Runs test functions given as source: `ask("def test_a(student): ...")` -> documents by the test's name."""

    def ask(body, names=None, *, solution=None, secret=b"s3cret", script=None, file="test_x.py", **more):
        (folder / "tests" / file).write_text(HEAD + textwrap.dedent(body))
        counter.calls = 0
        script = script or Student(solution or {"twice": twice, "count": counter}, **more)
        test_names = names or re.findall(r"^def (test_\w+)", textwrap.dedent(body), re.MULTILINE)
        with ScriptedChannel(script) as channel:
            session = Session(channel, Limits())
            session.begin()
            code_tests = CodeTests("tiny", folder / "tests", read_interface(folder / "interface.py"), Limits(), secret)
            docs = run_tests(session, code_tests, [name if "::" in name else f"{file}::{name}" for name in test_names])
        ask.verbs = getattr(script, "verbs", [])
        return {name.partition("::")[2]: doc for name, doc in docs.items()}

    return ask


def only_result(docs):
    (doc,) = docs.values()
    return doc


RIGHT = "assert close(student.twice(2.0), 4.0)"


def test_a_test_that_holds_has_passed(ask):
    doc = only_result(ask(f"def test_a(student):\n    {RIGHT}"))
    assert (doc.verdict, doc.cause, doc.names_used) == ("passed", None, ("twice",))
    assert doc.cpu_s > 0


FAILING = {
    "a wrong answer": ("assert close(student.twice(2.0), 5.0)", "wrong_answer"),
    "no exception where one was due": (
        "with pytest.raises(Raised):\n        student.twice(2.0)",
        "wrong_answer",
    ),
    "pytest.fail": ("pytest.fail('no')", "wrong_answer"),
    "a comparison of kinds": ("assert student.twice(2.0)[0]", "not_usable"),
    "SystemExit": (f"{RIGHT}\n    raise SystemExit(0)", "not_usable"),
    "pytest.skip": ("pytest.skip('no')", "not_run"),
    "importorskip": ("pytest.importorskip('no_such_library')", "not_run"),
    "pytest.xfail": ("pytest.xfail('no')", "not_run"),
}


@pytest.mark.parametrize("how", FAILING)
def test_what_has_not_passed_and_why(ask, how):
    body, reason = FAILING[how]
    doc = only_result(ask(f"def test_a(student):\n    {body}"))
    assert (doc.verdict, doc.cause) == ("failed", Cause(reason))


@pytest.mark.parametrize(
    "mark", ["skip", "skipif(True, reason='')", "xfail", "xfail(strict=True)", "parametrize('n', [1, 2])"]
)
@pytest.mark.parametrize("body", [RIGHT, "assert False"])
def test_no_mark_turns_a_test_into_a_pass(ask, mark, body):
    argument = ", n" if "parametrize" in mark else ""
    doc = ask(f"@pytest.mark.{mark}\ndef test_a(student{argument}):\n    {body}", ["test_a"])["test_a"]
    assert doc.verdict != "passed"


def test_a_failing_setup_or_teardown_is_no_pass(ask):
    docs = ask(f"""
        @pytest.fixture
        def before(): raise ValueError("before")

        @pytest.fixture
        def after():
            yield
            raise ValueError("after")

        def test_before(before, student): {RIGHT}
        def test_after(after, student): {RIGHT}
        def test_sound(student): {RIGHT}
    """, ["test_before", "test_after", "test_sound"])  # fmt: skip
    assert [doc.verdict for doc in docs.values()] == ["failed", "failed", "passed"]
    assert "before" in docs["test_before"].evidence
    assert "after" in docs["test_after"].evidence


def test_a_name_that_stands_twice_or_not_at_all_is_no_pass(ask):
    body = f"def test_a(student): {RIGHT}\nclass TestX:\n    def test_a(self, student): {RIGHT}"
    docs = ask(body, ["test_a", "test_b"])
    assert [doc.verdict for doc in docs.values()] == ["failed", "failed"]
    assert docs["test_b"].cause == Cause("not_run")


def test_only_named_tests_run(ask):
    docs = ask("def test_a(student): student.count()\ndef test_b(student): student.count()", ["test_b"])
    assert list(docs) == ["test_b"]
    assert counter.calls == 1


@pytest.mark.parametrize("line", ["1 / 0", "import no_such_library", "def f(:", "pytest.exit('no')"])
def test_a_file_that_cannot_be_collected_is_a_toolkit_failure(ask, line):
    doc = only_result(ask(f"def test_a(student): {RIGHT}\n{line}", ["test_a"]))
    assert (doc.verdict, doc.cause) == ("unknown", Cause("internal"))


def test_a_missing_file_is_a_toolkit_failure(ask):
    assert only_result(ask("", ["test_gone.py::test_a"])).verdict == "unknown"


def test_a_run_that_is_left_early_leaves_the_rest_unknown(ask):
    docs = ask(f"def test_a(student): {RIGHT}\ndef test_b(student): pytest.exit('no')\ndef test_c(student): {RIGHT}")
    assert [doc.verdict for doc in docs.values()] == ["passed", "unknown", "unknown"]


def test_ctrl_c_is_the_persons_at_the_keyboard(ask):
    with pytest.raises(KeyboardInterrupt):
        ask("def test_a(student): raise KeyboardInterrupt")


# Whose fault


def test_a_submissions_failure_is_stored_with_its_reason(ask):
    reply = keeper_reply("died", stopped="cpu")
    doc = only_result(ask(f"def test_a(student): {RIGHT}", calls=lambda head: reply))
    assert (doc.verdict, doc.cause) == ("failed", Cause("cpu_limit"))


@pytest.mark.parametrize(
    "body",
    [
        RIGHT,
        "with pytest.raises(Exception):\n        student.twice(2.0)",
        "try:\n        student.twice(2.0)\n    except Exception:\n        assert False",
    ],
)
def test_a_session_that_was_lost_is_unknown_even_to_a_test_that_expects_an_exception(ask, body):
    docs = ask(f"def test_a(student):\n    {body}\ndef test_b(student):\n    {RIGHT}", calls=lambda head: b"\xff" * 16)
    for doc in docs.values():
        assert (doc.verdict, doc.cause) == ("unknown", Cause("engine"))


def test_a_session_lost_later_does_not_change_what_was_found_before(ask):
    questions = []

    def lose_second(head):
        questions.append(head)
        return b"\xff" * 16 if len(questions) > 1 else None

    docs = ask(f"def test_a(student): {RIGHT}\ndef test_b(student): {RIGHT}", calls=lose_second)
    assert [doc.verdict for doc in docs.values()] == ["passed", "unknown"]


@pytest.mark.parametrize(
    ("waited_s", "cpu_s", "flags"), [(70.0, 0.1, (LOADED_HOST,)), (70.0, 19.0, ()), (0.0, 0.1, ())]
)
def test_a_wall_limit_on_a_loaded_host_is_flagged(ask, waited_s, cpu_s, flags):
    reply = keeper_reply("died", stopped="wall", wall_s=80.0, cpu_s=cpu_s, waited_s=waited_s)
    doc = only_result(ask(f"def test_a(student): {RIGHT}", calls=lambda head: reply))
    assert (doc.verdict, doc.flags) == ("failed", flags)


def test_prints_and_strays_go_to_staff(ask):
    class Printing(Student):
        def __call__(self, head, body):
            if head["verb"] == "end":
                return keeper_reply("ended", b"hello staff", strays=3)
            return super().__call__(head, body)

    doc = only_result(ask(f"def test_a(student): {RIGHT}", script=Printing({"twice": twice})))
    assert (doc.verdict, doc.cause, doc.flags) == ("passed", None, ("left 3 processes behind",))
    assert "hello staff" in doc.printed


# Fixtures


def test_each_test_has_a_worker_of_its_own_and_a_file_shares_one(ask):
    ask(f"""
        def test_1(student): {RIGHT}
        def test_2(shared_student): shared_student.twice(1.0)
        def test_3(student): {RIGHT}
        def test_4(shared_student): shared_student.twice(1.0)
        def test_5(student): pass
    """, ["test_1", "test_2", "test_3", "test_4", "test_5"])  # fmt: skip
    assert ask.verbs.count("worker") == 3
    assert ask.verbs.count("end") == 3


def test_tests_run_in_the_order_of_the_file(ask):
    docs = ask("""
        def test_z(shared_student): assert shared_student.count() == 1
        def test_a(shared_student): assert shared_student.count() == 2
    """, ["test_a", "test_z"])  # fmt: skip
    assert [doc.verdict for doc in docs.values()] == ["passed", "passed"]


@pytest.mark.parametrize("compared", [
    '"\\n".join(f"line {i}." for i in range(3000)) == "\\n".join(f"line {i}!" for i in range(3000))',
    "np.zeros((6,) * 8, np.uint8) is None",  # of as many axes as may cross
    '{str(i): np.zeros((6,) * 8, np.uint8) for i in range(100)} == {}',
    "[[[[[[[[0] * 100] * 100] * 100]]]]] == []",
    '["long" * 1000] * 10_000 == []',
])  # fmt: skip
def test_evidence_costs_little_and_is_short_whatever_is_compared(ask, monkeypatch, compared):
    monkeypatch.setenv("CI", "true")  # where pytest shortens nothing
    monkeypatch.setattr("_pytest.assertion.util._reprcompare", None)  # of this test's own pytest
    began = time.process_time()
    doc = only_result(ask(f"def test_a(student):\n    assert {compared}"))
    assert time.process_time() - began < 2
    assert doc.cause == Cause("wrong_answer")
    assert doc.evidence.startswith("AssertionError: assert ")
    assert len(doc.evidence) < 6001


def test_evidence_shows_both_sides_of_a_comparison(ask):
    doc = only_result(ask("def test_a(student):\n    assert student.twice(2.0) == 5"))
    assert doc.evidence.startswith("AssertionError: assert 4.0 == 5")


def test_what_could_not_be_asked_has_failed_with_its_reason_and_what_to_mend(ask):
    body = "needs(student.twice(1.0) == 3, 'it has to learn first', mend='test_x.py::test_b')"
    doc = only_result(ask(f"def test_a(student):\n    {RIGHT}\n    {body}\n    assert False"))
    assert (doc.verdict, doc.line) == ("failed", 2)
    assert doc.cause == Cause("not_asked", text="it has to learn first", mend="test_x.py::test_b")


def test_a_result_says_at_which_line_of_the_test_it_ended_wherever_the_test_stands(ask):
    body = """
        def wrong(student):
            assert student.twice(1.0) == 3

        @pytest.fixture
        def broken(student):
            assert student.twice(1.0) == 3

        @pytest.mark.points(2)
        def test_a(student):
            wrong(student)

        def test_b(broken):
            pass
    """
    assert {name: doc.line for name, doc in ask(body).items()} == {"test_a": 2, "test_b": None}


def test_what_is_needed_and_holds_asks_the_question(ask):
    doc = only_result(ask(f"def test_a(student):\n    needs(True, 'it has to learn first')\n    {RIGHT}"))
    assert doc.verdict == "passed"


def test_a_wrong_answer_is_stored_with_its_relation_and_the_authors_hint(ask):
    body = """
        def test_a(student):
            assert close(
                [student.twice(1.0), student.twice(2.0)],
                [6, 12],
                hint="the mean, not the sum",
            )
    """
    assert only_result(ask(body)).cause == Cause("wrong_answer", "factor", text="the mean, not the sum")


def test_the_very_answer_of_a_misconception_is_named_and_one_of_several_is_not(ask):
    body = """
        def test_a(student):
            assert close(student.twice(2.0), 5, mistaken={"squares": 4, "cubes": 8})
        def test_b(student):
            assert close(student.twice(2.0), 5, mistaken={"squares": 4, "adds_two": 4})
        def test_c(student):
            assert close(student.twice(2.0), 5, mistaken={"cubes": 8, "a_list": [4]})
    """
    assert {name: doc.cause.mistake for name, doc in ask(body).items()} == {
        "test_a": "squares", "test_b": "", "test_c": ""
    }  # fmt: skip


def test_a_failure_is_named_by_the_sign_of_a_misconception_and_by_no_other(ask):
    body = """
        def test_sign(student):
            points_to("cubes", True)
            assert close(student.twice(2.0), 5)
        def test_no_sign(student):
            points_to("cubes", False)
            assert student.twice(2.0) == 5
        def test_bare_assertion(student):
            points_to("cubes", True)
            assert student.twice(2.0) == 5
        def test_two_signs(student):
            points_to("cubes", True)
            points_to("squares", True)
            assert student.twice(2.0) == 5
        def test_the_very_answer_is_better_evidence(student):
            points_to("cubes", True)
            assert close(student.twice(2.0), 5, mistaken={"squares": 4})
        def test_the_sign_of_another_test_is_forgotten(student):
            assert student.twice(2.0) == 5
        def test_needs(student):
            points_to("cubes", True)
            needs(False, "it has to learn first")
        def test_no_answer(student):
            points_to("cubes", True)
            student.count()
    """
    assert {name: doc.cause.mistake for name, doc in ask(body, solution={"twice": twice}).items()} == {
        "test_sign": "cubes", "test_no_sign": "", "test_bare_assertion": "cubes", "test_two_signs": "",
        "test_the_very_answer_is_better_evidence": "squares", "test_the_sign_of_another_test_is_forgotten": "",
        "test_needs": "cubes", "test_no_answer": "cubes",
    }  # fmt: skip


def test_a_mistaken_answer_that_is_not_a_number_shows_with_the_right_answer():
    with pytest.raises(TypeError, match="compares numbers, not float64 with float64 with <U4"):
        close(2.0, 2.0, mistaken={"squares": "four"})


def test_a_comparison_that_was_meant_not_to_hold_explains_nothing(ask):
    body = """
        def test_a(student):
            assert not close([student.twice(1.0), student.twice(2.0)], [6, 12])
            assert student.twice(1.0) == 3
        def test_b(student):
            assert student.twice(1.0) == 3
    """
    assert {doc.cause for doc in ask(body).values()} == {Cause("wrong_answer")}


def test_tests_with_workers_of_their_own_run_before_those_that_share_one(ask):
    docs = ask("""
        def test_1(shared_student): assert shared_student.count() == 2
        def test_2(student): assert student.count() == 1
        def test_3(shared_student): assert shared_student.count() == 3
    """)
    assert [doc.verdict for doc in docs.values()] == ["passed", "passed", "passed"]
    assert ask.verbs == ["begin", "worker", "call", "end", "worker", "call", "call", "end"]


def test_without_fork_the_tests_of_a_file_share_a_worker(ask):
    ask(f"def test_a(student): {RIGHT}\ndef test_b(student): {RIGHT}", forks=False)
    assert ask.verbs.count("worker") == 1


DRAW = "def test_a(rng, student): student.twice(rng.random())\ndef test_b(rng, student): student.twice(rng.random())"


def test_random_numbers_are_the_tests_own_and_the_courses(ask):
    def drawn(secret):
        numbers = []

        def note(x):
            numbers.append(x)
            return x

        ask(DRAW, solution={"twice": note}, secret=secret)
        return numbers

    first = drawn(b"one")
    assert len(set(first)) == 2
    assert drawn(b"one") == first
    assert not set(drawn(b"two")) & set(first)


def test_the_chance_of_a_solution_is_the_tests_own_and_the_courses(ask):
    def seeds(secret, names):
        script = Student({"twice": twice})
        ask(DRAW, names, script=script, secret=secret)
        return script.seeds

    first = seeds(b"one", ["test_a", "test_b"])
    assert len(set(first)) == 2
    assert seeds(b"one", ["test_b"]) == first[1:]  # whichever tests ran before
    assert not set(seeds(b"two", ["test_a", "test_b"])) & set(first)


# Alone


def test_the_users_own_pytest_options_do_not_matter(ask, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k nothing --maxfail=1")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    docs = ask(f"def test_a(student): assert False\ndef test_b(student): {RIGHT}")
    assert [doc.verdict for doc in docs.values()] == ["failed", "passed"]
    assert os.environ["PYTEST_ADDOPTS"] == "-k nothing --maxfail=1"


def test_no_plug_in_of_another_package_sees_a_hidden_test(ask, monkeypatch):
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", raising=False)
    held = "'hypothesispytest' in request.config.pluginmanager.list_name_plugin().__repr__()"
    doc = only_result(ask(f"def test_a(student, request): assert not {held}"))
    assert doc.verdict == "passed", doc
    assert "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in os.environ


def test_an_edited_test_is_the_one_that_runs(ask, folder):
    assert only_result(ask("def test_a(student): assert False")).verdict == "failed"
    assert only_result(ask("def test_a(student): assert  True")).verdict == "passed"


def test_a_conftest_beside_the_tests_is_not_read(ask, folder):
    (folder / "tests" / "conftest.py").write_text("raise RuntimeError")
    (folder / "tests" / "pytest.ini").write_text("[pytest]\naddopts = -k nothing")
    assert only_result(ask(f"def test_a(student): {RIGHT}")).verdict == "passed"


# close()


@pytest.mark.parametrize(
    ("answer", "expected", "ways", "verdict"),
    [
        (1.0, 1, {}, True),
        (1.0000009, 1.0, {}, True),
        (1.000002, 1.0, {}, False),
        (0.0, 1e-9, {}, False),
        (0.0, 1e-9, {"atol": 1e-8}, True),
        (1.1, 1.0, {"rtol": 0.2}, True),
        (np.float16([0.1]), np.array([0.1]), {"atol": 1e-4}, True),
        (np.array([True]), np.array([1]), {}, True),
        (np.array([250, 3], np.uint8), np.array([3, 250], np.uint8), {}, False),
        ([1, 2], (1.0, 2.0), {}, True),
        (np.zeros(0), np.zeros(0), {}, False),
        (np.zeros(0), 0.3, {}, False),
        (np.zeros((3, 1)), np.zeros(3), {}, False),
        (0.5, np.full(3, 0.5), {}, False),
        (np.full(1, 0.5), 0.5, {}, False),
        (math.nan, math.nan, {}, False),
        (math.nan, 0.0, {"atol": math.inf}, False),
        (0.0, math.inf, {}, False),
        (-math.inf, math.inf, {}, False),
        (math.inf, math.inf, {}, True),
        (math.inf, 0.0, {"rtol": 1.0}, False),
    ],
)
def test_close(answer, expected, ways, verdict):
    assert close(answer, expected, **ways) is verdict


@pytest.mark.parametrize("answer", ["1", None, [1, "a"], 1j, object()])
def test_close_compares_numbers_only(answer):
    with pytest.raises(TypeError):
        close(answer, 1.0)
