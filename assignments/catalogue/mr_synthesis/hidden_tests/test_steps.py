"""`discriminator_step` and `generator_step`: each moves its own network, and moves it down its own loss.

The first step of Adam changes every weight by nearly the learning rate, against the sign of its gradient. The gradient
is computed here, from what both networks answer and from their derivatives.
"""

import numpy as np
import pytest

from assignments.testing import close, needs, points_to

RATE = 1e-3


class Game:
    """New networks with their optimisers, and a batch."""

    def __init__(self, student, rng):
        self.student = student
        self.generator = student.build_generator({"base": 4, "depth": 2})
        self.discriminator = student.build_discriminator({"base": 4, "layers": 1})
        self.optimisers = student.build_optimisers(self.generator, self.discriminator, RATE)
        self.image = rng.normal(size=(3, 24, 20)).astype(np.float32)
        self.target = rng.uniform(-1, 1, self.image.shape).astype(np.float32)
        self.mask = (rng.random(self.image.shape) < np.array([0.8, 0.5, 0.2]).reshape(3, 1, 1)).astype(np.uint8)
        self.mask[:, 8:16, 6:14] = 1
        for model, scale in ((self.generator, 2.0), (self.discriminator, 3.0)):  # surer than new networks are
            student.model.set_parameters(model, [scale * w for w in student.model.parameters(model)])
        fake = self.fake()
        needs(
            fake.shape == self.image.shape and np.ptp(fake) > 1e-6 and not np.array_equal(fake, self.image),
            "a new generator has to answer for every pixel, from what it sees there",
            mend="test_networks.py::test_the_generator_answers_for_every_pixel",
        )
        logit = self.logits(fake)
        needs(
            logit.ndim == 3 and np.ptp(logit) > 1e-6,
            "a new discriminator has to answer a logit for every patch, from what it sees there",
            mend="test_networks.py::test_the_discriminator_has_its_layers",
        )

    def pairs(self, answer):
        """What the discriminator sees: outside the brain there is air."""
        return np.stack([self.image, np.where(self.mask > 0, answer, np.float32(-1))], axis=1)

    def fake(self):
        return self.student.model.forward(self.generator, self.image)

    def logits(self, answer):
        return self.student.model.forward(self.discriminator, self.pairs(answer))

    def discriminator_step(self):
        arrays = (self.image, self.target, self.mask)
        return self.student.tensors.discriminator_step(self.generator, self.discriminator, self.optimisers, *arrays)

    def generator_step(self, weight):
        arrays = (self.image, self.target, self.mask)
        return self.student.tensors.generator_step(self.generator, self.discriminator, self.optimisers, *arrays, weight)

    def left_by_the_generator(self, weight):
        """The gradient that the generator's step leaves in the discriminator, where nobody clears it."""
        fake = self.fake()
        logit = self.logits(fake)
        at_logits = (-weight * sigmoid(-logit) / logit.size).astype(np.float32)
        return self.student.model.parameter_gradients(self.discriminator, self.pairs(fake), at_logits)

    def discriminator_slopes(self):
        """Of the discriminator's loss, for each of its weights."""
        total = None
        for answer, of_logit in ((self.target, lambda z: -sigmoid(-z)), (self.fake(), sigmoid)):
            logit = self.logits(answer)
            weight = (of_logit(logit) / logit.size).astype(np.float32)
            slopes = self.student.model.parameter_gradients(self.discriminator, self.pairs(answer), weight)
            total = slopes if total is None else [a + b for a, b in zip(total, slopes, strict=True)]
        return total

    def generator_slopes(self, weight):
        """Of the generator's loss, for each of its weights."""
        fake = self.fake()
        sizes = self.mask.sum(axis=(1, 2), keepdims=True) * len(fake)
        slope = self.mask * np.sign(fake - self.target) / sizes
        if weight:
            logit = self.logits(fake)
            at_logits = (-sigmoid(-logit) / logit.size).astype(np.float32)
            through = self.student.model.input_gradient(self.discriminator, self.pairs(fake), at_logits)[:, 1]
            slope = slope + weight * self.mask * through
        return self.student.model.parameter_gradients(self.generator, self.image, slope.astype(np.float32))


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def softplus(x):
    return np.logaddexp(0, np.asarray(x, np.float64))


def snapshot(student, model):
    """Everything in a network that a step could change."""
    return [*student.model.parameters(model), *student.model.buffers(model)]


def change(before, after):
    """The largest change of any number."""
    return max(float(np.abs(a - b).max()) for a, b in zip(before, after, strict=True) if a.size)


def downhill(before, after, slopes):
    """The share of the weights with a clear gradient that moved against it, -1 (all uphill) to 1."""
    ways = []
    for a, b, slope in zip(before, after, slopes, strict=True):
        clear = np.abs(slope) > max(0.05 * np.abs(slope).max(), 1e-5)
        ways.append(-np.sign(b - a)[clear] * np.sign(slope)[clear])
    return float(np.concatenate(ways).mean())


