"""Public tests, which `medmark check` runs on your machine: small volumes, worked out by hand. They earn no marks."""

import numpy as np

from assignments.testing import close


def test_slices_of_half_the_thickness(student):
    """A label map with slices of half the thickness has each slice twice."""
    label = np.arange(8, dtype=np.uint8).reshape(2, 2, 2) % 3
    finer = student.resample(label, (4.0, 0.6, 0.6), (2.0, 0.6, 0.6), 0)
    assert finer.shape == (4, 2, 2), "the extent stays: new size = old size * from_spacing / to_spacing"
    assert close(finer, label.repeat(2, axis=0)), "let the outer edges coincide (scipy.ndimage.zoom: grid_mode=True)"


def test_parameters_of_the_u_net(student):
    """Base 8 and depth 4 make 350 809 parameters; without skip connections 314 521 are left."""
    config = {"base": 8, "depth": 4, "skips": True, "prior": 0.03}
    count = student.model.parameter_count(student.build_model(config))
    assert count == 350_809, "two convolutions a level without bias, two numbers a channel in GroupNorm"
    count = student.model.parameter_count(student.build_model({**config, "skips": False}))
    assert count == 314_521, "without skips the decoder's first convolutions have half the input channels"


def test_a_volume_that_cannot_be_halved(student):
    """A new model takes a volume of 5 x 18 x 13 voxels and answers a logit near log(p / (1 - p)) for each."""
    model = student.build_model({"base": 4, "depth": 4, "skips": True, "prior": 0.03})
    logit = student.model.forward(model, np.ones((1, 5, 18, 13), np.float32))
    assert logit.shape == (1, 5, 18, 13), "pad to a multiple of 8 inside the model, and crop the logits"
    assert close(logit.mean(), np.log(0.03 / 0.97), atol=0.5), "the last bias is log(p / (1 - p)), its weights near 0"


def test_the_loss_of_not_knowing(student):
    """With a logit of 0 everywhere and 2 of 8 voxels gland, the loss is 1 - (2 * 1 + 1) / (4 + 2 + 1) = 4/7."""
    label = np.zeros((1, 2, 2, 2), np.uint8)
    label[0, 0, 0] = 1
    loss = student.tensors.dice_loss(np.zeros(label.shape, np.float32), label)
    assert close(loss, 4 / 7, atol=1e-5), "one sigmoid, sums over the voxels of a case, 1 above and below the line"


def test_a_saved_model_predicts_the_same(student, rng):
    """`predict` answers one probability for each voxel, and a saved and loaded model answers the same."""
    image = {"image": rng.gamma(2, 100, (1, 6, 20, 20)).astype(np.float32)}
    model = student.build_model({"base": 4, "depth": 3, "skips": True, "prior": 0.2})
    prob = student.predict(model, image)["prob"]
    student.save(model, "saved")
    again = student.predict(student.load("saved"), image)["prob"]
    assert close(again, prob, atol=1e-5), "save the configuration too: `load` knows nothing but the folder"
