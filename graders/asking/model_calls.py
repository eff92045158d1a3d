"""A solution's models as hidden tests and contracts ask them: `trained`, the model that they share, and its calls.

Contracts know no task. Which function answers, what it receives and which array is its answer stand in `ModelFacts`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from assignments.assignment import ContractTerms, Framework, Trained
from assignments.data.source import Draw
from assignments.data.streams import PUBLISHED, stream
from assignments.interface import Interface
from graders.failures import (
    EngineFailure,
    InternalFailure,
    NonFiniteAnswer,
    NotProbed,
    Raised,
    WrongShape,
    WrongType,
)
from graders.wall.cases import training_arguments
from graders.wall.student import Handle, Student, WorkerClient
from graders.wall.wire import Array

Answer = TypeVar("Answer")
SEED = 1
"""Of the training that the tests share."""


@dataclass(frozen=True)
class ModelFacts:
    """What an assignment says of its models, for tests that train them or draw cases."""

    assignment_id: str
    framework: Framework
    entry: str
    """The function that answers for cases."""
    inputs: tuple[str, ...]
    """Names of the arrays that it receives."""
    truth: str
    prediction: str
    """Name of the array in its answer that is scored."""
    probabilities: bool
    exclusive: bool
    """Whether the answer has a probability for each of several classes, (n, K), that add up to 1."""
    small_cases: Draw
    """(n, rng) -> n small cases of the assignment's source, with a leading N."""
    trained: Trained | None = None
    contracts: Mapping[str, ContractTerms] = field(default_factory=dict)

    def training_cases(self) -> dict[str, Array]:
        """The cases that the shared model is trained on: the same for everybody.

        Raises:
            InternalFailure: the assignment says nothing of a shared model.
        """
        if self.trained is None:
            raise InternalFailure("assignment.toml has no [trained]")
        return self.small_cases(self.trained.cases, stream(PUBLISHED, self.assignment_id, "trained", "0"))


@dataclass(frozen=True)
class ModelCalls:
    """Calls of one worker by what they are for, whatever the task names them."""

    client: WorkerClient
    facts: ModelFacts
    interface: Interface

    @property
    def student(self) -> Student:
        """The worker as every hidden test asks it."""
        return Student(self.client)

    def fit(self, cases: Mapping[str, Array], *, seed: int, budget_s: float) -> Handle:
        """A model that is trained on these cases, without validation cases."""
        train, _ = training_arguments(self.interface.functions["fit"], cases, None)
        return self._model(self.student.fit(train, None, seed=seed, budget_s=budget_s))

    def entry(self, model: Handle, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Whatever the entry point answers for these inputs."""
        answer: Mapping[str, Any] = getattr(self.student, self.facts.entry)(model, dict(inputs))
        return answer

    def predict(self, model: Handle, cases: Mapping[str, Array]) -> Mapping[str, Any]:
        """The same for cases that have other arrays too, such as the truth."""
        return self.entry(model, {key: np.ascontiguousarray(cases[key]) for key in self.facts.inputs})

    def answer(self, model: Handle, cases: Mapping[str, Array]) -> Array:
        """The array of the answer that is scored."""
        answer: Array = self.predict(model, cases)[self.facts.prediction]
        return answer

    def logits(self, model: Handle, cases: Mapping[str, Array]) -> Array | None:
        """The model's own output for cases with one input; None where it cannot be called on them."""
        if len(self.facts.inputs) != 1:
            return None
        return _if_probed(lambda: self.student.model.forward(model, cases[self.facts.inputs[0]]))

    def outputs(self, model: Handle, cases: Mapping[str, Array]) -> list[Array]:
        """Its answer, and its logits where it shows them."""
        logits = self.logits(model, cases)
        return [self.answer(model, cases), *([] if logits is None else [logits])]

    def weights(self, model: Handle) -> list[Array] | None:
        """The model's trained weights; None where it has none that can be probed."""
        return _if_probed(lambda: self.student.model.parameters(model))

    def averages(self, model: Handle) -> list[Array] | None:
        """The floats that the model keeps and does not train, such as running averages; None as for `weights`."""
        buffers = _if_probed(lambda: self.student.model.buffers(model))
        return None if buffers is None else [each for each in buffers if each.dtype.kind == "f"]

    def cpu_s_of(self, call: Callable[[], Any]) -> tuple[Any, float]:
        """What a call returns, and the CPU seconds of the worker that it took, as the kernel counts them.

        Raises:
            EngineFailure: this machine does not count them while the worker lives.
        """
        before, began = float(self.client.opened().facts.get("cpu_s") or 0.0), time.monotonic()
        value = call()
        used = float(self.client.opened().facts.get("cpu_s") or 0.0) - before
        if used <= 0 and time.monotonic() - began > 1:
            raise EngineFailure("the CPU seconds of a worker that lives cannot be measured on this machine")
        return value, used

    def _model(self, model: Any) -> Handle:
        assert type(model) is Handle  # declared as one: the loader saw to it
        return model


class TrainedModel:
    """The fixture `trained`: one model that one worker trained, for all tests of a run."""

    def __init__(self, calls: ModelCalls, on_end: Callable[[], None]) -> None:
        """Train it.

        Args:
            on_end: Ends the worker.

        Raises:
            SubmissionFailure: the solution cannot train a model.
        """
        self.calls = calls
        self.student = calls.student
        self.train = calls.facts.training_cases()
        """The cases that it was trained on."""
        assert calls.facts.trained is not None
        self.budget_s = calls.facts.trained.budget_in(calls.facts.framework)
        train, _ = training_arguments(calls.interface.functions["fit"], self.train, None)
        self.inside = {key: self.student.put(value) for key, value in train.items()}
        """The same inside: the very arrays that `fit` received."""
        self.model = calls._model(self.student.fit(self.inside, None, seed=SEED, budget_s=self.budget_s))
        self._on_end = on_end
        self.ended = False

    def predict(self, cases: Mapping[str, Array]) -> Mapping[str, Any]:
        """Its answer for cases with a leading N; other arrays, such as the truth, may be among them."""
        return self.calls.predict(self.model, cases)

    def answer(self, cases: Mapping[str, Array]) -> Array:
        """The array of its answer that is scored."""
        return self.calls.answer(self.model, cases)

    def forward(self, cases: Mapping[str, Array]) -> Array:
        """The network's own output for cases with one input: logits in boundary layout."""
        (key,) = self.calls.facts.inputs
        return self.student.model.forward(self.model, cases[key])

    def end(self) -> None:
        """End its worker, and remove all that it left: a test that needs to is the last that uses it."""
        if not self.ended:
            self.ended = True
            self._on_end()


def _if_probed(probe: Callable[[], Answer]) -> Answer | None:
    """What a probe answers; None where the model has no such probe, or no answer that can be used."""
    try:
        return probe()
    except (NotProbed, Raised, WrongType, WrongShape, NonFiniteAnswer):
        return None
