"""`compose`, `exponentiate`, `squarings`, `jacobian_determinant` and `bending_energy`: fields without any image."""

import numpy as np
import pytest
from scipy import ndimage

from assignments.testing import close, points_to


def affine(matrix, shift, shape):
    """The field u(p) = matrix @ (p - middle) + shift, (1, 2, H, W)."""
    middle = (np.array(shape) - 1)[:, None, None] / 2
    around = np.indices(shape) - middle
    return (np.einsum("ij,jhw->ihw", matrix, around) + np.reshape(shift, (2, 1, 1)))[None].astype(np.float32)


def read_at(field, by):
    """A field (2, H, W) at p + by(p)."""
    points = np.indices(field.shape[1:]) + by
    return np.stack([ndimage.map_coordinates(axis, points, order=1, mode="nearest") for axis in field])


def smooth(rng, shape, largest):
    """A field (1, 2, H, W) of at most so many pixels."""
    u = ndimage.gaussian_filter(rng.normal(size=(1, 2, *shape)), (0, 0, 5, 5))
    return (u * largest / np.abs(u).max()).astype(np.float32)


@pytest.mark.points(2)
def test_the_second_field_is_read_where_the_first_leads(student, rng):
    """`compose` goes by the first field, and reads the second one at the point where it has arrived."""
    shape = (24, 20)
    shift = affine(np.zeros((2, 2)), rng.choice([-1, 1], 2) * rng.uniform(1.5, 2.5, 2), shape)
    stretch = affine(np.array([[0.2, 0.2], [-0.1, rng.uniform(0.1, 0.3)]]), [0, 0], shape)
    inner = (slice(None), slice(None), slice(6, -6), slice(6, -6))
    for first, second in ((smooth(rng, shape, 3), smooth(rng, shape, 3)), (shift, stretch), (stretch, shift)):
        answer = student.tensors.compose(first, second)
        expected = first[0] + read_at(second[0], first[0])
        other = second[0] + read_at(first[0], second[0])
        assert close(
            answer[inner],
            expected[None][inner],
            atol=1e-3,
            mistaken={"fields_are_added": (first + second)[inner], "steps_exchanged": other[None][inner]},
        )


@pytest.mark.points(3)
def test_the_flow_of_a_velocity(student, rng):
    """`exponentiate` halves the velocity as often as it squares: a turn turns, and a shift shifts by itself."""
    shape, k = (41, 37), int(rng.integers(4, 7))
    turn = rng.choice([-1, 1]) * rng.uniform(0.4, 0.7) * np.array([[0.0, -1.0], [1.0, 0.0]])
    velocity = affine(turn, [0, 0], shape)
    of_one_step = np.linalg.matrix_power(np.eye(2) + turn / 2**k, 2**k) - np.eye(2)
    middle = (slice(None), slice(None), slice(12, -12), slice(12, -12))
    shift = affine(np.zeros((2, 2)), rng.uniform(1, 2, 2), shape)
    assert close(
        student.tensors.exponentiate(shift, k),
        shift,
        atol=1e-3,
        mistaken={
            "not_halved": 2**k * shift,
            "halved_once_too_few": 2 * shift,
        },
    )
    twice = velocity[0] + read_at(velocity[0], velocity[0])
    assert close(
        student.tensors.compose(velocity, velocity)[middle],
        twice[None][middle],
        atol=1e-2,
        mistaken={"fields_are_added": 2 * velocity[middle]},
    )
    assert close(
        student.tensors.exponentiate(velocity, k)[middle],
        affine(of_one_step, [0, 0], shape)[middle],
        atol=1e-2,
        rtol=0,
        mistaken={"velocity_taken_for_displacement": velocity[middle]},
    )
    assert close(student.tensors.exponentiate(velocity, 0), velocity)
    assert close(student.tensors.exponentiate(0 * velocity, k), 0 * velocity, atol=1e-6)


