"""The references of `prostate_unet` are a pair: same network, same loss, same steps, same data, same contract."""

import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "reference_solutions" / "prostate_unet"
FRAMEWORKS = ("pytorch", "tensorflow")
NEEDS = {"pytorch": "torch", "tensorflow": "tensorflow"}
SMALL = {"base": 4, "depth": 3, "skips": True, "prior": 0.1}
SHARED = ("normalise", "resample", "to_grid", "augment", "draw_batch", "keep_largest_component")
FUNCTIONS = (*SHARED, "build_model", "dice_loss", "loss", "fit", "train_step", "predict", "save", "load")
SETTINGS = ("CONFIG", "GRID", "GROUPS", "BATCH", "LEARNING_RATE", "AVERAGING", "STEPS", "LOG_EVERY")


@pytest.fixture(scope="module", params=FRAMEWORKS)
def reference(request):
    return solution(request.param)


@pytest.fixture(scope="module")
def pair():
    return solution("pytorch"), solution("tensorflow")


@pytest.fixture
def cases():
    """Two small volumes in units far apart, each with a bright box, which is the label."""
    rng = np.random.default_rng(0)
    label = np.zeros((2, 8, 16, 16), np.uint8)
    label[0, 2:6, 4:9, 4:9] = 1
    label[1, 1:5, 8:14, 6:12] = 1
    image = (2 + label + rng.normal(0, 0.3, label.shape)) * np.array([10, 3000]).reshape(2, 1, 1, 1)
    return {"image": image.astype(np.float32), "label": label}


