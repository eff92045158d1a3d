"""The order of teams, how much of it is chance, and that no rank depends on which other teams take part."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from graders.metrics.ranking import placements
from graders.scoring.ranking import (
    TeamScores,
    competition_ranks,
    ranking,
    scores_of_subjects,
    utility,
    weighted,
)

matrices = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def of(values, *, how="median", rising=True, shared=True):
    repeats = values if isinstance(values, list) else [values]
    return scores_of_subjects([np.asarray(v, float) for v in repeats], how, seed=5, shared=shared, rising=rising)


def cohort(teams=12, subjects=30, seed=0, spread=0.05):
    rng = np.random.default_rng(seed)
    return (
        0.8 - np.linspace(0, spread * (teams - 1), teams)[:, None]
        + rng.normal(0, 0.1, (1, subjects)) + rng.normal(0, 0.03, (teams, subjects))
    )  # fmt: skip


def test_equal_scores_at_the_declared_precision_share_a_rank_and_the_next_is_skipped():
    assert competition_ranks(np.array([0.8001, 0.7999, 0.7, 0.9]), 3).tolist() == [2, 2, 4, 1]
    assert competition_ranks(np.array([0.8001, 0.7999, 0.7, 0.9]), 4).tolist() == [2, 3, 4, 1]
    assert competition_ranks(np.array([3.0, 5.0, 3.0]), 1, rising=False).tolist() == [1, 3, 1]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.sampled_from([np.nan, np.inf, -np.inf]), st.booleans())
def test_what_is_not_finite_never_ranks_before_a_number_whichever_way_is_better(numbers, odd, rising):
    ranks = competition_ranks(np.array([odd, *numbers]), 3, rising=rising)
    assert ranks[0] == len(numbers) + 1


def test_a_value_that_is_not_finite_is_refused_before_it_is_averaged():
    with pytest.raises(ValueError, match="every value must be finite"):
        of([[0.5, np.nan]])


@settings(max_examples=40, deadline=None)
@given(
    matrices, st.integers(2, 6), st.integers(3, 25), st.booleans(), st.sampled_from(["clone", "best", "worst", "new"])
)
def test_one_more_team_never_reorders_the_others(rng, teams, subjects, rising, kind):
    values = rng.random((teams, subjects)).round(1)
    extra = {
        "clone": values[0], "best": np.full(subjects, float(rising)), "worst": np.full(subjects, float(not rising)),
        "new": rng.random(subjects),
    }[kind]  # fmt: skip
    before = ranking(of(values, rising=rising), 2).teams
    after = ranking(of(np.vstack([values, extra]), rising=rising), 2).teams[:-1]
    order = [np.sign(a.rank - b.rank) for a in before for b in before]
    assert order == [np.sign(a.rank - b.rank) for a in after for b in after]
    # And a better score is never in a lower tier.
    for ranked in (before, after):
        assert all(a.tier <= b.tier for a in ranked for b in ranked if a.rank < b.rank)
        assert all(a.tier == b.tier for a in ranked for b in ranked if a.rank == b.rank)


@settings(max_examples=20, deadline=None)
@given(matrices, st.integers(2, 6))
def test_the_order_in_which_teams_are_given_does_not_matter(rng, teams):
    values = rng.random((teams, 12)).round(2)
    turned = rng.permutation(teams)
    first, second = ranking(of(values), 2).teams, ranking(of(values[turned]), 2).teams
    assert [(s.rank, s.ranks) for s in second] == [(first[i].rank, first[i].ranks) for i in turned]


def test_teams_that_differ_clearly_stand_in_tiers_of_their_own():
    result = ranking(of(cohort(4, spread=0.1)), 3)
    assert [s.tier for s in result.teams] == [1, 2, 3, 4]
    assert [s.ranks for s in result.teams] == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert result.teams[0].first == 1
    assert result.test_then_rank == result.rank_then_mean == 1


def test_teams_that_differ_by_chance_share_the_tier_of_the_first():
    rng = np.random.default_rng(2)
    values = rng.normal(0.8, 0.1, (1, 20)) + rng.normal(0, 0.05, (6, 20))
    result = ranking(of(values), 3)
    assert {s.tier for s in result.teams} == {1}
    assert sum(s.first for s in result.teams) == pytest.approx(1)
    assert max(s.ranks[1] for s in result.teams) > 3


def test_a_first_place_that_is_shared_counts_in_part():
    values = np.array([[0.5, 0.9, 0.7], [0.5, 0.9, 0.7], [0.1, 0.2, 0.3]])
    result = ranking(of(values), 3)
    assert [(s.rank, s.tied, s.first) for s in result.teams] == [(1, True, 0.5), (1, True, 0.5), (3, False, 0)]


def test_five_subjects_never_distinguish_two_teams_however_far_apart_they_are():
    """The smallest p-value of five pairs is 1/16."""
    values = np.array([[0.9, 0.91, 0.92, 0.9, 0.9], [0.1, 0.1, 0.12, 0.1, 0.1]])
    assert [s.tier for s in ranking(of(values), 3).teams] == [1, 1]
    assert [s.tier for s in ranking(of(np.tile(values, 2)), 3).teams] == [1, 2]


def test_many_teams_can_still_be_distinguished():
    """Holm multiplies by 99; 2000 flips could reach no less than 99 / 2001."""
    values = cohort(100, 30, spread=0.01)
    assert max(s.tier for s in ranking(of(values), 3).teams) > 5


def test_the_smallest_difference_is_2_8_standard_errors_of_the_paired_difference():
    values = cohort(2, 25)
    difference = values[0] - values[1]
    assert ranking(of(values), 3).detectable == pytest.approx(2.8 * difference.std(ddof=1) / 5)
    assert ranking(of(values[:1]), 3).detectable is None
    assert ranking(of(np.vstack([values[:1]] * 2)), 3).detectable is None


def test_such_a_difference_is_found_four_times_in_five():
    rng = np.random.default_rng(6)
    n, sd = 30, 0.05
    shift = 2.8 * sd / np.sqrt(n)
    detected = []
    for _ in range(150):
        first = rng.normal(0.8, 0.1, n)
        scores = of(np.stack([first, first - rng.normal(shift, sd, n)]))
        detected.append(ranking(scores, 6).teams[1].tier == 2)
    assert np.mean(detected) == pytest.approx(0.8, abs=0.1)


def test_the_distance_from_the_first_has_a_paired_interval():
    values = cohort(2, 60)
    second = ranking(of(values), 3).teams[1]
    difference = values[1] - values[0]
    rng = np.random.default_rng(7)
    drawn = [rng.choice(difference, 60).mean() for _ in range(4000)]
    assert second.behind == pytest.approx(difference.mean())
    assert second.behind_interval == pytest.approx(np.quantile(drawn, [0.025, 0.975]).tolist(), abs=0.002)


def test_of_a_distance_the_lowest_leads():
    teams = ranking(of(np.array([[9.0, 8, 9.5] * 5, [2.0, 3, 2.5] * 5]), rising=False), 2).teams
    assert [(s.rank, s.tier) for s in teams] == [(2, 2), (1, 1)]
    assert teams[0].behind == pytest.approx(np.mean([9, 8, 9.5]) - 2.5)


@pytest.mark.parametrize("how", ["median", "mean"])
def test_repeats_are_combined_inside_the_resamples(how):
    repeats = [cohort(3, 20, seed) for seed in range(3)]
    scores = of(repeats, how=how)
    combine = np.median if how == "median" else np.mean
    assert scores.value == pytest.approx(combine([v.mean(axis=1) for v in repeats], axis=0))
    rng = np.random.default_rng([5, 0])
    counts = rng.multinomial(20, np.full(20, 1 / 20), 2000)[17]
    assert scores.drawn[17] == pytest.approx(combine([v @ counts / 20 for v in repeats], axis=0))
    assert scores.subjects == 20


def test_repeats_of_other_subjects_are_drawn_apart_and_tested_together():
    repeats = [cohort(3, n, seed) for seed, n in enumerate((10, 20))]
    scores = of(repeats, how="mean", shared=False)
    assert scores.subjects == 30
    assert scores.paired.mean(axis=1) == pytest.approx(scores.value)


def test_a_metric_of_the_whole_set_is_compared_in_common_resamples():
    rng = np.random.default_rng(8)
    drawn = 0.8 + rng.normal(0, 0.05, (2000, 1)) + np.array([0.1, 0, 0]) + rng.normal(0, 0.005, (2000, 3))
    result = ranking(TeamScores(np.array([0.9, 0.801, 0.8]), drawn, None, 40), 3)
    assert [s.tier for s in result.teams] == [1, 2, 2]
    assert result.rank_then_mean is None
    assert result.test_then_rank == pytest.approx(stats.kendalltau([0.9, 0.801, 0.8], [2, 0, 0]).statistic)


def test_areas_of_cases_that_are_subjects_are_compared_by_delongs_test():
    rng = np.random.default_rng(9)
    truths = np.arange(200) % 2
    scores = truths * np.array([[2.0], [1.0], [1.02]]) + rng.normal(0, 1, (1, 200)) + rng.normal(0, 0.1, (3, 200))
    above, below = (np.stack(part) for part in zip(*(placements(s, truths) for s in scores), strict=True))
    value = above.mean(axis=1)
    # Resamples without information: the test does not use them.
    result = ranking(TeamScores(value, np.tile(value, (2000, 1)), None, 200, placements=(above, below)), 6)
    assert result.teams[0].tier == 1
    assert result.teams[1].tier == result.teams[2].tier == 2
    assert "DeLong" in result.test
    assert "DeLong" not in ranking(of(cohort(2)), 3).test


def test_a_utility_runs_from_floor_to_target_and_stops_there():
    assert utility(np.array([0.5, 0.6, 0.9, 0.4, 1]), 0.5, 0.9) == pytest.approx([0, 0.25, 1, 0, 1])
    assert utility(np.array([60.0, 5, 32.5, 300]), 60, 5) == pytest.approx([0, 1, 0.5, 0])


def test_a_weighted_utility_is_the_sum_of_its_parts_for_each_team_alone():
    parts = [of(cohort(3, 20, seed)) for seed in range(2)]
    whole = weighted(parts, [0.7, 0.3])
    assert whole.value == pytest.approx(0.7 * parts[0].value + 0.3 * parts[1].value)
    assert whole.paired.mean(axis=1) == pytest.approx(whole.value)
    alone = weighted([of(cohort(3, 20, seed)[:1]) for seed in range(2)], [0.7, 0.3])
    assert alone.value[0] == whole.value[0]


def test_no_team_and_one_team_alone_have_a_ranking():
    assert ranking(of(np.zeros((0, 3))), 3).teams == ()
    (alone,) = ranking(of(np.array([[0.5, 0.6, 0.7]])), 3).teams
    assert (alone.rank, alone.tier, alone.ranks, alone.first) == (1, 1, (1, 1), 1)
