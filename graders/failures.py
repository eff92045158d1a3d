"""What can go wrong while marking, and whose fault it is. Raising is done elsewhere.

    MedmarkError                  of `assignments.errors`, as is UserError: a mistake of the person at the keyboard
    ├── Stopped                   Ctrl-C or SIGTERM: nothing failed, and the same command goes on
    ├── SubmissionFailure         the group's: costs points, never stops the run
    │   ├── MissingFunction       the solution lacks a name that the assignment asks for
    │   ├── ImportFailed          importing solution.py raised
    │   ├── Raised                the call raised an exception
    │   ├── CpuLimit  WallLimit  MemoryLimit  GpuMemory
    │   ├── WrongType  WrongShape  OutOfRange  NotFinite  WrongLabels
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

`reason` is the closed list of words for a submission's failure: it is what a student may read. `args[0]` is evidence:
it may carry what student code said, and is shown to staff only.
"""

from __future__ import annotations

from typing import ClassVar

from assignments.errors import MedmarkError


class Stopped(MedmarkError):
    """Somebody stopped the run: what is recorded stays, and the same command goes on where it was."""


class SubmissionFailure(MedmarkError):
    """The submission's own failure. `where` is a line of the group's code, `kind` a built-in exception's name, or
    what else of a closed list says more."""

    reason: ClassVar[str] = "the submission failed"

    def __init__(self, evidence: str = "", *, kind: str | None = None, where: str | None = None) -> None:
        super().__init__(evidence)
        self.kind = kind
        self.where = where

    @property
    def told(self) -> str:
        """The sentence a student reads, made of our words and the place in their own code."""
        kind = f" ({self.kind})" if self.kind else ""
        where = f", at {self.where}" if self.where else ""
        return f"{self.reason}{kind}{where}"


def forgetful(failure: SubmissionFailure) -> SubmissionFailure:
    """The failure without the frames it passed through, to be kept: they hold the answer that failed, however large."""
    failure.__traceback__ = failure.__context__ = None
    return failure


class MissingFunction(SubmissionFailure):
    reason = "the function or class asked for is not in solution.py"


class ImportFailed(SubmissionFailure):
    reason = "solution.py could not be imported"


class Raised(SubmissionFailure):
    reason = "the call raised an exception"


class CpuLimit(SubmissionFailure):
    reason = "the CPU time limit was reached"


LOADED = "wall_on_loaded_host"
"""Flag of a stage that the wall clock stopped while it waited for a core: it is repeated once, alone."""


class WallLimit(SubmissionFailure):
    reason = "the time limit was reached while waiting"
    starved: bool = False
    """Whether it waited for a core most of the time: on a loaded host that is nobody's fault yet."""


class MemoryLimit(SubmissionFailure):
    reason = "the memory limit was reached"


class GpuMemory(SubmissionFailure):
    reason = "the GPU's memory was used up"


class WrongType(SubmissionFailure):
    reason = "the answer has the wrong type"


class WrongShape(SubmissionFailure):
    reason = "the answer has the wrong shape"


class OutOfRange(SubmissionFailure):
    reason = "the answer lies outside its range"


class NotFinite(SubmissionFailure):
    reason = "the answer holds NaN or infinity"


class WrongLabels(SubmissionFailure):
    reason = "the answer holds labels that do not exist"


class NotProbed(SubmissionFailure):
    reason = "the model is not one of PyTorch's or TensorFlow's and cannot be looked into"


class ReplyTooLarge(SubmissionFailure):
    reason = "the answer is too large"


class ProcessEnded(SubmissionFailure):
    reason = "the process that should answer ended"


class ProtocolViolation(SubmissionFailure):
    reason = "the answer could not be read"


class NotUsable(SubmissionFailure):
    reason = "the reply could not be used"


class NotAccepted(SubmissionFailure):
    reason = "what was handed in cannot be run"


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