def solution(framework):
    pytest.importorskip(NEEDS[framework], exc_type=ImportError)
    spec = importlib.util.spec_from_file_location(f"unet_{framework}", FOLDER / f"solution_{framework}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parameter_counts(pair, config):
    torch_model, keras_model = (module.build_model(config) for module in pair)
    return (
        sum(p.numel() for p in torch_model.parameters()),
        sum(int(np.prod(v.shape)) for v in keras_model.trainable_variables),
    )


def weights(model):
    """All numbers of a model."""
    return model.get_weights() if hasattr(model, "get_weights") else [w.numpy() for w in model.state_dict().values()]


def same_weights(torch_model, keras_model):
    """Copy PyTorch's weights into the Keras model: kernels are (out, in, D, H, W) there, (D, H, W, in, out) here."""

    def copy_layer(keras_layer, torch_layer):
        kernel, *rest = (weight.detach().numpy() for weight in torch_layer.parameters())
        keras_layer.set_weights([kernel.transpose(2, 3, 4, 1, 0) if kernel.ndim == 5 else kernel, *rest])

    for keras_block, torch_block in zip(
        [*keras_model.encoder, *keras_model.decoder], [*torch_model.encoder, *torch_model.decoder], strict=True
    ):
        for name in ("conv1", "norm1", "conv2", "norm2"):
            copy_layer(getattr(keras_block, name), getattr(torch_block, name))
    for keras_layer, torch_layer in zip(keras_model.up, torch_model.up, strict=True):
        copy_layer(keras_layer, torch_layer)
    copy_layer(keras_model.output_layer, torch_model.output)


def test_both_networks_have_the_number_of_parameters_worked_out_by_hand(pair):
    # Convolutions 27 * (8136 + 4032), transposed 8 * 2688 + 56, GroupNorm 704, output 9; without skips 27 * 1344 less.
    assert parameter_counts(pair, {"base": 8, "depth": 4, "skips": True}) == (350_809, 350_809)
    assert parameter_counts(pair, {"base": 8, "depth": 4, "skips": False}) == (314_521, 314_521)


def test_same_weights_give_the_same_logits_losses_and_steps(pair, cases):
    import keras
    import tensorflow as tf
    import torch

    in_torch, in_keras = pair
    torch_model, keras_model = in_torch.build_model(SMALL), in_keras.build_model(SMALL)
    torch_average, keras_average = in_torch.build_model(SMALL), in_keras.build_model(SMALL)
    same_weights(torch_model, keras_model)
    same_weights(torch_average, keras_average)
    odd = np.random.default_rng(1).normal(size=(2, 5, 11, 14)).astype(np.float32)
    assert np.allclose(keras_model(odd), torch_model(torch.from_numpy(odd)).detach(), atol=1e-4)

    torch_optimiser = torch.optim.Adam(torch_model.parameters(), in_torch.LEARNING_RATE)
    keras_optimiser = keras.optimizers.Adam(in_keras.LEARNING_RATE)
    keras_optimiser.build(keras_model.trainable_variables)
    image = np.stack([in_torch.normalise(volume) for volume in cases["image"]])
    label = cases["label"].astype(np.float32)
    for step in range(3):
        batch = torch.from_numpy(image), torch.from_numpy(label), step
        torch_loss = in_torch.train_step(torch_model, torch_average, torch_optimiser, *batch)
        batch = tf.constant(image), tf.constant(label), tf.constant(float(step))
        keras_loss = in_keras.train_step(keras_model, keras_average, keras_optimiser, *batch)
        assert float(keras_loss) == pytest.approx(torch_loss.item(), rel=2e-3)
    assert np.allclose(keras_average(odd), torch_average(torch.from_numpy(odd)).detach(), atol=0.02)


def test_dice_loss_by_hand_in_both(pair):
    import tensorflow as tf
    import torch

    logit, label = np.zeros((2, 2, 2, 2), np.float32), np.zeros((2, 2, 2, 2), np.uint8)
    label[0, 0, 0] = 1  # 2 of 8 voxels: 1 - (2 * 1 + 1) / (4 + 2 + 1) = 4/7
    logit[1] = -50  # no gland and none predicted: 1 - 1 / 1 = 0
    expected = pytest.approx(2 / 7, abs=1e-6)
    assert pair[0].dice_loss(torch.from_numpy(logit), torch.from_numpy(label)).item() == expected
    assert float(pair[1].dice_loss(tf.constant(logit), tf.constant(label))) == expected


def test_data_functions_are_the_same_in_both(pair):
    in_torch, in_keras = ({name: inspect.getsource(getattr(module, name)) for name in SHARED} for module in pair)
    assert in_torch == in_keras


def test_both_have_the_same_functions_arguments_and_settings(pair):
    in_torch, in_keras = pair
    for name in FUNCTIONS[:-3]:
        assert str(inspect.signature(getattr(in_torch, name))) == str(inspect.signature(getattr(in_keras, name)))
    assert {name: getattr(in_torch, name) for name in SETTINGS} == {name: getattr(in_keras, name) for name in SETTINGS}
    assert [module.FRAMEWORK for module in pair] == list(FRAMEWORKS)


def test_headings_come_in_the_same_order():
    for framework in FRAMEWORKS:
        lines = (FOLDER / f"solution_{framework}.py").read_text().splitlines()
        headings = [line.strip("# -") for line in lines if line.startswith("# ---")]
        assert headings == ["settings", "data", "model", "loss", "training", "prediction"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving, with NumPy 2
def test_training_repeats_itself_and_survives_being_saved(reference, cases, tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "CONFIG", {**SMALL, "depth": 2})  # TensorFlow traces each of the three runs
    monkeypatch.setattr(reference, "STEPS", 3)
    before = cases["image"].copy()
    model, again, other = (reference.fit(cases, None, seed=seed, budget_s=600) for seed in (1, 1, 2))
    prob = reference.predict(model, cases)["prob"]
    assert np.array_equal(cases["image"], before)
    assert np.array_equal(reference.predict(again, cases)["prob"], prob)
    assert not np.array_equal(reference.predict(other, cases)["prob"], prob)

    reference.save(model, str(tmp_path / "new" / "folder"))
    monkeypatch.setattr(reference, "CONFIG", {**SMALL, "base": 8})  # what was saved counts
    loaded = reference.load(str(tmp_path / "new" / "folder"))
    assert np.allclose(reference.predict(loaded, cases)["prob"], prob, atol=1e-6)


def test_the_log_has_the_loss_of_some_steps_and_changes_no_weight(reference, cases, monkeypatch):
    monkeypatch.setattr(reference, "CONFIG", {**SMALL, "depth": 2})
    monkeypatch.setattr(reference, "STEPS", 5)
    monkeypatch.setattr(reference, "LOG_EVERY", 2)
    calls = []
    logged = reference.fit(cases, None, seed=1, budget_s=600, log=lambda *call: calls.append(call))
    silent = reference.fit(cases, None, seed=1, budget_s=600)
    for with_log, without in zip(weights(logged), weights(silent), strict=True):
        assert np.array_equal(with_log, without)
    assert [(step, type(loss), score) for step, loss, score in calls] == [(step, float, None) for step in (0, 2, 4)]
    assert all(0 < loss < 3 for _, loss, _ in calls)


def test_training_stops_before_the_budget_is_spent(reference, cases, monkeypatch):
    clock = iter(range(1000))  # every look at the clock costs a second
    steps = []
    monkeypatch.setattr(reference, "CONFIG", SMALL)
    monkeypatch.setattr(reference.time, "process_time", lambda: next(clock))
    monkeypatch.setattr(reference, "train_step", lambda *arguments: steps.append(arguments))
    reference.fit(cases, None, seed=0, budget_s=10)
    assert len(steps) == 5  # two looks a step: the sixth would begin at 11


def test_probabilities_come_back_at_the_size_of_the_image(reference):
    model = reference.build_model(SMALL)
    for size in ((2, 32, 128, 128), (1, 17, 50, 61), (1, 3, 7, 200)):
        image = np.random.default_rng(2).gamma(2, 100, size).astype(np.float32)
        prob = reference.predict(model, {"image": image})["prob"]
        assert prob.shape == size
        assert prob.dtype == np.float32
        assert 0 <= prob.min() <= prob.max() <= 1


def test_volumes_are_halved_in_every_direction_and_restored(reference):
    ramp = np.broadcast_to(np.arange(128, dtype=np.float32), (32, 128, 128))
    small = reference.to_grid(ramp)
    assert small.shape == (16, 64, 64)
    assert np.allclose(small, np.arange(64) * 2 + 0.5, atol=1e-4)
    back = reference.resample(small, (2, 2, 2), (1, 1, 1), order=1)
    assert np.allclose(back[..., 1:-1], ramp[..., 1:-1], atol=1e-3)


def test_a_phantom_is_not_resampled(reference):
    volume = np.random.default_rng(3).normal(size=(16, 64, 64)).astype(np.float32)
    assert np.allclose(reference.to_grid(volume), volume, atol=1e-6)


def test_image_and_mask_are_augmented_alike(reference):
    label = np.zeros((8, 16, 16), np.float32)
    label[2:6, 3:9, 5:12] = 1
    for seed in range(5):
        image, mask = reference.augment(10 * label, label, np.random.default_rng(seed))
        assert image.dtype == mask.dtype == np.float32
        assert np.corrcoef(image.ravel(), mask.ravel())[0, 1] > 0.99


def test_a_missing_key_of_the_configuration_has_a_default(reference):
    assert reference.build_model({"base": 4, "depth": 2}).config == {**reference.CONFIG, "base": 4, "depth": 2}
