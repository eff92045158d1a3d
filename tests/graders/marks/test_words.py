"""Words are looked up when a page is rendered, so a better wording re-marks nothing."""

from pathlib import Path

import pytest

from graders.marks.words import REASON_WORDS, cause_words, reason_words
from graders.record.dependencies import dependencies
from graders.record.documents import Cause
from graders.record.keys import ROOTS


@pytest.mark.parametrize("stage", ROOTS)
def test_no_stage_depends_on_the_words_that_students_read(stage):
    files = dependencies(list(ROOTS[stage])).digests
    assert f"graders/{'scoring/score' if stage == 'scores' else 'failures'}.py" in files, "the walk sees files"
    assert not [file for file in files if file.startswith(("graders/marks/", "reports/"))]


@pytest.mark.parametrize("stage", ROOTS)
def test_no_file_of_a_stage_holds_a_sentence_that_students_read(stage):
    """A sentence that stood there would be stored, or its change would mark everything again."""
    sentences = [words for word, words in REASON_WORDS.items() if " " in words]
    assert len(sentences) > 20
    root = Path(__file__).parents[3]
    for file in dependencies(list(ROOTS[stage])).digests:
        if (root / file).is_file():
            text = (root / file).read_text(encoding="utf-8")
            assert [words for words in sentences if f'"{words}"' in text] == [], file


def test_a_cause_reads_with_function_exception_and_line():
    whole = Cause("raised", "ValueError", "solution.py:12", "fit")
    assert cause_words(whole) == "in fit: the call raised an exception (ValueError), at solution.py:12"
    assert cause_words(Cause("raised")) == "the call raised an exception"


def test_a_reason_of_tomorrow_is_its_own_word():
    assert reason_words("a reason of tomorrow") == "a reason of tomorrow"