def needs_losses(values):
    needs(
        len({round(value, 7) for value in values}) == len(values),
        "each step has to return its loss, which the step before has changed",
        mend="test_steps.py::test_the_discriminator_learns_to_tell_real_from_fake",
    )


@pytest.mark.points(2)
def test_the_discriminators_step_moves_the_discriminator_alone(student, rng):
    """`discriminator_step` changes the discriminator, and nothing in the generator."""
    game = Game(student, rng)
    generator, discriminator = snapshot(student, game.generator), student.model.parameters(game.discriminator)
    values = [game.discriminator_step() for _ in range(2)]
    moved = change(generator, snapshot(student, game.generator))
    stays = change(discriminator, student.model.parameters(game.discriminator)) == 0
    points_to("wrong_optimiser_in_the_discriminators_step", moved > 0 and stays)
    points_to("generator_moves_in_the_discriminators_step", moved > 0 and not stays)
    assert moved == 0
    needs_losses(values)


@pytest.mark.points(3)
def test_the_discriminator_learns_to_tell_real_from_fake(student, rng):
    """`discriminator_step` goes down the slope of its own loss, after two steps of the generator too."""
    game = Game(student, rng)
    new, left, values = student.model.parameters(game.discriminator), [], []
    for _ in range(2):
        left.append(game.left_by_the_generator(0.5))
        values.append(game.generator_step(0.5))
    fake, before = game.fake(), student.model.parameters(game.discriminator)
    slopes = game.discriminator_slopes()
    real_logit, fake_logit = game.logits(game.target), game.logits(fake)
    value = game.discriminator_step()
    expected = softplus(-real_logit).mean() + softplus(fake_logit).mean()
    assert close(
        value,
        expected,
        rtol=1e-3,
        mistaken={
            "labels_swapped": softplus(real_logit).mean() + softplus(-fake_logit).mean(),
            "halved": expected / 2,
            "fake_alone": softplus(fake_logit).mean(),
            "sigmoid_twice": softplus(-sigmoid(real_logit)).mean() + softplus(sigmoid(fake_logit)).mean(),
        },
    )
    after = student.model.parameters(game.discriminator)
    with_left = [a + b + c for a, b, c in zip(slopes, *left, strict=True)]
    follows_own, follows_both = (downhill(before, after, each) > 0.98 for each in (slopes, with_left))
    points_to("gradient_of_the_generators_step_is_left", follows_both > follows_own and change(new, before) == 0)
    assert follows_own
    needs_losses(values)


@pytest.mark.points(2)
def test_the_generators_step_moves_the_generator_alone(student, rng):
    """`generator_step` changes the generator, and nothing in the discriminator that its gradient passes through."""
    game = Game(student, rng)
    values = [game.discriminator_step() for _ in range(2)]  # an optimiser that has moved before would move on
    discriminator = snapshot(student, game.discriminator)
    of_generator = [game.generator_step(0.5) for _ in range(2)]
    moved = change(discriminator, snapshot(student, game.discriminator))
    points_to("discriminator_moves_in_the_generators_step", moved > 0)
    assert moved == 0
    needs_losses(values)
    needs_losses(of_generator)


@pytest.mark.points(2)
def test_without_the_adversary_the_generator_follows_l1(student, rng):
    """With a weight of 0, `generator_step` goes down the slope of the mean absolute error in the brain."""
    game = Game(student, rng)
    fake, before = game.fake(), student.model.parameters(game.generator)
    slopes = game.generator_slopes(0)
    error = np.abs(fake.astype(np.float64) - game.target)
    value = game.generator_step(0.0)
    cases = [values[inside > 0].mean() for values, inside in zip(error, game.mask, strict=True)]
    assert close(value, np.mean(cases), rtol=1e-3, mistaken={"l1_over_air": error.mean()})
    assert downhill(before, student.model.parameters(game.generator), slopes) > 0.98


@pytest.mark.points(3)
def test_the_generator_learns_to_pass_for_real(student, rng):
    """With a large weight, `generator_step` goes where the discriminator takes its answer for real."""
    game, weight = Game(student, rng), 60.0
    fake, before = game.fake(), student.model.parameters(game.generator)
    slopes, without = game.generator_slopes(weight), game.generator_slopes(0)
    logit = game.logits(fake)
    error = np.abs(fake.astype(np.float64) - game.target)
    l1 = np.mean([values[inside > 0].mean() for values, inside in zip(error, game.mask, strict=True)])
    value = game.generator_step(weight)
    after = student.model.parameters(game.generator)
    follows_l1 = downhill(before, after, without) > 0.98
    points_to(
        "fake_cut_off_in_the_generators_step",
        follows_l1 and close(value, l1 + weight * softplus(-logit).mean(), rtol=1e-3),
    )
    assert close(
        value,
        l1 + weight * softplus(-logit).mean(),
        rtol=1e-3,
        mistaken={
            "weight_ignored": l1 + softplus(-logit).mean(),
            "adversary_ignored": l1,
            "wants_to_be_caught": l1 + weight * softplus(logit).mean(),
            "saturating": l1 - weight * softplus(logit).mean(),
        },
    )
    assert downhill(before, after, slopes) > 0.98
