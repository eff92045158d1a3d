"""Calibration: what an assignment's references and trivial baselines score, so that its anchors rest on runs.

It is the heavy step of a rehearsal: every reference is trained on five draws, asked exactly as a submission is, and
the scores are stored in calibration.json with the key of what they were computed from. It sets no anchor.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, median

from assignments.assignment import Accuracy, Assignment, Framework
from assignments.data import sources
from assignments.errors import UserError
from assignments.interface import read_interface
from assignments.load import overridden, references
from graders.authoring.bench import drawn, opener, scored, secret_of
from graders.authoring.mutants import copy_reference
from graders.marks.mark import share
from graders.metrics import metric_named
from graders.record.answers import Answers
from graders.record.keys import code_digest, digest_of, metric_versions, task_digest
from graders.record.rehearsal import Gap
from graders.tasks import task_named
from graders.wall.wire import WIRE

FILE = "calibration.json"
DRAWS = 5

Scores = Mapping[str, Sequence[float]]
"""By accuracy criterion: the score on each draw."""


@dataclass(frozen=True)
class Calibration:
    """Scores of references and baselines on the calibration draws."""

    key: str
    """Of all that they were computed from."""
    references: Mapping[str, Scores]
    """By framework."""
    baselines: Mapping[str, Scores]
    """By name."""
    standard_error: Mapping[str, float]
    """By criterion: of one score on one hidden set."""
    cpu_s: Mapping[str, Sequence[float]]
    """By framework: CPU seconds of each run."""
    versions: Mapping[str, Mapping[str, str]]
    """By framework: what it was run with."""


def accuracies(assignment: Assignment) -> tuple[Accuracy, ...]:
    """The criteria that need a calibration."""
    return tuple(item for item in assignment.criteria if isinstance(item, Accuracy))


def held(assignment: Assignment) -> tuple[Framework, ...]:
    """The frameworks whose references have to prove themselves.

    Beside PyTorch and TensorFlow, NumPy is there for comparison: its models cannot be probed, and it may be the
    classic method that deep learning is measured against.
    """
    deep = tuple(name for name in assignment.frameworks if name != "numpy")
    return deep or assignment.frameworks


def calibrate(
    assignment: Assignment,
    *,
    frameworks: Sequence[str] | None = None,
    told: Callable[[str, int, int], None] = lambda text, done, of: None,
) -> Calibration:
    """Train every reference on every draw, score the baselines, and store both in the assignment's folder.

    Each framework is stored as soon as it is done; what is stored already and still fresh is kept for the others.

    Raises:
        UserError: a reference made no model, or left cases without an answer.
    """
    found = references(assignment)
    chosen = [name for name in found if frameworks is None or name in frameworks]
    key = key_of(assignment)
    kept, _ = stored(assignment)
    if kept is None or kept.key != key:
        kept = Calibration(key, {}, baseline_scores(assignment), {}, {}, {})
    for number, framework in enumerate(chosen):

        def begun(draw: int, before: int = number * DRAWS, framework: str = framework) -> None:
            told(f"{framework}: draw {draw + 1}", before + draw, len(chosen) * DRAWS)

        kept = _with_framework(kept, assignment, framework, found[framework], begun)
        text = json.dumps(asdict(kept), indent=2) + "\n"
        (assignment.folder / FILE).write_text(text, encoding="utf-8")
    return kept


def _with_framework(
    kept: Calibration, assignment: Assignment, framework: Framework, reference: Path, begun: Callable[[int], None]
) -> Calibration:
    """The calibration with one reference trained on every draw."""
    asked = overridden(assignment, run={"mode": "retrain", "seeds": 1})
    scores: dict[str, list[float]] = {}
    errors: dict[str, list[float]] = {}
    cpu_s: list[float] = []
    with tempfile.TemporaryDirectory(prefix="medmark-calibrate-") as scratch, opener(asked)(framework) as bench:
        solution = copy_reference(Path(scratch) / framework, reference)
        for draw in range(DRAWS):
            begun(draw)
            documents, answers = bench.scores(asked, solution, draw=draw)
            unanswered = [state for state in answers["states"] if state is not None]
            if answers["verdict"] != "passed" or unanswered:
                told = answers["told"] or f"{len(unanswered)} cases without an answer: {unanswered[0]['told']}"
                raise UserError(f"{reference}, draw {draw + 1}: {told}\n{answers['evidence']}")
            cpu_s.append(round(answers["cpu_s"], 1))
            for name, document in documents.items():
                scores.setdefault(name, []).append(round(document["score"], 5))
                low, high = document["interval"] or (0.0, 0.0)  # None where every case scored the same
                errors.setdefault(name, []).append((high - low) / 3.92)
        versions = bench.versions
    return replace(
        kept,
        references={**kept.references, framework: scores},
        standard_error={**kept.standard_error, **{name: round(fmean(v), 5) for name, v in errors.items()}},
        cpu_s={**kept.cpu_s, framework: cpu_s},
        versions={**kept.versions, framework: versions},
    )


def stored(assignment: Assignment) -> tuple[Calibration | None, str]:
    """The stored calibration, fresh or stale; without one, why not."""
    path = assignment.folder / FILE
    try:
        return Calibration(**json.loads(path.read_text(encoding="utf-8"))), ""
    except FileNotFoundError:
        return None, "is missing"
    except (ValueError, TypeError) as error:
        return None, f"cannot be read: {error}"


def key_of(assignment: Assignment) -> str:
    """SHA-256 over what the scores depend on: references, data, run, metrics and the wire's version.

    How frames are carried changes no answer, so `graders/wall/inside` counts by its version alone.
    """
    criteria = accuracies(assignment)
    return digest_of(
        references={name: code_digest(path) for name, path in references(assignment).items()},
        data=assignment.data.model_dump(mode="json", exclude={"path"}),
        source=[code_digest(path) for path in _source_files(assignment)],
        run=assignment.run.model_dump(mode="json"),
        interface=code_digest(assignment.folder / "interface.py"),
        task=task_digest(assignment.task),
        metrics=sorted({version for c in criteria for version in metric_versions(c, assignment.folder)}),
        wire=WIRE,
        draws=[hashlib.sha256(secret_of(draw)).hexdigest() for draw in range(DRAWS)],
    )


def gaps(assignment: Assignment) -> list[Gap]:
    """What the stored calibration does not prove."""
    if not accuracies(assignment):
        return []
    cure = f"medmark rehearse {assignment.id} --calibrate"
    calibration, why = stored(assignment)
    if calibration is None:
        return [Gap("calibration", FILE, why, cure)]
    if calibration.key != key_of(assignment):
        return [Gap("calibration", FILE, "was computed from other references, data, run or metrics", cure)]
    found = []
    for framework in (name for name in references(assignment) if name in held(assignment)):
        runs = calibration.references.get(framework)
        if runs is None:
            found.append(Gap("calibration", framework, "was not calibrated", cure))
            continue
        for criterion in accuracies(assignment):
            found += _below_distinction(criterion, framework, runs.get(criterion.id, ()))
    return found


def _below_distinction(criterion: Accuracy, framework: str, scores: Sequence[float]) -> Iterator[Gap]:
    anchor = criterion.anchors.distinction
    rising = criterion.anchors.trivial < criterion.anchors.ceiling
    for draw, value in enumerate(scores, 1):
        if (value < anchor) if rising else (value > anchor):
            what = f"scores {value:.4f} in {criterion.metric} on calibration draw {draw}; distinction is {anchor}"
            yield Gap("calibration", framework, what, "improve the reference, or move the anchor")


def baseline_shares(assignment: Assignment) -> dict[str, float]:
    """Share of the accuracy points that each trivial baseline earns: the median over the draws.

    Without a stored calibration one draw is scored now.
    """
    criteria = accuracies(assignment)
    if not criteria:
        return {}
    calibration, _ = stored(assignment)
    found = calibration.baselines if calibration else baseline_scores(assignment, draws=1)
    possible = sum(criterion.points for criterion in criteria)
    shares = {}
    for name, scores in found.items():
        earned = 0.0
        for criterion in criteria:
            typical = median(scores.get(criterion.id, [criterion.anchors.trivial]))
            earned += criterion.points * float(share(criterion.anchors, assignment.level, typical))
        shares[f"baseline: {name}"] = earned / possible
    return shares


def baseline_scores(assignment: Assignment, draws: int = DRAWS) -> dict[str, dict[str, list[float]]]:
    """Scores of answers that look at no input, by name and criterion."""
    asked = overridden(assignment, run={"mode": "retrain", "seeds": 1})
    interface = read_interface(assignment.folder / "interface.py")
    task = task_named(assignment.task)
    found: dict[str, dict[str, list[float]]] = {}
    for draw in range(draws):
        hidden = drawn(asked, interface, draw)
        for name, answer in task.blind(hidden.train, hidden.truth).items():
            for id, document in scored(asked, hidden, Answers({task.answer: answer})).items():
                found.setdefault(name, {}).setdefault(id, []).append(round(document["score"], 5))
    return found


def proposal(assignment: Assignment) -> Iterator[str]:
    """Anchors that the stored calibration speaks for, a line a criterion; an author decides.

    Distinction is the worst reference run less one standard error of a hidden set, pass the best baseline and one
    standard error, merit half-way, reference the median run.
    """
    calibration, _ = stored(assignment)
    for criterion in accuracies(assignment) if calibration else ():
        assert calibration is not None
        metric = metric_named(criterion.metric, assignment.folder, criterion.costs)
        sign = 1 if metric.better == "higher" else -1
        by_framework = {name: scores[criterion.id] for name, scores in calibration.references.items()}
        runs = [sign * score for name in held(assignment) for score in by_framework.get(name, ())]
        if not runs:
            continue
        blind = [sign * median(scores[criterion.id]) for scores in calibration.baselines.values()]
        error = calibration.standard_error.get(criterion.id, 0.0)
        distinction, passing = min(runs) - error, max(blind) + error
        best = sign * metric.range[1 if sign == 1 else 0]
        middle = median(runs)
        anchors = {
            "trivial": max(blind),
            "pass": passing,
            "merit": (passing + distinction) / 2,
            "distinction": distinction,
            "reference": middle,
            "ceiling": min(best, middle + 2 * (middle - distinction)),
        }
        words = ", ".join(f"{name} = {sign * value:.3f}" for name, value in anchors.items())
        for name, scores in by_framework.items():
            listed = ", ".join(f"{score:.4f}" for score in scores)
            yield f"calibration of {criterion.id} in {name}: {listed}"
        yield f"  anchors it speaks for: {{ {words} }}"
        if passing >= distinction:
            yield "  it does not tell references from baselines: enlarge the hidden set, or drop the criterion"


def _source_files(assignment: Assignment) -> list[Path]:
    """The code that draws the cases."""
    home = Path(sources.__file__).parent
    name = assignment.data.source
    if ":" in name:
        own = assignment.folder / name.partition(":")[0]
    else:
        own = home / f"{sources.SOURCES[name].__module__.rpartition('.')[2]}.py"
    return [home.parent / "streams.py", home.parent / "hidden.py", own]
