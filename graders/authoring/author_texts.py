"""Whether an author's own texts reveal hidden values: students read hints, what `needs` says and advice on mistakes."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np

from assignments.assignment import Assignment
from assignments.declared_tests import DeclaredTest
from assignments.derived.brief import brief_text
from assignments.derived.interface import interface_text
from assignments.derived.starter import starter_texts
from assignments.misconceptions import MISCONCEPTIONS_FILE, Misconception
from graders.asking.check import WRONG
from graders.metrics import Floats
from graders.record.documents import TestResult
from graders.record.rehearsal import Gap

NUMBER: Final = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?:/\d+|\s?%)?(?![\w/])")
"""Such as 0.69, -3e-5, 2/3 and 70 %."""
COUNTS: Final = 10
"""Whole numbers below it count and name axes: they reveal nothing."""

Expected = Callable[[str, str, int], "Floats | None"]
"""(misconception, test, draw): what a test expects by the comparison that fails for a misconception with inputs of that
draw; None if it ends otherwise."""


@dataclass(frozen=True)
class Revealed:
    """A number that students read, and that a hidden test expects whatever is drawn."""

    test: str
    word: str
    """The number as it is written."""
    misconception: str = ""
    """Whose advice names it; empty if the test's own hint does."""

    def gap(self) -> Gap:
        """The same as a gap of the rehearsal."""
        if self.misconception:
            what = f"`told` or `try_it` names {self.word}, which {self.test} expects whatever is drawn"
            cure = f"say it in {MISCONCEPTIONS_FILE} without the value: students read it"
            return Gap("misconception", self.misconception, what, cure)
        what = f"its hint names {self.word}, which it expects whatever is drawn"
        return Gap("test", self.test, what, "say it without the value: students read the hint")


@dataclass(frozen=True)
class AuthorTexts:
    """The texts that students read of an assignment's hidden tests, while they are rehearsed."""

    assignment: Assignment
    tests: Mapping[str, DeclaredTest]

    def unwritten(self, results: Iterable[tuple[str, TestResult]]) -> Iterator[Gap]:
        """A gap for each test that says what is not written out in its file: such a text could hold a hidden value."""
        seen: set[str] = set()
        for test, result in results:
            text = result.cause.text if result.cause else ""
            if not text or test in seen:
                continue
            declared = self.tests[test]
            if text not in _texts_of(declared.source) | _texts_of(declared.surroundings):
                seen.add(test)
                what = f"says to a student what does not stand in its file: {text!r}"
                cure = "write the text of `hint` and `needs` out in the call, without values"
                yield Gap("test", test, what, cure, "every assignment")

    def revealing(
        self, failures: Iterable[tuple[Misconception, Mapping[str, TestResult]]], expected: Expected
    ) -> Iterator[Revealed]:
        """Each number that a test expects whatever is drawn, and that its hint or the advice on a mistake names.

        Args:
            failures: For each misconception, the results of the tests.
            expected: Runs a test once more.
        """
        seen: set[tuple[str, str]] = set()
        for mistake, results in failures:
            advice = f"{mistake.title}\n{mistake.feedback}\n{mistake.try_it}"
            for test, result in results.items():
                if result.cause is None or result.cause.reason != WRONG:
                    continue
                public = f"{self.tests[test].docstring}\n{self._public}"
                texts = [text for text in (result.cause.text, advice) if text and (test, text) not in seen]
                seen |= {(test, text) for text in texts}
                numbers = {text: words for text in texts if (words := private_numbers(text, public))}
                first = expected(mistake.id, test, 0) if numbers else None
                numbers = {text: likely for text, words in numbers.items() if (likely := revealed(words, first, None))}
                second = expected(mistake.id, test, 1) if numbers else None  # a test that trains takes seconds
                for text, words in numbers.items():
                    for word in revealed(words, first, second):
                        yield Revealed(test, word, mistake.id if text == advice else "")

    @cached_property
    def _public(self) -> str:
        """What students hold of the assignment in words and code: its numbers need not be hidden."""
        folder = self.assignment.folder
        files = sorted((folder / "public_tests").rglob("*.py"))
        texts = [brief_text(self.assignment), interface_text(self.assignment)]
        texts += [*(file.read_text(encoding="utf-8") for file in files), *starter_texts(self.assignment).values()]
        return "\n".join(texts)


def private_numbers(text: str, public: str) -> tuple[str, ...]:
    """The numbers in a text, as they are written there, that do not stand in what is public."""
    of_public = {value for _, value, _ in _numbers(public)}
    numbers = [(word, value) for word, value, _ in _numbers(text) if not (value.is_integer() and abs(value) < COUNTS)]
    return tuple(dict.fromkeys(word for word, value in numbers if value not in of_public))


def revealed(words: Iterable[str], first: Floats | None, second: Floats | None) -> tuple[str, ...]:
    """Those of some numbers that a test expects with any inputs, to the digits that are written.

    Args:
        words: Numbers as they are written.
        first: What the test expected with some inputs, flat; None if it ended otherwise.
        second: The same with other inputs.
    """
    expected = _constants(first, second)
    return tuple(
        word
        for word in words
        for _, value, half_a_digit in _numbers(word)
        if (np.abs(expected - value) <= half_a_digit + 1e-9 * abs(value)).any()
    )


def _constants(first: Floats | None, second: Floats | None) -> Floats:
    """The expected numbers that are the same with other inputs; those of one comparison if there is no other."""
    if first is None:
        return np.zeros(0)
    others = first if second is None else second
    return first[np.isclose(first, others, rtol=1e-9, atol=0)] if first.shape == others.shape else np.zeros(0)


def _numbers(text: str) -> Iterator[tuple[str, float, float]]:
    """Each number of a text: as written, its value, and half a unit of its last digit; a whole number is exact."""
    for match in NUMBER.finditer(text):
        word = match[0]
        number, _, divisor = word.removesuffix("%").strip().partition("/")
        scale = 100.0 if word.endswith("%") else float(divisor or 1)
        if scale == 0:
            continue
        mantissa, _, exponent = number.lower().partition("e")
        decimals = len(mantissa.partition(".")[2])
        is_rounded = decimals > 0 or exponent != "" or word.endswith("%")
        yield word, float(number) / scale, 0.5 * 10.0 ** (int(exponent or 0) - decimals) / scale if is_rounded else 0.0


@lru_cache(maxsize=512)
def _texts_of(source: str) -> frozenset[str]:
    """Every text that is written out in some source."""
    nodes = ast.walk(ast.parse(source))
    return frozenset(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
