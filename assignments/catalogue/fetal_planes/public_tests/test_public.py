"""Public tests, which `medmark check` runs on your machine: small arrays, worked out by hand. They earn no marks."""

import numpy as np

from assignments.testing import close

CONFIG = {"width": 16, "blocks": 3, "dropout": 0.3, "classes": 4}


def test_frames_of_a_fetus_stay_together(student):
    """Of four fetuses with three frames each, a share of 0.25 is one of them."""
    rest, held = student.split_subjects(np.repeat(np.arange(4), 3), 0.25, 1)
    assert close(len(held), 3), "the share is of the fetuses"
    assert len(set(held // 3)) == 1, "all frames of a fetus are in one part"
    assert sorted([*rest, *held]) == list(range(12)), "every frame is in one of the parts"


def test_an_augmented_frame_keeps_its_size(student):
    """A frame of 20 x 30 pixels stays one, and its landmark moves by some pixels at most."""
    image, point = student.augment(np.ones((20, 30), np.float32), np.array([10.0, 15.0]), student.generator(1))
    assert image.shape == (20, 30), "move the frame inside its own grid"
    assert np.abs(point - (10, 15)).max() < 15, "(row, column) of the same spot in the new frame"


def test_dropout_of_ones(student):
    """With a rate of 0.5, ones become 0 or 2."""
    dropped = student.dropout(np.ones((10, 20)), 0.5, student.generator(1))
    assert set(np.unique(dropped)) == {0.0, 2.0}, "divide what stays by 1 - rate"


def test_parameters_and_reach(student):
    """Width 16 and three blocks make 74 852 parameters, and a feature of the last one sees 43 pixels."""
    count = student.model.parameter_count(student.build_model(CONFIG))
    assert count == 74_852, "three convolutions without bias a block, two norms, and the linear layer"
    assert student.parameter_count(CONFIG) == 74_852, "work it out from the configuration"
    assert student.receptive_field(CONFIG) == 43, "a stride of 2 doubles what later kernels span"


def test_not_knowing_costs_log_4(student):
    """With logits of 0, each frame costs log 4."""
    loss = student.tensors.cross_entropy(np.zeros((3, 4), np.float32), np.array([0, 1, 2], np.uint8))
    assert close(loss, np.log(4), atol=1e-5), "logits go in; take the mean over the frames"


def test_two_networks_that_disagree(student):
    """One network is sure of plane 0, the other knows nothing: together 0.5 + 0.125, and 0.125 for each other plane."""
    prob = student.ensemble(np.array([[[100.0, 0, 0, 0]], [[0.0, 0, 0, 0]]]))
    assert close(prob, [[0.625, 0.125, 0.125, 0.125]], atol=1e-6), "softmax of each network first, then the mean"
    assert close(student.brier_score(prob, np.array([0], np.uint8)), 0.1875, atol=1e-6), "0.375^2 + 3 * 0.125^2"


def test_a_saved_model_predicts_the_same(student, rng):
    """`fit` takes a few frames, and the model that it returns answers the same after `save` and `load`."""
    image, y = rng.uniform(0, 255, (24, 24, 24)).astype(np.float32), np.arange(24, dtype=np.uint8) % 4
    model = student.fit({"image": image, "y": y}, None, seed=0, budget_s=3.0)
    prob = student.predict(model, {"image": image})["prob"]
    assert close(prob.sum(axis=1), np.ones(24), atol=1e-4), "softmax over the planes"
    student.save(model, "saved")
    again = student.predict(student.load("saved"), {"image": image})["prob"]
    assert close(again, prob, atol=1e-5), "the running statistics belong to the model"
