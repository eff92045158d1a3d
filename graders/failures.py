"""The failures of marking, by who is responsible: the submission, the toolkit, or the person at the keyboard.

    MedmarkError                  of `assignments.errors`, as is UserError: a mistake of the person at the keyboard
    ├── Stopped                   Ctrl-C or SIGTERM: nothing failed, and the same command goes on
    ├── SubmissionFailure         the submission's: costs points, never stops the run
    │   ├── MissingFunction       the solution lacks a name that the assignment asks for
    │   ├── ImportFailed          importing solution.py raised
    │   ├── Raised                the call raised an exception
    │   ├── CpuLimit  WallLimit  MemoryLimit  GpuMemory
    │   ├── WrongType  WrongShape  OutOfRange  NonFiniteAnswer  WrongLabels
    │   ├── NotProbed             the model belongs to no framework, so its parameters cannot be read
    │   ├── ReplyTooLarge         more bytes, items or nesting than the limits allow
    │   ├── ProcessEnded          the process that should answer ended
    │   ├── ProtocolViolation     bytes that are not a frame, or not a reply to the request
    │   ├── NotUsable             computing with the answer would cost the host more than a question may
    │   └── NotAccepted           the submission cannot be run: no solution, or a framework that is not offered
    └── ToolkitFailure            the toolkit's: retried, then the mark is withheld; never costs a point
        ├── ImageFailure          the runtime image is missing or broken
        ├── EngineFailure         the daemon is away, or a container ended through no act of the submission
        ├── DataFailure           hidden data are missing, or not as declared
        ├── MetricFailure         a metric raised, or left its range
        └── InternalFailure       anything else: a defect of medmark

Results store `reason`, a word of a closed list. Pages show the sentence that `graders.marks.words` has for it, and that
sentence may change at any time. `args[0]` is evidence: it may repeat text of student code, and only staff see it.
"""

from __future__ import annotations

from typing import ClassVar

from assignments.errors import MedmarkError


class Stopped(MedmarkError):
    """Somebody stopped the run: the record stays, and the same command continues it."""


class SubmissionFailure(MedmarkError):
    """The submission's own failure.

    Args:
        evidence: for staff; it may hold text of student code.
        kind: a built-in exception's name, or another detail from a closed list.
        where: a line of the group's code.
        cause_text: the part of the evidence that names the cause, without the frames before it; None for all of it.
    """

    reason: ClassVar[str] = "submission"

    def __init__(
        self, evidence: str = "", *, kind: str | None = None, where: str | None = None, cause_text: str | None = None
    ) -> None:
        super().__init__(evidence)
        self.kind = kind
        self.where = where
        self.cause_text = evidence if cause_text is None else cause_text


def without_frames(failure: SubmissionFailure) -> SubmissionFailure:
    """The failure without the frames it passed through, so that it can be stored: they hold the answer, of any size."""
    failure.__traceback__ = failure.__context__ = None
    return failure


class MissingFunction(SubmissionFailure):
    reason = "missing_function"


class ImportFailed(SubmissionFailure):
    reason = "import_failed"


class Raised(SubmissionFailure):
    reason = "raised"


class CpuLimit(SubmissionFailure):
    reason = "cpu_limit"


LOADED_HOST = "wall_on_loaded_host"
"""Flag of a stage that reached the wall limit while it waited for a core: it is made once more, alone."""


class WallLimit(SubmissionFailure):
    reason = "wall_limit"
    starved: bool = False
    """Whether it waited for a core most of the time: on a loaded host that may not be the submission's doing."""


class MemoryLimit(SubmissionFailure):
    reason = "memory_limit"


class GpuMemory(SubmissionFailure):
    reason = "gpu_memory"


class WrongType(SubmissionFailure):
    reason = "wrong_type"


class WrongShape(SubmissionFailure):
    reason = "wrong_shape"


class OutOfRange(SubmissionFailure):
    reason = "out_of_range"


class NonFiniteAnswer(SubmissionFailure):
    reason = "not_finite"


class WrongLabels(SubmissionFailure):
    reason = "wrong_labels"


class NotProbed(SubmissionFailure):
    reason = "not_probed"


class ReplyTooLarge(SubmissionFailure):
    reason = "reply_too_large"


class ProcessEnded(SubmissionFailure):
    reason = "process_ended"


class ProtocolViolation(SubmissionFailure):
    reason = "protocol_violation"


class NotUsable(SubmissionFailure):
    reason = "not_usable"


class NotAccepted(SubmissionFailure):
    reason = "not_accepted"


class ToolkitFailure(MedmarkError):
    """A failure of medmark or its surroundings: the mark is withheld, and nobody loses points."""

    reason: ClassVar[str] = "internal"


class ImageFailure(ToolkitFailure):
    reason = "image"


class EngineFailure(ToolkitFailure):
    reason = "engine"


class DataFailure(ToolkitFailure):
    reason = "data"


class MetricFailure(ToolkitFailure):
    reason = "metric"


class InternalFailure(ToolkitFailure):
    reason = "internal"
