"""Time and memory of a leaderboard: python benchmarks/leaderboard.py [teams] [cases]

200 teams on 200 subjects with 2000 resamples: first the statistics of a matrix, then the whole page from marks.
"""

from __future__ import annotations

import resource
import sys
import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from assignments.load import find, load
from graders.marks.mark import Finding, Mark, Scored, Status, Verdict
from graders.record.documents import CaseScore, FalsePositives, Measured
from graders.scoring import intervals
from graders.scoring.ranking import ranking, scores_of_subjects
from reports.leaderboard import leaderboard_page


def values_of(teams: int, cases: int) -> np.ndarray:
    """Scores like Dice: subjects differ in difficulty, teams differ slightly, and each value has its own noise."""
    rng = np.random.default_rng(0)
    skill, difficulty = rng.normal(0, 0.015, (teams, 1)), rng.normal(0, 0.1, (1, cases))
    return np.clip(0.8 + skill + difficulty + rng.normal(0, 0.04, (teams, cases)), 0, 1)


def mark_of(number: int, values: np.ndarray) -> Mark:
    score = float(values.mean())
    cases = tuple(CaseScore(f"c{i}", f"s{i}", 0, v, v, "scored") for i, v in enumerate(values.tolist()))
    between = intervals.t_interval([values], [1.0])
    finding = Finding(
        "accuracy/dice", "accuracy", "accuracy", Verdict.PARTIAL, Decimal(20), Decimal(35),
        scored=Scored(
            "dice", "", score, between, "median", 1, len(cases), (), FalsePositives(0, 0), None, Fraction(4, 7), ()
        ),
        measured=Measured("dice", score, (score,), "median", between, case_count=len(cases), cases=cases),
    )  # fmt: skip
    return Mark("prostate_unet", f"g{number}", "c0ffee", Status.MARKED, Decimal(20), Decimal(100), (finding,), {})


def main(teams: int, cases: int) -> None:
    values = values_of(teams, cases)
    before = _peak_mb()
    began, cpu = time.perf_counter(), time.process_time()
    ranks = ranking(scores_of_subjects([values], "median", seed=1, shared=True), decimals=3)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    size = f"{teams} teams x {cases} subjects x {intervals.RESAMPLES} resamples"
    print(f"{size}: statistics {took:.2f} s ({cpu:.2f} CPU s), peak {_peak_mb():.0f} MB ({before:.0f} MB before)")
    print(f"  {max(team.tier for team in ranks.teams)} tiers; differences from {ranks.detectable:.4f} on are detected; "
          f"Kendall's tau {ranks.rank_then_mean:.3f} and {ranks.test_then_rank:.3f}")  # fmt: skip
    marks = [mark_of(number, row) for number, row in enumerate(values)]
    assignment = load(find("prostate_unet", Path.cwd()))
    leaderboard_page(marks[:2], assignment, names={m.group: m.group for m in marks})  # loads the templates
    began = time.perf_counter()
    page = leaderboard_page(marks, assignment, names={m.group: m.group for m in marks})
    print(f"  the page: {time.perf_counter() - began:.2f} s, {len(page) / 1e3:.0f} kB, peak {_peak_mb():.0f} MB")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3])) if len(sys.argv) > 2 else main(200, 200)
