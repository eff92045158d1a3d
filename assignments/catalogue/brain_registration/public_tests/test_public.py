"""Public tests, which `medmark check` runs on your machine: small fields, worked out by hand. They earn no marks."""

import numpy as np

from assignments.testing import close

CONFIG = {"width": 16, "levels": 4}


def shifted(rows, columns, shape=(6, 8)):
    return np.broadcast_to(np.float32([rows, columns])[:, None, None], (1, 2, *shape)).copy()


def test_a_pixel_is_pulled_from_below(student):
    """A field of one row reads the row below, and beyond the last row the last row."""
    image = np.arange(48, dtype=np.float32).reshape(1, 6, 8)
    warped = student.tensors.warp(image, shifted(1, 0), "linear")
    assert close(warped[0, :5], image[0, 1:], atol=1e-3), "warped(p) = image(p + u(p)), rows first"
    assert close(warped[0, 5], image[0, 5], atol=1e-3), "beyond the border the last pixel counts"


def test_labels_are_taken_from_the_nearest_pixel(student):
    """A label map that is moved by 0.6 columns has the labels of the next column, as integers."""
    label = np.uint8([[[0, 0, 9, 9], [0, 0, 9, 9]]])
    warped = student.tensors.warp(label, shifted(0, 0.6, (2, 4)), "nearest")
    assert close(warped[0, 0], [0, 9, 9, 9]), "with nearest no label is invented"


def test_two_shifts_add_up(student):
    """A shift by (1, 2) and then by (0, -1) is one by (1, 1)."""
    assert close(student.tensors.compose(shifted(1, 2), shifted(0, -1)), shifted(1, 1), atol=1e-4)


def test_the_flow_of_a_shift(student):
    """A velocity of 1.5 rows everywhere moves everything by 1.5 rows, however often it is halved and squared."""
    assert close(student.tensors.exponentiate(shifted(1.5, 0), 4), shifted(1.5, 0), atol=1e-4)
    assert student.squarings(8.0, 1.0) == 3, "8, 4, 2, 1: three halvings"


def test_a_stretch_by_a_half(student):
    """A field that stretches rows by a half makes every pixel 1.5 times as large, and bends nothing."""
    u = np.zeros((1, 2, 6, 8), np.float32)
    u[0, 0] = 0.5 * np.arange(6)[:, None]
    assert close(student.tensors.jacobian_determinant(u), np.full((1, 4, 6), 1.5), atol=1e-4), "det(I + grad u)"
    assert close(student.tensors.bending_energy(u), 0.0, atol=1e-5), "second differences of a straight line are 0"


def test_an_image_is_like_itself(student, rng):
    """The local correlation of an image with itself is 1, in any gain."""
    image = rng.normal(0, 5, (2, 12, 10)).astype(np.float32)
    assert close(student.tensors.lncc(image, 3 * image + 1, 5), [1, 1], atol=1e-2)


def test_a_landmark_three_rows_off(student):
    """Without displacement, a landmark three rows of 2 mm from its partner is 6 mm off."""
    fixed, moving = np.float32([[[2, 3]]]), np.float32([[[5, 3]]])
    spacing = np.float32([[2, 1]])
    assert close(student.landmark_error(shifted(0, 0), fixed, moving, spacing), [6.0], atol=1e-4)
    assert close(student.landmark_error(shifted(3, 0), fixed, moving, spacing), [0.0], atol=1e-4)


def test_parameters_of_the_network(student):
    """Width 16 and four levels make 100 258 parameters, and a new network moves nearly nothing."""
    model = student.build_model(CONFIG)
    assert student.model.parameter_count(model) == 100_258
    assert student.parameter_count(CONFIG) == 100_258
    u = student.model.forward(model, np.ones((1, 2, 20, 16), np.float32))
    assert u.shape == (1, 2, 20, 16)
    assert np.abs(u).max() < 0.1, "draw the last weights near 0"


def test_a_saved_model_predicts_the_same(student, rng):
    """`fit` takes a few small pairs, and the model that it returns answers the same after `save` and `load`."""
    fixed, moving = rng.gamma(2, 100, (2, 3, 32, 32)).astype(np.float32)
    inputs = {"fixed": fixed, "moving": moving, "spacing": np.full((3, 2), 3, np.float32)}
    truth = {"labels": np.zeros((3, 2, 32, 32), np.uint8), "landmarks": np.full((3, 2, 4, 2), 9, np.float32)}
    model = student.fit({**inputs, **truth, "subject": np.arange(3)}, None, seed=0, budget_s=2.0)
    field = student.predict(model, inputs)["field"]
    student.save(model, "saved")
    again = student.predict(student.load("saved"), inputs)["field"]
    assert close(again, field, atol=1e-4), "save the configuration too: `load` knows nothing but the folder"
