"""What of a rehearsal runs with `--only`: names of solutions and of hidden tests narrow it down."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from assignments.errors import UserError, nearest

REFERENCE, STARTER = "reference", "starter"


@dataclass(frozen=True)
class Selection:
    """Named solutions run the named tests. Without a solution's name all solutions run; without a test's, all tests."""

    names: tuple[str, ...] = ()
    """As they were typed; none for a whole rehearsal."""
    tests: frozenset[str] = frozenset()
    misconceptions: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    """Those whose mutants run."""
    special: frozenset[str] = frozenset()
    """`REFERENCE` and `STARTER`, if they are named."""

    @property
    def all_solutions(self) -> bool:
        """Whether no solution is named."""
        return not (self.misconceptions or self.functions or self.special)

    def takes(self, kind: Collection[str], name: str) -> bool:
        """Whether a solution runs, which is one of its kind's names."""
        return self.all_solutions or name in kind


EVERYTHING = Selection()


def selected(
    names: Iterable[str], tests: Collection[str], misconceptions: Collection[str], functions: Collection[str]
) -> Selection:
    """What some names mean. A test may be named without its file.

    Raises:
        UserError: a name is of nothing that a rehearsal runs; the text has the nearest one.
    """
    short = {id.rpartition("::")[2]: id for id in tests}
    typed = tuple(names)
    every = {*tests, *short, *misconceptions, *functions, REFERENCE, STARTER}
    for name in typed:
        if name not in every:
            kinds = "a misconception, a hidden test, a function of the interface, `reference` or `starter`"
            raise UserError(f"--only {name}: a rehearsal has nothing of this name ({kinds}); {nearest(name, every)}")
    return Selection(
        typed,
        frozenset(short.get(name, name) for name in typed if name in {*tests, *short}),
        frozenset(typed) & frozenset(misconceptions),
        frozenset(typed) & frozenset(functions),
        frozenset(typed) & {REFERENCE, STARTER},
    )
