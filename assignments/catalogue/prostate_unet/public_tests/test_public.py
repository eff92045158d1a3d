"""Public tests, which `medmark check` runs on your machine: small volumes, worked out by hand. They earn no marks."""

import numpy as np

from assignments.testing import close

CONFIG = {"base": 8, "depth": 4, "skips": True, "prior": 0.03}


def test_slices_of_half_the_thickness(student):
    """A label map with slices of half the thickness has each slice twice."""
    label = np.arange(8, dtype=np.uint8).reshape(2, 2, 2) % 3
    finer = student.resample(label, (4.0, 0.6, 0.6), (2.0, 0.6, 0.6), 0)
    assert finer.shape == (4, 2, 2), "the extent stays: new size = old size * from_spacing / to_spacing"
    assert close(finer, label.repeat(2, axis=0)), "let the outer edges coincide (scipy.ndimage.zoom: grid_mode=True)"


def test_an_augmented_case_keeps_its_size(student, rng):
    """`augment` returns an image and a share of gland of the same size, and the share stays within 0 and 1."""
    label = np.zeros((6, 16, 16), np.float32)
    label[2:4, 5:11, 5:11] = 1
    image, moved = student.augment(rng.normal(size=label.shape).astype(np.float32), label, student.generator(1))
    assert image.shape == moved.shape == label.shape, "move the case inside its own grid"
    assert ((moved >= 0) & (moved <= 1)).all(), "noise and brightness are for the image alone"


def test_parameters_of_the_u_net(student):
    """Base 8 and depth 4 make 350 809 parameters; without skip connections 314 521 are left."""
    count = student.model.parameter_count(student.build_model(CONFIG))
    assert count == 350_809, "two convolutions a level without bias, two numbers a channel in GroupNorm"
    count = student.model.parameter_count(student.build_model({**CONFIG, "skips": False}))
    assert count == 314_521, "without skips the decoder's first convolutions have half the input channels"


def test_two_convolutions_see_five_voxels(student):
    """Without pooling, two convolutions of 3 voxels see 5 along each axis."""
    assert student.receptive_field({**CONFIG, "depth": 1}) == 5, "each convolution adds one voxel on either side"


def test_a_volume_that_cannot_be_halved(student):
    """A new model takes a volume of 5 x 18 x 13 voxels and answers a logit near log(p / (1 - p)) for each."""
    model = student.build_model({**CONFIG, "base": 4})
    logit = student.model.forward(model, np.ones((1, 5, 18, 13), np.float32))
    assert logit.shape == (1, 5, 18, 13), "pad to a multiple of 8 inside the model, and crop the logits"
    assert close(logit.mean(), np.log(0.03 / 0.97), atol=0.5), "the last bias is log(p / (1 - p)), its weights near 0"


def test_the_loss_of_not_knowing(student):
    """With a logit of 0 everywhere and 2 of 8 voxels gland, the loss is 1 - (2 * 1 + 1) / (4 + 2 + 1) = 4/7."""
    label = np.zeros((1, 2, 2, 2), np.uint8)
    label[0, 0, 0] = 1
    loss = student.tensors.dice_loss(np.zeros(label.shape, np.float32), label)
    assert close(loss, 4 / 7, atol=1e-5), "one sigmoid, sums over the voxels of a case, 1 above and below the line"
    assert close(student.initial_loss(0.5, 0.2), np.log(2), atol=1e-5), "a probability of one half costs log 2 a voxel"


def test_the_larger_of_two_pieces(student):
    """Of two pieces of one and of two voxels, the second stays."""
    mask = np.array([[[True, False, False], [False, False, True], [False, False, True]]])
    kept = student.keep_largest_component(mask)
    assert kept.sum() == 2, "label the pieces, count their voxels, leave the background out"
    assert kept[0, 1, 2], "the pieces keep their place"


def test_a_saved_model_predicts_the_same(student, rng):
    """`fit` takes a few small cases, and the model that it returns answers the same after `save` and `load`."""
    image = rng.gamma(2, 100, (2, 8, 16, 16)).astype(np.float32)
    label = (image > np.percentile(image, 90)).astype(np.uint8)
    inputs = {"image": image, "spacing": np.ones((2, 3), np.float32)}
    model = student.fit({**inputs, "label": label}, None, seed=0, budget_s=3.0)
    prob = student.predict(model, inputs)["prob"]
    student.save(model, "saved")
    again = student.predict(student.load("saved"), inputs)["prob"]
    assert close(again, prob, atol=1e-5), "save the configuration too: `load` knows nothing but the folder"
