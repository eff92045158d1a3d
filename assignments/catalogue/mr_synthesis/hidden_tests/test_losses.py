"""The losses, and what each of them makes a network answer."""

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


def softplus(x):
    """log(1 + exp(x)), in double precision: -log sigmoid(-x)."""
    return np.logaddexp(0, np.asarray(x, np.float64))


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def is_near(slope, expected):
    return bool(np.allclose(slope, expected, rtol=0.05, atol=0))


def patches(rng, n=3):
    """Logits of patches, the real ones a little higher."""
    real, fake = (rng.normal(mean, 1.5, (n, 6, 5)).astype(np.float32) for mean in (0.7, -0.4))
    return real, fake


@pytest.mark.points(3)
def test_l1_counts_the_brain_alone(student, rng):
    """`l1_loss` is the mean absolute error in the brain, where every case counts the same, large or small."""
    answer, target = rng.normal(0, 1, (2, 3, 12, 10)).astype(np.float32)
    mask = (rng.random(target.shape) < np.array([0.7, 0.3, 0.1]).reshape(3, 1, 1)).astype(np.uint8)
    mask[:, 0, 0] = 1  # never empty
    answer[mask == 0] *= 4  # air may look like anything
    error, inside = np.abs(answer.astype(np.float64) - target), mask > 0
    squares = [(values[m] ** 2).mean() for values, m in zip(error, inside, strict=True)]
    assert close(
        student.tensors.l1_loss(answer, target, mask),
        np.mean([values[m].mean() for values, m in zip(error, inside, strict=True)]),
        rtol=1e-4,
        mistaken={
            "l1_over_air": error.mean(),
            "divided_by_all_pixels": (error * mask).mean(),
            "l2_called_l1": np.mean(squares),
            "pooled_over_the_batch": error[inside].mean(),
        },
    )


@pytest.mark.points(2)
def test_what_a_network_answers_where_it_cannot_know(student, rng):
    """`best_constant` is the median under L1 and the mean under L2: no other number has a smaller loss."""
    for n in (7, 31):
        values = rng.gamma(0.7, 3, n)  # skewed: median and mean lie apart
        median, mean = float(np.sort(values)[n // 2]), float(values.mean())
        assert close(student.best_constant(values, "l1"), median, mistaken={"mean_for_the_median": mean})
        assert close(student.best_constant(values, "l2"), mean, mistaken={"median_for_the_mean": median})


@pytest.mark.points(2)
def test_what_the_discriminator_minimises(student, rng):
    """`discriminator_loss` is small where real is above 0 and fake below; it adds the means of both."""
    real, fake = patches(rng)
    both = softplus(-real).mean() + softplus(fake).mean()
    assert close(
        student.tensors.discriminator_loss(real, fake),
        both,
        rtol=1e-4,
        mistaken={
            "labels_swapped": softplus(real).mean() + softplus(-fake).mean(),
            "halved": both / 2,
            "sigmoid_twice": softplus(-sigmoid(real)).mean() + softplus(sigmoid(fake)).mean(),
            "fake_alone": softplus(fake).mean(),
        },
    )
    zeros = np.zeros((2, 5, 4), np.float32)
    assert close(student.tensors.discriminator_loss(zeros, zeros), 2 * np.log(2), rtol=1e-4)


@pytest.mark.points(2)
def test_what_the_generator_minimises(student, rng):
    """`generator_loss` is small where the discriminator takes fake for real."""
    _, fake = patches(rng)
    assert close(
        student.tensors.generator_loss(fake),
        softplus(-fake).mean(),
        rtol=1e-4,
        mistaken={
            "saturating": -softplus(fake).mean(),
            "wants_to_be_caught": softplus(fake).mean(),
            "sigmoid_twice": softplus(-sigmoid(fake)).mean(),
            "summed": softplus(-fake).sum(),
        },
    )
    zeros = np.zeros((2, 5, 4), np.float32)
    assert close(student.tensors.generator_loss(zeros), np.log(2), rtol=1e-4)


@pytest.mark.points(2)
def test_a_sure_discriminator_still_teaches(student, rng):
    """Where the discriminator is sure that an image is fake, `generator_loss` is steepest: each patch pulls by 1/n."""
    fake = rng.uniform(-12, -9, (2, 4, 3)).astype(np.float32)
    n = fake.size
    slope = student.gradient.generator_loss(fake, wrt=0)
    flat = sigmoid(fake)  # the slope of log(1 - sigmoid), turned round: next to nothing
    points_to("saturating", is_near(n * slope, -flat))
    points_to("wants_to_be_caught", is_near(n * slope, flat))
    points_to("sigmoid_twice", is_near(n * slope, -sigmoid(-flat) * flat * (1 - flat)))
    assert close(slope, -sigmoid(-fake) / n, rtol=0.01, mistaken={"summed": -sigmoid(-fake)})
    assert close(student.tensors.generator_loss(fake), softplus(-fake).mean(), rtol=1e-3)


@pytest.mark.points(2)
def test_losses_of_sure_logits(student, rng):
    """Both adversarial losses are exact and finite for logits of a hundred and more, on either side."""
    for scale in (1, 150):
        real, fake = (scale * rng.choice([-1, 1], (2, 4, 3)) * rng.uniform(0.7, 1.3, (2, 4, 3)) for _ in range(2))
        expected = [softplus(-real).mean() + softplus(fake).mean(), softplus(-fake).mean()]
        real, fake = real.astype(np.float32), fake.astype(np.float32)
        points_to("log_of_a_sigmoid", scale > 1)  # what is right for small logits, and wrong for these
        answers = [student.tensors.discriminator_loss(real, fake), student.tensors.generator_loss(fake)]
        if scale == 1:
            needs(
                bool(np.allclose(answers, expected, rtol=1e-3)),
                "both losses have to be right for small logits first",
                mend="test_losses.py::test_what_the_discriminator_minimises",
            )
    assert close(answers, expected, rtol=1e-3)
