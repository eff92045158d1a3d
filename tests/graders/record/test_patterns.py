"""What of a rehearsal's patterns is recorded: reasons always, further failing tests only if the author says so."""

from graders.record.patterns import may_fail, no_longer, of_tests, updated
from graders.record.rehearsal import Pattern

FAILS = {"twice": ["a"]}


def pattern(framework, **failed):
    return Pattern("twice", framework, {test: (why,) for test, why in failed.items()})


def test_a_further_failure_is_recorded_only_if_the_author_says_so():
    seen = [pattern("numpy", a="wrong", b="raised")]
    assert updated([], seen, FAILS, record=False) == (pattern("numpy", a="wrong"),)
    assert updated([], seen, FAILS, record=True) == tuple(seen)


def test_what_is_recorded_in_one_framework_may_fail_in_the_others():
    recorded, seen = [pattern("pytorch", a="wrong", b="raised")], [pattern("tensorflow", a="wrong", b="line 3")]
    assert may_fail(recorded) == {"twice": {"a", "b"}}
    assert updated(recorded, seen, FAILS, record=False) == tuple(seen)


def test_reasons_are_renewed_and_what_did_not_fail_this_time_stays():
    recorded = [pattern("numpy", a="wrong", b="raised")]
    assert updated(recorded, [pattern("numpy", a="line 9")], FAILS, record=False) == (
        pattern("numpy", a="line 9", b="raised"),
    )
    assert list(no_longer(recorded, [pattern("numpy", a="line 9")], FAILS)) == [
        "patterns: twice in numpy did not fail b this time, as proofs/patterns.json records"
    ]
    assert list(no_longer(recorded, recorded, FAILS)) == []


def test_a_test_that_must_fail_and_passes_is_not_kept_as_if_it_failed():
    assert updated([pattern("numpy", a="wrong")], [pattern("numpy")], FAILS, record=True) == (pattern("numpy"),)


def test_misconceptions_and_frameworks_that_are_gone_are_forgotten():
    recorded = [Pattern("gone", "numpy", {"a": ("wrong",)}), pattern("pytorch", a="wrong")]
    assert updated(recorded, [pattern("numpy", a="wrong")], FAILS, record=True) == (pattern("numpy", a="wrong"),)


def test_tests_that_are_gone_are_forgotten():
    recorded = [pattern("numpy", a="wrong", renamed="raised")]
    assert of_tests(recorded, ["a", "b"]) == (pattern("numpy", a="wrong"),)
