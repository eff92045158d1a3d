"""What the host may pay for a question to one submission: CPU time and memory, from the assignment's sizes.

It is bounded too because the host works on answers, and an answer must not choose what the marking machine
pays. The limits are several times what the largest honest answers took: only other answers reach them.
"""

from __future__ import annotations

from collections.abc import Sequence

from assignments.assignment import Limits
from assignments.data.columns import held_bytes
from assignments.data.hidden import HiddenSet, InputSet
from graders.wall.wire import MIB

HOST_MB = 512
REPLIES = 16
"""Times the largest reply: a test holds an answer as bytes, arrays and float64, and its own results beside it."""
DATA = 8
"""The same for scoring, times the hidden sets."""
VOXEL_BYTES = 300
"""Memory that a distance between two noisy surfaces takes for each voxel of a case."""
QUESTION_CPU_S = 30.0
REPLY_CPU_S = 0.25
"""For each megabyte of the largest reply."""
STORED_CPU_S = 0.02
"""For each megabyte of the largest reply and each case; digest and copy of a megabyte take 0.005 s."""
MEGAVOXEL_CPU_S = 20.0
"""For a million voxels; a noisy volume takes 1 s."""
EXPLAIN_CPU_S = 120.0
PUBLIC_SHARE = 0.25
"""CPU seconds that a model may use for public cases, as a share of a repeat's limit, and beside it."""


def host_mb(limits: Limits) -> int:
    """Megabytes that a marker process may use beside its hidden sets."""
    return HOST_MB + REPLIES * limits.reply_mb


def host_bytes(limits: Limits, sets: Sequence[InputSet]) -> int:
    """Bytes that a marker process may use beyond those it has when everything is imported and drawn.

    Of cases that are read one at a time, only the largest counts.
    """
    groups = [group for inputs in sets for group in (inputs.train, inputs.val or {}, inputs.inputs)]
    shown = sum(held_bytes(cases) for group in groups for cases in group.values())
    drawn = shown + sum(inputs.truth_bytes for inputs in sets)
    largest = max((inputs.case_numbers for inputs in sets), default=0)
    return host_mb(limits) * MIB + DATA * drawn + VOXEL_BYTES * largest


def stored_bytes(shown: InputSet) -> int:
    """The most bytes of one repeat's answers: four float64 for each number of its inputs, and `case_numbers` a case."""
    numbers = sum(array.size for array in shown.inputs.values())
    return 16 * MIB + 4 * 8 * (numbers + shown.count * shown.case_numbers)


def reply_cpu_s(limits: Limits) -> float:
    """Host CPU seconds for one call of an accuracy run."""
    return QUESTION_CPU_S + REPLY_CPU_S * limits.reply_mb


def storing_cpu_s(limits: Limits, shown: InputSet) -> float:
    """Host CPU seconds for storing all answers of one repeat: they are read once for their digest, and copied."""
    return reply_cpu_s(limits) + STORED_CPU_S * limits.reply_mb * shown.count


def public_cpu_s(limits: Limits, public: InputSet, per_call: int) -> float:
    """Host CPU seconds for all public cases together, and for the call that makes their model."""
    calls = -(-public.count // per_call)
    return (1 + calls) * reply_cpu_s(limits) + storing_cpu_s(limits, public)


def hidden_test_cpu_s(limits: Limits) -> float:
    """Host CPU seconds for one hidden test: for its answers, and for its own work as many as the solution has."""
    return reply_cpu_s(limits) + limits.test_cpu_s


def case_cpu_s(hidden: HiddenSet) -> float:
    """Host CPU seconds for one metric of one case."""
    return QUESTION_CPU_S + MEGAVOXEL_CPU_S * hidden.case_numbers / 1e6


def score_cpu_s(sets: Sequence[HiddenSet]) -> float:
    """Host CPU seconds for a score beside its cases: a metric of a whole set, and the resamples."""
    return EXPLAIN_CPU_S + MEGAVOXEL_CPU_S * sum(len(hidden.cases) * hidden.case_numbers for hidden in sets) / 1e6
