"""How often the diagnosis names the right mistake, on solutions that no rehearsal has seen.

    python benchmarks/diagnosis.py [ID ...]                 patterns of one framework, seen in another; seconds
    python benchmarks/diagnosis.py ID --draw 3              the misconceptions again, with other inputs
    python benchmarks/diagnosis.py ID --pairs 20            two misconceptions at a time, drawn at random
    python benchmarks/diagnosis.py ID --wrong               wrong_solutions/ID.toml: second forms of each misconception,
                                                            and mistakes that are none of them
    ... --framework tensorflow                              where solutions run (not with --wrong); else the first one

Solutions run in the local sandbox: a minute for an MLP in PyTorch, ten for a U-Net. Ties count as wrong: a mistake is
first only if no other one fits as well. Of a sound solution, and of a mistake that is not listed, nothing is the right
answer.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from assignments.assignment import Assignment, Framework
from assignments.folders import CATALOGUE, catalogue
from assignments.load import hidden_tests, load, references
from assignments.misconceptions import Edit, Misconception
from graders.authoring.bench import opener
from graders.authoring.misconceptions import misconceptions
from graders.authoring.telling_apart import names_first, tried
from graders.marks.diagnosis import Diagnosis, KnownMistake, Parts, known_mistakes, likeliest
from graders.record.proof_status import recorded_patterns
from graders.record.rehearsal import pattern_of

WRONG = Path(__file__).parent / "wrong_solutions"
Solution = tuple[str, tuple[str, ...], str]
"""A name; the misconceptions that are in it; its text."""


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("ids", nargs="*")
    parser.add_argument("--framework")
    parser.add_argument("--draw", type=int)
    parser.add_argument("--pairs", type=int)
    parser.add_argument("--wrong", action="store_true")
    asked = parser.parse_args()
    for id in asked.ids or catalogue():
        assignment = load(CATALOGUE / id)
        known = known_mistakes(assignment)
        if not known:
            sys.exit(f"{id}: the rehearsal is not of the assignment as it is now; first: medmark rehearse {id}")
        framework = asked.framework or assignment.frameworks[0]
        reference = references(assignment)[framework].read_text(encoding="utf-8")
        items = misconceptions(assignment)
        if asked.draw is not None:
            solutions = [("sound", (), reference), *changed(items, framework, reference)]
            measure(f"{id}, draw {asked.draw}", assignment, framework, known, solutions, draw=asked.draw)
        if asked.pairs:
            pairs = list(in_pairs(items, framework, reference))
            drawn = random.Random(0).sample(pairs, min(asked.pairs, len(pairs)))
            measure(f"{id}, pairs", assignment, framework, known, drawn)
        if asked.wrong:
            first = assignment.frameworks[0]
            text = references(assignment)[first].read_text(encoding="utf-8")
            measure(f"{id}, wrong solutions", assignment, first, known, wrong_solutions(id, first, text))
        if asked.draw is None and not asked.pairs and not asked.wrong:
            across_frameworks(assignment, items)


def across_frameworks(assignment: Assignment, items: Sequence[Misconception]) -> None:
    """Each recorded pattern, by the patterns of the other frameworks."""
    tests = [test.id for test in hidden_tests(assignment)]
    all_tried = list(tried(items, recorded_patterns(assignment), tests))
    first = sum(each.is_first for each in all_tried)
    among = sum(each.mistake in [m for named in each.named for m in named.mistakes] for each in all_tried)
    print(f"{assignment.id}: first {first} of {len(all_tried)}, among three {among}")
    for each in all_tried:
        if not each.is_first:
            print(f"  {each.mistake.id} in {each.framework}: {names(each.named) or 'none named'}")


def changed(items: Sequence[Misconception], framework: Framework, text: str) -> Iterator[Solution]:
    """The reference with each misconception in it."""
    for item in items:
        if item.edits_for(framework):
            yield item.id, (item.id,), item.applied(framework, text)


def in_pairs(items: Sequence[Misconception], framework: Framework, text: str) -> Iterator[Solution]:
    """The reference with every two misconceptions in it that do not change the same lines."""
    for one, other in combinations([item for item in items if item.edits_for(framework)], 2):
        try:
            both = other.applied(framework, one.applied(framework, text))
        except ValueError:
            continue
        yield f"{one.id} + {other.id}", (one.id, other.id), both


def wrong_solutions(id: str, framework: Framework, reference: str) -> Iterator[Solution]:
    """Those of wrong_solutions/ID.toml, edits of the reference in the assignment's first framework."""
    for item in tomllib.loads((WRONG / f"{id}.toml").read_text(encoding="utf-8"))["wrong"]:
        edits = tuple(Edit(**edit) for edit in item["edits"])
        form = Misconception(id="form", title=item["name"], edits=edits, fails=("any",))
        yield item["name"], (item["of"],) if "of" in item else (), form.applied(framework, reference)


def measure(
    what: str,
    assignment: Assignment,
    framework: Framework,
    known: Sequence[KnownMistake],
    solutions: Iterable[Solution],
    draw: int = 0,
) -> None:
    """Ask each solution all hidden tests, and print what is diagnosed."""
    tests = [test.id for test in hidden_tests(assignment)]
    listed = {mistake.id for mistake in known}
    right, among, silent, wrong, of = 0, 0, 0, 0, 0
    with opener(assignment)(framework) as bench, tempfile.TemporaryDirectory() as scratch:
        for number, (name, ids, text) in enumerate(solutions):
            if not listed.issuperset(ids):
                continue
            folder = Path(scratch) / str(number)
            folder.mkdir()
            (folder / "solution.py").write_text(text, encoding="utf-8")
            seen: dict[str, Parts | None] = {
                test: None if result.verdict == "passed" else pattern_of(result.cause, result.line)
                for test, result in bench.check(folder, tests, draw).items()
            }
            named = likeliest(seen, known)
            is_first = names_first(named, ids) if ids else not named
            is_among = any({m.id for m in each.mistakes} == {*ids} for each in named) if ids else not named
            of, right, among = of + 1, right + is_first, among + is_among
            silent += bool(ids) and not named
            wrong += bool(named) and not {m.id for each in named[:1] for m in each.mistakes} <= {*ids}
            if not is_first:
                print(f"  {name}: {names(named) or 'none named'}", flush=True)
    print(f"{what}, {framework}: right {right} of {of}, among three {among}, silent {silent}, wrong {wrong}")


def names(named: Sequence[Diagnosis]) -> str:
    """The diagnoses by their ids."""
    return ", ".join(" + ".join(mistake.id for mistake in each.mistakes) for each in named)


if __name__ == "__main__":
    main()
