"""`predict`: properties of any sound U-Net, trained or not. Its weights are drawn here, so nothing is trained."""

import numpy as np
import pytest

from assignments.testing import close, needs, points_to

CONFIG = {"base": 4, "depth": 3, "skips": True, "prior": 0.1}


def drawn_model(student, rng):
    """A model whose answers differ from voxel to voxel, as those of a new model do not.

    It has to be a network: its logits are not the image, and one brighter voxel changes more logits than its own.
    """
    model = student.build_model(CONFIG)
    weights = student.model.parameters(model)
    noise = [rng.normal(0, 0.2, weight.shape).astype(np.float32) for weight in weights]
    student.model.set_parameters(model, [a + b for a, b in zip(weights, noise, strict=True)])
    x = rng.normal(size=(1, 4, 8, 8)).astype(np.float32)
    logit = student.model.forward(model, x)
    x[0, 2, 4, 4] += 3
    changed = np.count_nonzero(student.model.forward(model, x) != logit)
    needs(
        changed > 1,
        "the model has to be a network first: one brighter voxel changes no other logit",
        mend="test_network.py::test_volumes_of_any_size",
    )
    return model


def probabilities(student, model, image):
    return student.predict(model, {"image": np.ascontiguousarray(image)})["prob"]


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit.astype(np.float64)))


def needs_varied(prob):
    """Of probabilities that are all the same, much is true."""
    needs(np.ptp(prob) > 0.01, "`predict` has to answer differently from voxel to voxel first, as its model does")


@pytest.mark.points(3)
def test_exactly_one_sigmoid(student, rng):
    """`predict` turns logits into probabilities with one sigmoid: where the logit is 0 it answers 0.5."""
    image = rng.gamma(2, 100, (1, 8, 24, 24)).astype(np.float32)
    model = drawn_model(student, rng)
    needs_varied(probabilities(student, model, image))
    weights = student.model.parameters(model)
    student.model.set_parameters(model, [np.zeros_like(weight) for weight in weights])
    half, twice = np.full(image.shape, 0.5), np.full(image.shape, sigmoid(np.float64(0.5)))
    assert close(probabilities(student, model, image), half, atol=1e-4, mistaken={"sigmoid_twice": twice})


@pytest.mark.points(3)
def test_a_case_alone_as_in_company(student, rng):
    """A case gets the same probabilities alone and together with others, however bright those are."""
    image = rng.gamma(2, 100, (3, 9, 25, 30)).astype(np.float32)
    image[1] *= 50
    model = drawn_model(student, rng)
    together = probabilities(student, model, image)
    needs_varied(together)
    # If `predict` repeats itself, and the network keeps the cases apart, what mixes them comes before the network.
    repeats = np.abs(probabilities(student, model, image) - together).max() < 1e-6
    logit = [student.model.forward(model, x) for x in (image[:, :8, :24, :24], image[:1, :8, :24, :24])]
    points_to("scaled_by_the_batch", repeats and np.abs(logit[0][0] - logit[1][0]).max() < 1e-3)
    for case in (0, 2):
        assert close(probabilities(student, model, image[case : case + 1])[0], together[case], atol=1e-3)


@pytest.mark.points(2)
def test_unit_of_intensity_does_not_matter(student, rng):
    """Ten times the intensity plus 500 is the same patient in another scanner: the probabilities stay the same."""
    image = rng.gamma(2, 100, (1, 8, 24, 24)).astype(np.float32)
    model = drawn_model(student, rng)
    before = probabilities(student, model, image)
    needs_varied(before)
    as_it_is = sigmoid(student.model.forward(model, image))
    points_to("not_scaled", np.median(np.abs(before - as_it_is)) < 1e-3)  # its smaller pieces are removed
    assert close(probabilities(student, model, 10 * image + 500), before, atol=2e-3)
