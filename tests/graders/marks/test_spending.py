"""What marking took: each result once, each phase over all jobs, and how long GPUs were held."""

from dataclasses import replace

from graders.marks.spending import PHASES, GroupSpending, spending_of, stage_keys
from graders.record.documents import Phases
from graders.record.ledger import JobTimes, SpentStage
from tests.reports.hand_made import mark, not_submitted


def marked(group, **stages):
    return mark(group, provenance={"stages": stages})


A = marked("a", tests={"t": "key-t", "u": "key-u"}, answers={0: "key-0"}, scores={"s": "key-s"})
STAGES = [
    SpentStage("key-t", "test", "a", "t", 1.0, 2.0),
    SpentStage("key-u", "test", "a", "u", 3.0, 4.0),
    SpentStage("key-0", "answers", "a", "0", 20.0, 30.0),
]


def test_a_group_has_the_seconds_of_its_own_results():
    spending = spending_of([A, not_submitted("b")], STAGES, [])
    assert spending.groups == {"a": GroupSpending(4.0, 20.0)}
    assert (spending.groups["a"].cpu_s, spending.cpu_s) == (24.0, 24.0)
    assert stage_keys([A]) == ["key-t", "key-u", "key-0"]  # scoring runs no code of a group


def test_groups_with_an_equal_solution_share_what_it_took_and_it_counts_once():
    twin = replace(A, group="twin")
    spending = spending_of([A, twin], STAGES, [])
    assert spending.groups["twin"] == GroupSpending(4.0, 20.0, run_for="a")
    assert spending.cpu_s == 24.0


def test_without_recorded_results_a_group_has_no_seconds_and_not_zero():
    assert spending_of([A], [], []).groups == {}


def job(group, queue_s, phases, wall_s, gpus=0):
    return JobTimes(group, "mlp", "c" * 40, queue_s, wall_s, phases, 1.5, gpus)


def test_phases_are_summed_over_all_jobs_and_what_no_phase_holds_is_the_rest():
    jobs = [
        job("a", 0.0, Phases(1, 2, 3, 10, 4, 5), 30.0),
        job("b", 8.0, Phases(1, 2, 3, 40, 4, 5), 60.0),
        job("c", 20.0, Phases(1, 2, 3, 20, 4, 5), 36.0),
    ]
    spending = spending_of([], [], jobs)
    assert [times.phase for times in spending.phases] == list(PHASES)
    by_name = {times.phase: times for times in spending.phases}
    assert (by_name["queue"].total_s, by_name["queue"].median_s, by_name["queue"].longest_of) == (28, 8, "c")
    fit = by_name["fit"]
    assert (fit.total_s, fit.median_s, fit.longest_s, fit.longest_of) == (70, 20, 40, "b")
    assert by_name["rest"].total_s == (30 - 25) + (60 - 55) + (36 - 35)
    assert sum(times.total_s for times in spending.phases if times.phase != "queue") == spending.wall_s == 126
    assert (spending.jobs, spending.marker_cpu_s) == (3, 4.5)


def test_a_gpu_is_held_while_containers_are_open():
    jobs = [job("a", 5.0, Phases(1, 2, 3, 10, 4, 5), 30.0, gpus=2), job("b", 5.0, Phases(1, 2, 3, 10, 4, 5), 30.0)]
    assert spending_of([], [], jobs).gpu_s == 2 * (2 + 3 + 10 + 4)


def test_what_gpus_were_used_for_is_summed_over_what_was_measured():
    measured = replace(STAGES[2], gpu_peak_mb=812.0, gpu_busy_s=4.0)
    other = replace(measured, key="key-1", name="1", gpu_peak_mb=5000.0, gpu_busy_s=1.5)
    unmeasured = replace(measured, key="key-2", name="2", gpu_peak_mb=None, gpu_busy_s=None)
    group = marked("a", tests={"t": "key-t"}, answers={0: "key-0", 1: "key-1", 2: "key-2"})
    spending = spending_of([group], [STAGES[0], measured, other, unmeasured], [])
    assert (spending.gpu_peak_mb, spending.gpu_busy_s) == (5000.0, 5.5)
    assert (spending.groups["a"].gpu_peak_mb, spending.groups["a"].gpu_busy_s) == (5000.0, 5.5)


def test_what_was_not_measured_of_gpus_is_none_and_not_zero():
    spending = spending_of([A], STAGES, [job("a", 0.0, Phases(1, 2, 3, 10, 4, 5), 30.0, gpus=1)])
    assert spending.gpu_s > 0
    assert (spending.gpu_peak_mb, spending.gpu_busy_s) == (None, None)


def test_without_times_on_record_there_are_no_phases():
    assert spending_of([A], STAGES, []).phases == ()
