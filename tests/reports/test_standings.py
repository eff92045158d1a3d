"""What a cohort's marks give the leaderboard: the same subjects for all, failures at their worst, utilities."""

from decimal import Decimal

import numpy as np
import pytest

from graders.marks.findings import HandedIn, MarkDecisions, mark_of
from graders.metrics.ranking import placements
from graders.record.documents import CaseScore, JobResult, Measured, ScoreResult
from graders.scoring.intervals import packed
from reports.leaderboard import leaderboard_page
from reports.standings import ranked_groups
from tests.reports.hand_made import accuracy, assignment, mark, not_submitted
from tests.reports.pages import Page

ANCHORS = {"trivial": 0.52, "pass": 0.62, "merit": 0.71, "distinction": 0.79, "reference": 0.81, "ceiling": 0.9}
TERMS = [
    {"metric": "dice", "weight": 0.75, "floor": 0.5, "target": 0.9},
    {"metric": "hd95", "weight": 0.25, "floor": 60, "target": 10},
]


def only_accuracy(**changes):
    criterion = {"id": "accuracy", "kind": "accuracy", "points": 100, "metric": "dice", "anchors": ANCHORS}
    return assignment(criterion=[criterion | changes.pop("accuracy", {})], **changes)


def measured(values, failed=(), repeat=0, **more):
    """One metric, with a case of the value 0 for each that failed."""
    cases = tuple(
        CaseScore(f"SECRET-{i}", f"s{i // 2}", repeat, None, 0.0, "failed", "cpu_limit") if i in failed
        else CaseScore(f"SECRET-{i}", f"s{i // 2}", repeat, v, v, "scored")
        for i, v in enumerate(values)
    )  # fmt: skip
    mean = float(np.mean([case.value for case in cases] or [0]))
    given = {"score": mean, "interval": (mean - 0.02, mean + 0.02), "combine": "median", "repeats": (mean,)}
    given |= {"cases": cases, "case_count": len(cases), "subjects": len(cases) // 2}
    return Measured("dice", **given | more)


def marked(of, group, metric, also=None):
    result = JobResult(scores={"accuracy": ScoreResult("passed", measured=metric, also=also or {})})
    return mark_of(of, (), HandedIn(group, "c0ffee"), result, MarkDecisions(), {})


def field(of, marks):
    return ranked_groups(marks, of, of.criterion("accuracy"), 3)


def values(seed, shift=0.0, n=40):
    return np.clip(0.8 - shift + np.random.default_rng(seed).normal(0, 0.03, n), 0, 1).tolist()


def test_groups_are_ranked_by_the_means_of_their_subjects_with_failures_at_their_worst():
    of = only_accuracy()
    marks = [marked(of, "a", measured(values(1))), marked(of, "b", measured(values(2), failed=range(10)))]
    ranked = field(of, marks)
    assert [s.rank for s in ranked.ranking.teams] == [1, 2]
    assert [(e.failed, e.answer_count) for e in ranked.groups] == [(0, 40), (10, 40)]
    assert ranked.ranking.subjects == 20
    assert ranked.ranking.teams[1].behind == pytest.approx(ranked.groups[1].score - ranked.groups[0].score)


def test_groups_with_other_subjects_have_an_order_and_no_statistics():
    of = only_accuracy()
    ranked = field(of, [marked(of, "a", measured(values(1))), marked(of, "b", measured(values(1, n=38)))])
    assert len(ranked.groups) == 2
    assert ranked.ranking is None
    assert field(assignment(), [mark("a"), mark("b", accuracy=accuracy(0.7))]).ranking is None


def test_a_metric_of_the_whole_set_is_ranked_by_its_kept_resamples():
    of = only_accuracy(accuracy={"metric": "auroc"})
    noise = np.random.default_rng(3).normal(0, 0.02, 2000)

    def auroc(score, **more):
        drawn = packed(score + noise + np.random.default_rng(int(1000 * score)).normal(0, 0.002, 2000))
        given = {"score": score, "case_count": 60, "subjects": 60, "drawn": drawn, "bootstrap_seed": 7}
        return measured((), **given | more)

    marks = [marked(of, "a", auroc(0.8)), marked(of, "b", auroc(0.9))]
    other = marked(of, "c", auroc(0.85, bootstrap_seed=8))
    ranked = field(of, marks)
    assert [(s.rank, s.tier) for s in ranked.ranking.teams] == [(2, 2), (1, 1)]
    assert field(of, [*marks, other]).ranking is None


def test_areas_whose_placements_are_kept_by_every_group_are_compared_by_delongs_test():
    of = only_accuracy(accuracy={"metric": "auroc"})
    rng = np.random.default_rng(3)
    truths = np.arange(60) % 2
    noise, drawn = rng.normal(0, 1, 60), rng.normal(0.8, 1e-6, 2000)  # of resamples every difference would be told

    def auroc(skill, keep=True):
        above, below = placements(skill * truths + noise + rng.normal(0, 0.3, 60), truths)
        kept = (packed(above), packed(below)) if keep else None
        return measured((), score=float(above.mean()), case_count=60, subjects=60, bootstrap_seed=7,
                        drawn=packed(drawn + above.mean()), placements=kept)  # fmt: skip

    good, alike, poor = (marked(of, name, auroc(skill)) for name, skill in (("a", 1.5), ("b", 1.5), ("c", 0.1)))
    ranked = field(of, [good, alike, poor]).ranking
    assert [s.tier for s in ranked.teams] == [1, 1, 2]
    assert "DeLong" in ranked.test
    # A group that was scored before they were kept: then the resamples of all.
    older = marked(of, "d", auroc(0.2, keep=False))
    assert "DeLong" not in field(of, [good, alike, poor, older]).ranking.test


def test_a_utility_is_made_subject_by_subject_and_shows_its_parts():
    of = only_accuracy(accuracy={"also": ["hd95"]}, leaderboard={"utilities": TERMS})
    near = measured([10.0, 10.0, 35.0, 35.0])
    far = measured([10.0, 10.0, 300.0, 300.0])
    marks = [
        marked(of, "a", measured([0.9, 0.9, 0.7, 0.7]), {"hd95": far}),
        marked(of, "b", measured([0.7, 0.7, 0.7, 0.7]), {"hd95": near}),
    ]
    ranked = field(of, marks)
    assert dict(ranked.groups[0].parts) == pytest.approx({"dice": 0.75 * (1 + 0.5) / 2, "hd95": 0.25 * (1 + 0) / 2})
    assert dict(ranked.groups[1].parts) == pytest.approx({"dice": 0.75 * 0.5, "hd95": 0.25 * (1 + 0.5) / 2})
    assert [e.score for e in ranked.groups] == pytest.approx([0.6875, 0.5625])
    assert [s.rank for s in ranked.ranking.teams] == [1, 2]


def test_a_group_without_one_of_the_metrics_is_not_ranked():
    of = only_accuracy(accuracy={"also": ["hd95"]}, leaderboard={"utilities": TERMS})
    with_both = marked(of, "a", measured(values(1)), {"hd95": measured([20.0] * 40)})
    marks = [with_both, marked(of, "b", measured(values(2)))]
    assert [e.mark.group for e in field(of, marks).groups] == ["a"]


def ranked_board():
    """The page of six groups in two tiers, one of them with a failed answer, and of a seventh without work."""
    of = only_accuracy()
    marks = [marked(of, f"g{i}", measured(values(i, 0.01 * (i // 3) * 5), failed=range(i == 5))) for i in range(6)]
    marks.append(not_submitted("g6"))
    return leaderboard_page(marks, of, names={f"g{i}": f"Heron {i}" for i in range(7)})


def test_the_page_tells_tiers_ranks_failures_and_what_cannot_be_distinguished():
    html = ranked_board()
    text = Page(html).text
    assert "cannot be distinguished from chance on 20 subjects" in text
    assert "1 of 40" in text
    assert "Rank in each subject, then the mean rank" in text
    assert "SECRET" not in html
    assert "s0" not in html


def test_a_page_on_which_no_difference_is_named_refers_to_none():
    of = only_accuracy()
    equal = [marked(of, name, measured(values(1))) for name in ("a", "b")]
    text = Page(leaderboard_page(equal, of, names={"a": "Amber Heron", "b": "Blue Heron"})).text
    assert "A tier ends where" in text
    assert "named above" not in text
    assert "shows the difference named above four times in five" in Page(ranked_board()).text


def test_the_page_of_a_utility_tells_how_it_is_made():
    of = only_accuracy(accuracy={"also": ["hd95"]}, leaderboard={"utilities": TERMS, "places": 2})
    marks = [marked(of, "a", measured([0.66] * 4), {"hd95": measured([10.0, 10.0, 35.0, 35.0])})]
    text = Page(leaderboard_page(marks, of, names={"a": "Amber Heron"})).text
    assert "Ranked by utility , higher is better" in text
    assert "0.49" in text
    assert "dice 0.30 + Hausdorff distance, 95th percentile 0.19" in text
    assert "dice counts 75 %, nothing at 0.5 and in full at 0.9; Hausdorff distance, 95th percentile" in text
    assert "percentile counts 25 %, nothing at 60" in text


def test_utilities_need_weights_that_add_up_and_metrics_that_are_scored():
    with pytest.raises(ValueError, match='no criterion scores "hd95"; add it to `also`'):
        only_accuracy(leaderboard={"utilities": TERMS})
    with pytest.raises(ValueError, match="weights of the utilities must add up to 1"):
        only_accuracy(accuracy={"also": ["hd95"]}, leaderboard={"utilities": TERMS[:1]})
    with pytest.raises(ValueError, match="floor and target must differ"):
        only_accuracy(leaderboard={"utilities": [{**TERMS[0], "weight": 1, "target": 0.5}]})


def test_points_come_from_the_criterion_and_never_from_the_utility():
    plain = only_accuracy(accuracy={"also": ["hd95"]})
    of = only_accuracy(accuracy={"also": ["hd95"]}, leaderboard={"utilities": TERMS})
    document, also = measured([0.7, 0.7, 0.7, 0.7]), {"hd95": measured([10.0] * 4)}
    points = marked(of, "a", document, also).points
    assert points == marked(plain, "a", document, also).points
    assert points > Decimal(50)
