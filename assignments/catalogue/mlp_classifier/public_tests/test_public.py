"""Public tests, which `medmark check` runs on your machine: small numbers, worked out by hand. They earn no marks."""

import numpy as np

from assignments.testing import close

CONFIG = {"n_in": 30, "hidden": [32, 16], "activation": "relu"}


def test_statistics_by_hand(student):
    """The column 1, 3 has mean 2 and standard deviation 1; the column 5, 5 never varies, so that its scale is 1."""
    mean, scale = student.statistics(np.array([[1, 5], [3, 5]], np.float32))
    assert close(mean, [2, 5], atol=1e-5), "take the mean down the rows: axis=0"
    assert close(scale, [1, 1], atol=1e-5), "divide by n; put 1 where the standard deviation is 0"


def test_the_network_answers_one_logit_a_row(student, rng):
    """A new network takes rows (n, 30) and returns logits (n,); 30-32-16-1 has 1537 weights and biases."""
    model = student.build_model(CONFIG)
    logit = student.model.forward(model, rng.normal(size=(5, 30)).astype(np.float32))
    assert logit.shape == (5,), "the last layer gives (n, 1): take its only column"
    assert student.parameter_count(CONFIG) == 1537, "a layer from m to n values has m n weights and n biases"


def test_the_loss_of_not_knowing(student):
    """A logit of 0 is a probability of one half, and costs log 2 whatever the truth."""
    logit, y = np.zeros(4, np.float32), np.array([0, 1, 1, 0], np.float32)
    loss = student.tensors.bce_with_logits(logit, y)
    assert close(loss, np.log(2), atol=1e-5), "take the mean over the rows, and apply the sigmoid once"
    assert close(student.constant_loss(0.5), np.log(2), atol=1e-5), "the best constant answer is the share itself"


def test_a_step_goes_downhill(student, rng):
    """A small step on a batch lowers its loss."""
    model = student.build_model({**CONFIG, "n_in": 4})
    x, y = rng.normal(size=(16, 4)).astype(np.float32), np.tile(np.float32([0, 1]), 8)
    before, after = (student.tensors.train_step(model, x, y, 0.01) for _ in range(2))
    assert after < before, "move every weight by -lr times its gradient, and return the loss before the step"


def test_training_tells_two_clouds_apart(student, rng):
    """`fit` learns to tell two clouds apart, `predict` gives class 1 the high values, and `load` brings both back."""
    y = np.tile(np.array([0, 1], np.uint8), 40)
    x = (rng.normal(size=(80, 30)) + 2 * y[:, None]).astype(np.float32)
    model = student.fit({"x": x, "y": y}, None, seed=0, budget_s=10.0)
    prob = student.predict(model, {"x": x})["prob"]
    assert prob[y == 1].min() > prob[y == 0].max(), "does the loss fall from epoch to epoch? is 1 the positive class?"
    student.save(model, "saved")
    again = student.predict(student.load("saved"), {"x": x})["prob"]
    assert close(again, prob, atol=1e-5), "save the mean and the scale too: they belong to the model"


def test_a_threshold_by_hand(student):
    """Of four malignant cases at 0.9, 0.8, 0.6 and 0.2, a threshold of 0.6 finds three quarters."""
    prob = np.array([0.9, 0.8, 0.7, 0.6, 0.3, 0.2], np.float32)
    y = np.array([1, 1, 0, 1, 0, 1], np.uint8)
    found = prob >= student.choose_threshold(prob, y, 0.75)
    assert found.tolist() == [True, True, True, True, False, False], "the highest that still finds three of the four"


def test_steps_lower_the_loss(student, rng):
    """Ten steps on one batch, and the loss of that batch is lower than after the first."""
    y = np.tile(np.array([0, 1], np.float32), 8)
    x = (rng.normal(size=(16, 30)) + 2 * y[:, None]).astype(np.float32)
    model = student.build_model({"n_in": 30, "hidden": [8], "activation": "tanh"})
    losses = [student.tensors.train_step(model, x, y, lr=0.1) for _ in range(10)]
    assert losses[-1] < losses[0], "each step goes against the gradient of the mean loss"


def test_a_saved_model_is_loaded_from_its_folder_alone(student, rng):
    """`load` gives a model that predicts what the saved one did."""
    x = rng.normal(size=(5, 30)).astype(np.float32)
    y = np.array([0, 1, 0, 1, 1], np.uint8)
    model = student.fit({"x": x, "y": y}, None, seed=0, budget_s=1.0)
    student.save(model, "saved")
    again = student.predict(student.load("saved"), {"x": x})["prob"]
    assert close(again, student.predict(model, {"x": x})["prob"], atol=1e-5), "mean and SD belong to the model"
