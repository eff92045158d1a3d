"""A public test and its result: it moves no mark, and a student reads all of it."""

from __future__ import annotations

from dataclasses import dataclass

from assignments.declared_tests import DeclaredTest
from graders.marks.words import cause_words
from graders.record.documents import TestResult


@dataclass(frozen=True)
class PublicTestResult:
    """One public test and its result."""

    test: DeclaredTest
    result: TestResult

    @property
    def passed(self) -> bool:
        """Whether it passed."""
        return self.result.verdict == "passed"

    @property
    def feedback(self) -> str:
        """Why it did not pass: everything but the stack frames."""
        if self.result.cause is None:
            return ""
        why, message = cause_words(self.result.cause), self.result.cause_detail.strip()
        return "\n".join(filter(None, [why, message if message not in why else "", self.result.printed])).strip()
