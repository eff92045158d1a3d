"""There is exactly one sigmoid or softmax between the last layer and the probabilities.

The weights are set so that the network's output is certain: 0 with all weights 0, or the last bias of several classes.
So it holds for models that receive prepared inputs too, and for any architecture that ends in a linear layer.
"""

import numpy as np

from assignments.contracts.contract import ENTRY, CommonMistake, Contract
from assignments.contracts.edits import around_predict, if_probed, map_in_the_model
from assignments.testing import close, needs, points_to


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


def softmax(logit):
    weights = np.exp(logit - logit.max())
    return weights / weights.sum()


def output_bias(weights, classes):
    """The number of the last weight with one entry for each class; None without one."""
    return next((i for i in reversed(range(len(weights))) if weights[i].shape == (classes,)), None)


def test_one_output_map(trained, small_cases, rng):
    """The model returns logits, and exactly one sigmoid or softmax makes probabilities of them."""
    cases = small_cases(2, rng)
    before = trained.answer(cases)
    weights = trained.student.model.parameters(trained.model)
    logit, output_map = np.zeros(before.shape[1:]), sigmoid
    new = [np.zeros_like(weight) for weight in weights]
    if trained.calls.facts.exclusive:
        bias = output_bias(weights, before.shape[1])
        needs(bias is not None, "the output layer needs a bias: one number for each class, which can make it certain")
        logit, output_map = rng.permutation(np.linspace(-1, 1, before.shape[1])), softmax
        new[bias] = logit.astype(weights[bias].dtype)
    trained.student.model.set_parameters(trained.model, new)
    try:
        # A network that receives prepared images takes a small one as well: its output is the same everywhere.
        output = trained.student.model.forward(trained.model, cases[trained.calls.facts.inputs[0]])
        answer = trained.answer(cases)
    finally:
        trained.student.model.set_parameters(trained.model, weights)
    is_map = output.shape == before.shape and close(output, np.broadcast_to(output_map(logit), output.shape), atol=1e-3)
    points_to("output_map_in_the_model", is_map)
    assert close(output, np.broadcast_to(logit, output.shape), atol=1e-3)
    once, twice = output_map(logit), output_map(output_map(logit))
    assert close(
        answer,
        np.broadcast_to(once, answer.shape),
        atol=1e-3,
        mistaken={"output_map_twice": np.broadcast_to(twice, answer.shape)},
    )


CONTRACT = Contract(
    about=("fit", ENTRY),
    tasks=frozenset({"classification", "multilabel", "segmentation"}),
    why="its answers do not hold probabilities",
    mistakes=(
        CommonMistake(
            id="output_map_twice",
            title="The sigmoid or softmax is applied twice",
            advice="Applied to probabilities, the map squeezes them once more: a sigmoid of a sigmoid lies between a "
            "half and three quarters. Let the model return logits, and apply the map once, in `predict`.",
            try_it="Look at the smallest and the largest probability that `predict` returns.",
            edit=if_probed(
                around_predict(
                    """
                    answer = reference(model, inputs)
                    prob = answer[prediction]
                    e = np.exp(prob)
                    twice = e / e.sum(axis=-1, keepdims=True) if exclusive else 1 / (1 + 1 / e)
                    return {**answer, prediction: twice.astype(prob.dtype)}
                    """
                )
            ),
        ),
        CommonMistake(
            id="output_map_in_the_model",
            title="The model returns probabilities in place of logits",
            advice="The loss takes logits, because the logarithm of a rounded probability is infinite. With a map in "
            "the model, loss and `predict` both apply it a second time.",
            try_it="Print the output of the model for a few cases: logits are below 0 and above 1 too.",
            edit=if_probed(map_in_the_model),
        ),
    ),
)
