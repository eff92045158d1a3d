"""Contracts by name: tests that every model of a kind must pass, which an assignment names in `[contracts]`.

A new contract needs two things: a file in this folder, and a line in `CONTRACTS`.
"""

from __future__ import annotations

from assignments.contracts import (
    alone_as_in_a_batch,
    keeps_its_budget,
    keeps_its_inputs,
    one_output_map,
    other_seed_other_model,
    predicts_the_same_again,
    same_seed_same_model,
    saved_and_loaded,
    shuffled_labels,
    units,
)
from assignments.contracts.contract import Contract

__all__ = ["CONTRACTS", "Contract"]

CONTRACTS: dict[str, Contract] = {
    "predicts_the_same_again": predicts_the_same_again.CONTRACT,
    "alone_as_in_a_batch": alone_as_in_a_batch.CONTRACT,
    "same_seed_same_model": same_seed_same_model.CONTRACT,
    "other_seed_other_model": other_seed_other_model.CONTRACT,
    "keeps_its_inputs": keeps_its_inputs.CONTRACT,
    "saved_and_loaded": saved_and_loaded.CONTRACT,
    "one_output_map": one_output_map.CONTRACT,
    "keeps_its_budget": keeps_its_budget.CONTRACT,
    "units": units.CONTRACT,
    "shuffled_labels": shuffled_labels.CONTRACT,
}
