"""The misconceptions that an assignment's contracts bring, as edits of its own references.

The rehearsal makes them on purpose, and the diagnosis looks for them, as for those of `misconceptions.toml`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from assignments.assignment import Assignment, Framework
from assignments.derived.interface import solution_interface
from assignments.load import references
from assignments.misconceptions import Edit, Misconception
from graders.asking.model_facts import model_facts

if TYPE_CHECKING:
    from assignments.contracts.contract import CommonMistake


def contract_misconceptions(assignment: Assignment, listed: Collection[str] = ()) -> tuple[Misconception, ...]:
    """The mistakes of its contracts that some reference can have; each fails its contract.

    Args:
        listed: Ids of the assignment's own misconceptions, which win.
    """
    mistakes = []
    for name in assignment.contracts:
        for mistake in _mistakes(assignment, name):
            texts, _ = _edited(assignment, name, mistake.id)
            if mistake.id not in listed and texts:
                edits = tuple(Edit(framework=key, find=find, replace=new) for key, (find, new) in texts.items())
                mistakes.append(
                    Misconception(
                        id=mistake.id,
                        title=mistake.title,
                        told=mistake.advice,
                        try_it=mistake.try_it,
                        edits=edits,
                        fails=(name,),
                    )
                )
    return tuple(mistakes)


def impossible_mistakes(assignment: Assignment) -> tuple[str, ...]:
    """For the author: which mistakes of its contracts a reference cannot have, and why."""
    return tuple(
        f"{name}: {mistake.id} cannot be made in {framework}: {why}"
        for name in assignment.contracts
        for mistake in _mistakes(assignment, name)
        for framework, why in _edited(assignment, name, mistake.id)[1].items()
    )


def _mistakes(assignment: Assignment, contract: str) -> tuple[CommonMistake, ...]:
    """The mistakes of a contract in the terms of an assignment."""
    from assignments.contracts import CONTRACTS  # students' installs lack them, and never come here

    terms = assignment.contracts[contract]
    return tuple(each for each in CONTRACTS[contract].mistakes if each.scale in (None, terms.scale))


Texts = Mapping[Framework, tuple[str, str]]
"""By framework: the reference's text, and the same with a mistake in it."""


def _edited(assignment: Assignment, contract: str, mistake: str) -> tuple[Texts, Mapping[Framework, str]]:
    """The references with a mistake in them; and for those that cannot have it, why."""
    from assignments.contracts.contract import EditedReference

    interface = solution_interface(assignment)
    texts: dict[Framework, tuple[str, str]] = {}
    whys: dict[Framework, str] = {}
    for framework, path in references(assignment).items():
        facts = model_facts(assignment, interface, framework)
        assert facts is not None  # the loader saw to it
        inputs = tuple(key for key in facts.inputs if key != "spacing")
        text = path.read_text(encoding="utf-8")
        new, why = _edit(
            contract,
            mistake,
            EditedReference(text, framework, facts.entry, inputs, facts.prediction, facts.exclusive),
        )
        if why:
            whys[framework] = why
        else:
            texts[framework] = (text, new)
    return texts, whys


@lru_cache(maxsize=256)
def _edit(contract: str, mistake: str, reference: object) -> tuple[str, str]:
    """The text with the mistake in it, or else why there is none."""
    from assignments.contracts import CONTRACTS
    from assignments.contracts.contract import DoesNotApply, EditedReference

    assert isinstance(reference, EditedReference)
    common = next(each for each in CONTRACTS[contract].mistakes if each.id == mistake)
    try:
        return common.edit(reference), ""
    except DoesNotApply as error:
        return "", str(error)