@pytest.mark.points(1)
def test_the_flow_back_leads_home(student, rng):
    """`exponentiate` of a velocity and of its negative are inverse to each other."""
    velocity = smooth(rng, (40, 36), 6)
    there, back = (student.tensors.exponentiate(sign * velocity, 7)[0] for sign in (1, -1))
    left = (there + read_at(back, there))[:, 8:-8, 8:-8]
    assert np.abs(there).max() > 2
    assert np.abs(left).max() < 0.25


@pytest.mark.points(2)
def test_how_often_to_square(student, rng):
    """`squarings` is the number of halvings until a step is small enough: one more doubles the steps."""
    for speed, step in (
        (8.0, 0.5),
        (0.2, 0.5),
        *((float(a), float(b)) for a, b in rng.uniform([3, 0.1], [30, 0.4], (3, 2))),
    ):
        halvings = max(0, int(np.ceil(np.log2(speed / step))))
        assert close(
            student.squarings(speed, step),
            halvings,
            mistaken={
                "steps_are_counted": int(np.ceil(speed / step)),
                "halvings_rounded_down": int(np.floor(np.log2(speed / step))),
            },
        )


def slopes(u):
    """The central differences of a field (n, 2, H, W) at inner pixels: by row and by column, of both components."""
    return np.gradient(u.astype(np.float64), axis=(2, 3))


def determinant(u):
    """det(I + grad u), (n, H - 2, W - 2)."""
    by_row, by_column = (slope[:, :, 1:-1, 1:-1] for slope in slopes(u))
    return (1 + by_row[:, 0]) * (1 + by_column[:, 1]) - by_row[:, 1] * by_column[:, 0]


@pytest.mark.points(2)
def test_the_area_of_a_pixel(student, rng):
    """`jacobian_determinant` is det(A) for an affine map A, 1 for no displacement, and negative where a field folds."""
    shape = (13, 17)
    matrix = np.eye(2) + rng.uniform(-0.5, 0.5, (2, 2)) + [[0, 0.5], [0.4, 0]]
    fold = affine(np.diag([-1.7, 0.1]), [0, 0], shape)
    for u in (affine(matrix - np.eye(2), [3, -2], shape), fold, 0 * fold, smooth(rng, shape, 6)):
        by_row, by_column = (slope[:, :, 1:-1, 1:-1] for slope in slopes(u))
        alone = by_row[:, 0] * by_column[:, 1] - by_row[:, 1] * by_column[:, 0]
        expected = determinant(u)
        assert close(
            student.tensors.jacobian_determinant(u),
            expected,
            atol=1e-4,
            mistaken={
                "identity_forgotten": alone,
                "shear_left_out": (1 + by_row[:, 0]) * (1 + by_column[:, 1]),
            },
        )


@pytest.mark.points(3)
def test_the_energy_of_bending(student, rng):
    """`bending_energy` is 0 for shift, turn and stretch, and of a bent field the same in images of any size."""
    a, b, c = rng.uniform(0.02, 0.06, 3)
    for shape in ((12, 15), (25, 18)):
        flat = student.tensors.bending_energy(affine(rng.uniform(-0.3, 0.3, (2, 2)), [4, -3], shape))
        points_to("slopes_are_penalised", flat > 1e-3)
        assert close(flat, 0.0, atol=1e-5)
        row, column = np.indices(shape)
        u = np.stack([a * row**2 + b * row * column, c * column**2])[None].astype(np.float32)  # u_rc is b
        straight, mixed = (2 * a) ** 2 + (2 * c) ** 2, b**2
        to_1 = [(2 / (size - 1)) ** 2 for size in shape]  # of rows, of columns, in units of half the image
        in_units = to_1[0] * ((2 * a) ** 2 + 2 * mixed) + to_1[1] * (2 * c) ** 2
        assert close(
            student.tensors.bending_energy(u),
            straight + 2 * mixed,
            rtol=1e-2,
            mistaken={
                "energy_in_halves_of_the_image": in_units,
                "mixed_difference_once": straight + mixed,
            },
        )
