"""Public tests, which `medmark check` runs on your machine: small arrays, worked out by hand. They earn no marks."""

import numpy as np

from assignments.testing import close


def test_the_range_of_a_tanh(student):
    """0, a half and 1 are -1, 0 and 1 for the network, and come back."""
    inside = student.to_network_range(np.array([[[0, 0.5, 1]]], np.float32))
    assert close(inside, [[[-1, 0, 1]]], atol=1e-6), "a tanh answers from -1 to 1"
    assert close(student.from_network_range(np.array([[[-1, 0, 1]]], np.float32)), [[[0, 0.5, 1]]], atol=1e-6)


def test_the_networks_have_their_layers(student):
    """The generator of base 12 and depth 3 has 66 013 parameters, the discriminator of base 16 has 42 609."""
    count = student.model.parameter_count(student.build_generator({"base": 12, "depth": 3}))
    assert count == 66_013, "two 3 x 3 convolutions a level without bias, two numbers a channel in GroupNorm"
    judge = student.build_discriminator({"base": 16, "layers": 2})
    assert student.model.parameter_count(judge) == 42_609, "4 x 4 convolutions with bias, from two channels on, no norm"
    logit = student.model.forward(judge, np.zeros((1, 2, 72, 64), np.float32))
    assert logit.shape == (1, 16, 14), "pad by 1: two layers of stride 2, two of stride 1"
    assert student.receptive_field({"base": 16, "layers": 1}) == 16, "4, then 3 * 2 twice more"


def test_the_best_answers_to_1_2_and_9(student):
    """Of 1, 2 and 9 the median is 2 and the mean 4."""
    values = np.array([1.0, 2.0, 9.0])
    assert close(student.best_constant(values, "l1"), 2.0), "Σ |v - c| is least where as many values lie above as below"
    assert close(student.best_constant(values, "l2"), 4.0), "Σ (v - c)² is least at the mean"


def test_air_does_not_count(student):
    """An answer that is off by 0.5 in the brain, and by 3 in air, has an error of 0.5."""
    target = np.zeros((1, 2, 2), np.float32)
    answer = np.array([[[0.5, -0.5], [3, 3]]], np.float32)
    mask = np.array([[[1, 1], [0, 0]]], np.uint8)
    assert close(student.tensors.l1_loss(answer, target, mask), 0.5), "divide by the number of pixels in the brain"


def test_not_knowing_costs_log_2(student):
    """With logits of 0, the discriminator's loss is 2 log 2 and the generator's log 2."""
    zeros = np.zeros((2, 3, 3), np.float32)
    assert close(student.tensors.discriminator_loss(zeros, zeros), 2 * np.log(2), atol=1e-5), "add both means"
    assert close(student.tensors.generator_loss(zeros), np.log(2), atol=1e-5), "logits go in, the loss has the sigmoid"


def test_each_step_moves_one_network(student, rng):
    """A step of either network returns its loss, and the other network stays as it is."""
    image, target = rng.uniform(-1, 1, (2, 2, 16, 16)).astype(np.float32)
    mask = np.ones(image.shape, np.uint8)
    networks = student.build_generator({"base": 4, "depth": 2}), student.build_discriminator({"base": 4, "layers": 1})
    optimisers = student.build_optimisers(*networks, 1e-3)
    generator, discriminator = (student.model.parameters(network) for network in networks)
    loss = student.tensors.discriminator_step(*networks, optimisers, image, target, mask)
    assert 0.5 < loss < 3, "a new discriminator knows nothing: its loss is near 2 log 2 = 1.39"
    after = student.model.parameters(networks[0])
    assert all(close(a, b, atol=0) for a, b in zip(after, generator, strict=True)), "cut the fake off: no gradient"
    discriminator = student.model.parameters(networks[1])
    student.tensors.generator_step(*networks, optimisers, image, target, mask, 0.1)
    after = student.model.parameters(networks[1])
    assert all(close(a, b, atol=0) for a, b in zip(after, discriminator, strict=True)), "step with optimisers[0] alone"


def test_two_distributions_of_one_feature(student):
    """N(0, 1) and N(3, 4): means 3 apart, standard deviations 1 apart."""
    distance = student.frechet_distance(np.zeros(1), np.eye(1), np.full(1, 3.0), np.full((1, 1), 4.0))
    assert close(distance, 10.0, atol=1e-6), "the squared distance of the means, and of the standard deviations"


def test_a_saved_model_predicts_the_same(student, rng):
    """`fit` takes a few slices, and the model that it returns answers the same after `save` and `load`."""
    image = rng.gamma(2, 100, (8, 72, 64)).astype(np.float32)
    target, mask = np.clip(1 - image / 800, 0, 1), np.ones(image.shape, np.uint8)
    train = {"image": image, "target": target.astype(np.float32), "mask": mask}
    model = student.fit(train, None, seed=0, budget_s=3.0)
    answer = student.predict(model, {"image": image})["image"]
    assert answer.shape == image.shape, "an answer for every pixel"
    student.save(model, "saved")
    again = student.predict(student.load("saved"), {"image": image})["image"]
    assert close(again, answer, atol=1e-5), "save the configuration too: `load` knows nothing but the folder"
