"""Checks the `[contracts]` and `[trained]` of an assignment, for `assignments.load`.

Contracts lie with the staff's files: students' installs load an assignment without them, and never come here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, get_args

from pydantic import ValidationError

from assignments.assignment import Assignment, ContractTerms, Framework, Limits, Trained, offered_frameworks
from assignments.errors import Problem, UserError, nearest
from assignments.toml_errors import Document

if TYPE_CHECKING:
    from assignments.contracts.contract import Contract
    from assignments.interface_checks import TaskNames

MARGIN = 1.2
"""What the trainings of a worker may take, as a multiple of their budgets."""


def sound_terms(document: Document) -> dict[str, ContractTerms]:
    """The terms of each contract that exists and whose terms can be read; the others are problems already."""
    table = document.values.get("contracts")
    if not isinstance(table, dict) or not table:
        return {}
    from assignments.contracts import CONTRACTS

    read = {name: _model(ContractTerms, value) for name, value in table.items() if name in CONTRACTS}
    return {name: terms for name, terms in read.items() if terms is not None}


def contract_problems(
    document: Document, tasks: Mapping[str, TaskNames] | None, assignment: Assignment | None
) -> list[Problem]:
    """What is wrong with the contracts of an assignment that may have other errors too.

    With `tasks` and a loaded assignment, its interface must declare what the contracts call.
    """
    table = document.values.get("contracts")
    if not isinstance(table, dict) or not table:
        return []
    from assignments.contracts import CONTRACTS

    problems = [
        document.problem(("contracts", name), f'there is no contract "{name}"', nearest(name, CONTRACTS))
        for name in table
        if name not in CONTRACTS
    ]
    terms = sound_terms(document)
    task = tasks.get(str(document.values.get("task"))) if tasks is not None else None
    for name, each in terms.items():
        problems += _terms_problems(document, name, each, CONTRACTS[name], "predict" if task is None else task.entry)
    problems += _trained_problems(document, [CONTRACTS[name] for name in terms], terms)
    if task is not None and assignment is not None:
        problems += _interface_problems(document, assignment, {name: CONTRACTS[name] for name in terms}, task)
    return problems


def _terms_problems(
    document: Document, name: str, terms: ContractTerms, contract: Contract, entry: str
) -> Iterator[Problem]:
    """A criterion, options and a task that do not fit one contract, or functions that students get as they are."""
    at = ("contracts", name)
    criteria = [
        str(item.get("id"))
        for item in document.values.get("criterion", [])
        if isinstance(item, dict) and item.get("kind") == "hidden_tests"
    ]
    if criteria and terms.criterion not in ([*criteria, ""] if len(criteria) == 1 else criteria):
        what = f"belongs to no criterion of kind hidden_tests; the assignment has {', '.join(criteria)}"
        yield document.problem(at, what, f'write criterion = "{criteria[0]}"')
    for option in contract.options:
        if option not in terms.options:
            cure = 'write scale = "columns" or scale = "intensity"' if option == "scale" else f"write {option} = ..."
            yield document.problem((*at, option), "is missing", cure)
    for option in terms.options:
        if option not in contract.options:
            takes = ", ".join(contract.options) or "no options"
            yield document.problem((*at, option), f"the contract {name} takes {takes}", f"remove {option}")
    task = str(document.values.get("task"))
    if contract.tasks is not None and task not in contract.tasks:
        what = f"cannot be asked of the task {task}: {contract.why}"
        yield document.problem(at, what, f"remove it; it is for {', '.join(sorted(contract.tasks))}")
    names = document.values.get("given")
    handed_out = [str(each) for each in names] if isinstance(names, list) else []
    about = [_named(function, entry) for function in contract.about]
    if all(function in handed_out for function in about):
        what = f"is about {' and '.join(about)}, which students get as they are: it would earn points for nothing"
        yield document.problem(at, what, f"remove it, or take {about[0]} out of given")
    limits = _model(Limits, document.values.get("limits", {}))
    if terms.budget_s is not None and limits is not None and limits.test_cpu_s < MARGIN * terms.budget_s + 5:
        what = f"{terms.budget_s:g} s of training do not fit in limits.test_cpu_s = {limits.test_cpu_s:g}"
        yield document.problem((*at, "budget_s"), what, f"write test_cpu_s = {MARGIN * terms.budget_s + 5:.0f} or more")


def _trained_problems(
    document: Document, contracts: list[Contract], terms: Mapping[str, ContractTerms]
) -> Iterator[Problem]:
    """A shared model that nobody describes, or whose trainings take more than its worker has."""
    names = [name for name, contract in zip(terms, contracts, strict=True) if contract.trained]
    if names and "trained" not in document.values:
        what = f"is missing, and {names[0]} needs a trained model"
        yield document.problem(("trained",), what, "add [trained] with cases = 48, budget_s = 10")
    trained, limits = _model(Trained, document.values.get("trained")), _model(Limits, document.values.get("limits", {}))
    if trained is None or limits is None:
        return
    count = 1 + sum(contract.trainings for contract in contracts)
    offered = offered_frameworks(document.values)
    budget_s = max(
        (trained.budget_in(name) for name in get_args(Framework) if name in offered), default=trained.budget_s
    )
    needed = MARGIN * count * budget_s
    if needed > limits.shared_cpu_s:
        what = f"{count} trainings of {budget_s:g} s exceed limits.shared_cpu_s = {limits.shared_cpu_s:g}"
        yield document.problem(("trained", "budget_s"), what, f"write shared_cpu_s = {needed:.0f}, or a smaller budget")


def _interface_problems(
    document: Document, assignment: Assignment, contracts: Mapping[str, Contract], task: TaskNames
) -> Iterator[Problem]:
    """Functions that a contract calls and nobody declares, and batches that the entry point does not take."""
    from assignments.derived.interface import solution_interface
    from assignments.interface_checks import leading_sizes

    try:
        interface = solution_interface(assignment)
    except UserError:
        return  # reported with the interface itself
    for name, contract in contracts.items():
        called = [_named(function, task.entry) for function in contract.calls]
        missing = [function for function in called if function not in interface.functions]
        for function in missing:
            what = f"calls {function}, which interface.py does not declare"
            yield document.problem(("contracts", name), what, f"declare {function}, or remove the contract")
        if contract.whole_batches and task.entry in interface.functions:
            fixed = sorted(size for size in leading_sizes(interface, task.entry) if size.isdecimal())
            if fixed:
                what = f"passes several cases in one call, but inputs of {task.entry} have {fixed[0]} case"
                yield document.problem(("contracts", name), what, 'declare a name such as "n", or remove the contract')


def _named(function: str, entry: str) -> str:
    from assignments.contracts.contract import ENTRY

    return entry if function == ENTRY else function


def _model(model: Any, value: object) -> Any:
    """A table of a file that may have other errors; None where it cannot be read."""
    try:
        return model.model_validate(value)
    except ValidationError:
        return None
