"""The words that students read for the reasons, lines and mistakes that results store.

Words are looked up when a page is rendered. A better wording re-runs nothing, and older results get it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from graders.record.documents import Cause, Phrase

REASON_WORDS: Final[Mapping[str, str]] = {
    # The submission's own failures.
    "missing_function": "the required function or class is not in the solution",
    "import_failed": "the solution could not be imported",
    "raised": "the call raised an exception",
    "cpu_limit": "the CPU time limit was reached",
    "wall_limit": "the time limit was reached while waiting",
    "memory_limit": "the memory limit was reached",
    "gpu_memory": "the GPU's memory was used up",
    "wrong_type": "the answer has the wrong type",
    "wrong_shape": "the answer has the wrong shape",
    "out_of_range": "the answer lies outside its range",
    "not_finite": "the answer holds NaN or infinity",
    "wrong_labels": "the answer holds labels that do not exist",
    "not_probed": "the model is not a PyTorch or TensorFlow model, so it cannot be inspected",
    "reply_too_large": "the answer is too large",
    "process_ended": "the process ended before it answered",
    "protocol_violation": "the answer could not be read",
    "not_usable": "the answer could not be used",
    "not_accepted": "the submission cannot be run",
    # Reasons of a hidden test.
    "wrong_answer": "the answer is not the expected one",
    "not_run": "the test did not run",
    "not_asked": "could not be asked",
    # Reasons why pictures of public cases are missing.
    "other_cases": "the public cases have changed since they were predicted",
    "no_metric_of_cases": "no metric of this assignment gives a single case a score",
    # The toolkit's own failures.
    "image": "image",
    "engine": "engine",
    "data": "data",
    "metric": "metric",
    "internal": "internal",
    "busy": "the time limit was reached on a busy machine",
    "answers_unknown": "its answers are unknown",
    "not_graded": "not graded yet",
    "not_scored": "the score has not been computed",
}
"""By the stored word."""

RELATION_WORDS: Final[Mapping[str, str]] = {
    "not_finite": "it holds NaN or infinity",
    "extra_axis": "it is right but for an axis of length 1",
    "nearly": "it is right but for rounding, as in float16",
    "sign": "it is right but for its sign",
    "complement": "it is 1 minus the expected one",
    "factor": "it differs by one factor, the same everywhere",
    "offset": "it differs by one number, the same everywhere",
    "transpose": "it is right after a transpose",
    "axis_order": "its axes are in another order",
    "reversed": "one of its axes is reversed",
    "shift": "it is right, but one step further along an axis",
    "one_class": "it is wrong for one class alone",
}
"""By the name of a relation, of `graders.asking.relations`: how a wrong answer is related to the expected one."""


def reason_words(reason: str) -> str:
    """The words for a reason; a reason that is not listed stands for itself."""
    return REASON_WORDS.get(reason, reason)


def cause_words(cause: Cause) -> str:
    """Why something failed, as one phrase: `in fit: the call raised an exception (ValueError), at solution.py:12`."""
    function = f"in {cause.function}: " if cause.function else ""
    relation = RELATION_WORDS.get(cause.kind or "")
    kind = f": {relation}" if relation else f" ({cause.kind})" if cause.kind else ""
    line = f", at {cause.line}" if cause.line else ""
    text = f": {cause.text}" if cause.text else ""
    return f"{function}{reason_words(cause.reason)}{kind}{line}{text}"


def phrase_words(phrase: Phrase) -> str:
    """A pattern in the answers, or a likely mistake; it says nothing about a single case."""
    return PHRASES[phrase.name](*phrase.values)


def _flipped(*axes: int) -> str:
    return f"the {_listed([ORDINALS[k] for k in axes])} {'axis is' if len(axes) == 1 else 'axes are'} flipped"


def _mean(what: str) -> Callable[..., str]:
    def words(*pairs: int) -> str:
        return _listed([f"{what} {pairs[i]} is class {pairs[i + 1]}" for i in range(0, len(pairs), 2)])

    return words


def _resized(done: str, times: int, *how: str) -> str:
    plane = " in the plane of each slice" if "in_plane" in how else ""
    return f"each mask is {done} {times} times{plane}{_about(*how)}"


def _from(size: str) -> Callable[..., str]:
    return lambda *how: f"each mask is resampled from voxels of {size} to the image's own{_about(*how)}"


def _about(*how: str) -> str:
    return " about the centre" if "centred" in how else ""


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth")
FIELD: Final = {
    "reversed": "the field's components are put in reverse order",
    "in_mm": "the field is divided by the spacing (it is in mm, not voxels)",
    "backward": "the field's sign is turned (it leads from the moving to the fixed image)",
}
PHRASES: Final[Mapping[str, Callable[..., str]]] = {
    # Patterns in the answers alone: whole sentences.
    "nothing_moved": lambda: "Every answer is a displacement of 0: nothing is moved.",
    "empty": lambda: "Every answer is empty.",
    "empty_below_half": lambda: "Every answer is empty: no voxel reaches a probability of 0.5.",
    "full": lambda: "Every answer is full: every voxel is foreground.",
    "one_class": lambda number: f"Every case is put into class {number}.",
    # Mistakes: each completes "0.81 if ...".
    "axes_flipped": _flipped,
    "axes_in_order": lambda *order: f"the axes are put in the order {', '.join(str(k + 1) for k in order)}",
    "turned": lambda degrees, first, second: (
        f"each mask is turned by {degrees} degrees in the plane of the {ORDINALS[first]} and {ORDINALS[second]} axes"
    ),
    "moved_by_a_voxel": lambda axis: f"each mask is moved by one voxel along the {ORDINALS[axis]} axis",
    "resized": _resized,
    "from_1_mm": _from("1 mm"),
    "from_smallest_spacing": _from("the smallest spacing of each image"),
    "foreground_exchanged": lambda: "foreground and background are exchanged",
    "labels_mean": _mean("label"),
    "columns_mean": _mean("column"),
    "classes_exchanged": lambda: "the two classes are exchanged",
    "field": lambda *changes: _listed([FIELD[name] for name in changes]),
    "second_sigmoid": lambda: "a second sigmoid is undone (all values lie between 0.50 and 0.73)",
    "threshold": lambda value: f"the threshold is {value:g} in place of 0.5",
    # Words that were stored before phrases were.
    "as_written": lambda words: str(words),
}
"""By the phrase's name; the values are those of `graders.scoring.fixes` and `graders.scoring.forensics`."""
