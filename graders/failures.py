"""What can go wrong while marking, and whose fault it is. Raising is done elsewhere.

    MedmarkError                  of `assignments.errors`, as is UserError: a mistake of the person at the keyboard
    ├── Stopped                   Ctrl-C or SIGTERM: nothing failed, and the same command goes on
    ├── SubmissionFailure         the group's: costs points, never stops the run
    │   ├── MissingFunction       the solution lacks a name that the assignment asks for
    │   ├── ImportFailed          importing solution.py raised
    │   ├── Raised                the call raised an exception
    │   ├── CpuLimit  WallLimit  MemoryLimit  GpuMemory
    │   ├── WrongType  WrongShape  OutOfRange  NonFiniteAnswer  WrongLabels
    │   ├── NotProbed             the model is none of a framework's, so its parameters cannot be asked for
    │   ├── ReplyTooLarge         more bytes, items or nesting than the limits allow
    │   ├── ProcessEnded          the process that should answer ended
    │   ├── ProtocolViolation     bytes that are no frame, or no reply to what was asked
    │   ├── NotUsable             what the host makes of it would cost more than a question may
    │   └── NotAccepted           what was handed in cannot be run: no solution, framework not offered
    └── ToolkitFailure            ours: retried, then the mark is withheld; never costs a point
        ├── ImageFailure          runtime image missing, or broken
        ├── EngineFailure         daemon away, container gone for no reason of the submission
        ├── DataFailure           hidden data missing, or not as declared
        ├── MetricFailure         a metric raised, or left its range
        └── InternalFailure       anything else: a defect of medmark

`reason` is a word of a closed list: it is what is stored. What a student reads for it is in `graders.marks.words`, and
may be put better at any time. `args[0]` is evidence: it may carry what student code said, and is shown to staff only.
"""

from __future__ import annotations

from typing import ClassVar

from assignments.errors import MedmarkError


class Stopped(MedmarkError):
    """Somebody stopped the run: what is recorded stays, and the same command goes on where it was."""


class SubmissionFailure(MedmarkError):
    """The submission's own failure. `where` is a line of the group's code, `kind` a built-in exception's name, or
    what else of a closed list says more."""

    reason: ClassVar[str] = "submission"

    def __init__(
        self, evidence: str = "", *, kind: str | None = None, where: str | None = None, said: str | None = None
    ) -> None:
        super().__init__(evidence)
        self.kind = kind
        self.where = where
        self.said = evidence if said is None else said
        """The part of the evidence that names the cause, without the frames that led to it."""


def forgetful(failure: SubmissionFailure) -> SubmissionFailure:
    """The failure without the frames it passed through, to be kept: they hold the answer that failed, however large."""
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


LOADED = "wall_on_loaded_host"
"""Flag of a stage that the wall clock stopped while it waited for a core: it is repeated once, alone."""


class WallLimit(SubmissionFailure):
    reason = "wall_limit"
    starved: bool = False
    """Whether it waited for a core most of the time: on a loaded host that is nobody's fault yet."""


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
    """A failure of medmark or its surroundings: the mark is withheld, nobody loses points."""

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
