"""The references of `mlp_classifier` are a pair: same network, same loss, same steps, same contract."""

import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pytest

from assignments.data.sources.breast_cancer import synthetic

FOLDER = Path(__file__).parents[2] / "reference_solutions" / "mlp_classifier"
CONFIG = {"n_in": 30, "hidden": [32, 16], "activation": "relu"}
FUNCTIONS = (
    *("standardise", "build_model", "bce_with_logits", "train_step", "fit"),
    *("predict", "choose_threshold", "save", "load"),
)
FRAMEWORKS = ("pytorch", "tensorflow", "numpy")
NEEDS = {"pytorch": "torch", "tensorflow": "tensorflow", "numpy": "numpy"}


@pytest.fixture(scope="module", params=FRAMEWORKS)
def reference(request):
    return solution(request.param)


@pytest.fixture(scope="module")
def pair():
    return solution("pytorch"), solution("tensorflow")


@pytest.fixture(scope="module")
def cases():
    return synthetic(160, np.random.default_rng(0)), synthetic(200, np.random.default_rng(1))


def solution(framework):
    pytest.importorskip(NEEDS[framework], exc_type=ImportError)
    spec = importlib.util.spec_from_file_location(f"mlp_{framework}", FOLDER / f"solution_{framework}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def weights(model):
    """All numbers of a model, statistics included."""
    if hasattr(model, "get_weights"):
        return model.get_weights()
    numbers = model.state_dict() if hasattr(model, "state_dict") else vars(model)
    return [np.asarray(value) for value in numbers.values()]


def same_weights(torch_model, keras_model):
    """Copy PyTorch's weights and statistics into the Keras model: its kernels are the transposes."""
    torch_layers = [*torch_model.hidden, torch_model.output]
    keras_layers = [*keras_model.hidden, keras_model.output_layer]
    for torch_layer, keras_layer in zip(torch_layers, keras_layers, strict=True):
        keras_layer.set_weights([torch_layer.weight.detach().numpy().T, torch_layer.bias.detach().numpy()])
    keras_model.mean.assign(torch_model.mean.numpy())
    keras_model.scale.assign(torch_model.scale.numpy())


def test_both_networks_have_1537_parameters(pair):
    torch, tf = (module.build_model(CONFIG) for module in pair)
    # 30 * 32 + 32 + 32 * 16 + 16 + 16 * 1 + 1
    assert sum(p.numel() for p in torch.parameters()) == 1537
    assert sum(int(np.prod(v.shape)) for v in tf.trainable_variables) == 1537


def test_both_start_from_the_same_distribution(pair):
    torch_model, keras_model = (module.build_model({**CONFIG, "hidden": [400, 400]}) for module in pair)
    for torch_layer, keras_layer in zip(torch_model.hidden, keras_model.hidden, strict=True):
        limit = np.sqrt(6 / torch_layer.in_features)  # He et al. 2015, uniform
        for weights in (torch_layer.weight.detach().numpy(), keras_layer.get_weights()[0]):
            assert 0.99 * limit < np.abs(weights).max() <= limit
            assert abs(weights.std() / (limit / np.sqrt(3)) - 1) < 0.03
        assert not torch_layer.bias.detach().numpy().any()
        assert not keras_layer.get_weights()[1].any()


def test_same_weights_give_the_same_logits_losses_and_steps(pair, cases):
    import tensorflow as tf
    import torch

    in_torch, in_keras = pair
    torch_model, keras_model = in_torch.build_model(CONFIG), in_keras.build_model(CONFIG)
    x, y = cases[0]["x"][:32], cases[0]["y"][:32].astype(np.float32)
    mean, scale = in_torch.statistics(x)
    torch_model.mean.copy_(torch.from_numpy(mean))
    torch_model.scale.copy_(torch.from_numpy(scale))
    same_weights(torch_model, keras_model)
    for _ in range(3):
        logit = torch_model(torch.from_numpy(x)).detach().numpy()
        assert np.allclose(keras_model(x), logit, atol=1e-5)
        losses = (
            in_torch.train_step(torch_model, torch.from_numpy(x), torch.from_numpy(y), 0.1).item(),
            float(in_keras.train_step(keras_model, tf.constant(x), tf.constant(y), 0.1)),
        )
        expected = np.mean(np.log1p(np.exp(logit.astype(np.float64))) - y * logit)
        assert losses == pytest.approx((expected, expected), rel=1e-5)
    assert np.allclose(keras_model(x), torch_model(torch.from_numpy(x)).detach(), atol=1e-4)


def test_data_functions_are_the_same_in_all_three():
    names = ("statistics", "standardise", "batches", "choose_threshold")
    texts = [{name: inspect.getsource(getattr(solution(f), name)) for name in names} for f in FRAMEWORKS]
    assert texts[0] == texts[1] == texts[2]


def test_all_have_the_same_functions_arguments_and_defaults():
    modules = [solution(framework) for framework in FRAMEWORKS]
    for name in FUNCTIONS:
        assert len({str(inspect.signature(getattr(module, name))) for module in modules}) == 1, name
    for name in ("EPOCHS", "BATCH", "LEARNING_RATE"):
        assert len({getattr(module, name) for module in modules}) == 1, name
    assert [module.FRAMEWORK for module in modules] == list(FRAMEWORKS)


def test_headings_come_in_the_same_order():
    def headings(framework):
        text = (FOLDER / f"solution_{framework}.py").read_text()
        return [line.strip("# -") for line in text.splitlines() if line.startswith("# ---")]

    for framework in FRAMEWORKS:
        assert headings(framework) == ["settings", "data", "model", "loss", "training", "prediction"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving, with NumPy 2
def test_it_learns_repeats_itself_and_survives_being_saved(reference, cases, tmp_path):
    train, test = cases
    before = train["x"].copy()
    model, again, other = (reference.fit(train, None, seed=seed, budget_s=20) for seed in (1, 1, 2))
    prob = reference.predict(model, {"x": test["x"]})["prob"]

    assert np.mean((prob >= 0.5) == test["y"]) > 0.9
    assert np.array_equal(train["x"], before)
    assert np.array_equal(reference.predict(again, {"x": test["x"]})["prob"], prob)
    assert not np.array_equal(reference.predict(other, {"x": test["x"]})["prob"], prob)
    reference.save(model, str(tmp_path / "new" / "folder"))
    loaded = reference.load(str(tmp_path / "new" / "folder"))
    assert np.allclose(reference.predict(loaded, {"x": test["x"]})["prob"], prob, atol=1e-6)


def test_the_log_has_the_loss_of_every_epoch_and_changes_no_weight(reference, cases):
    train, val = cases
    calls = []
    logged = reference.fit(train, val, seed=1, budget_s=50, log=lambda *call: calls.append(call))
    silent = reference.fit(train, val, seed=1, budget_s=50)
    for with_log, without in zip(weights(logged), weights(silent), strict=True):
        assert np.array_equal(with_log, without)
    steps, losses, scores = zip(*calls, strict=True)
    assert list(steps) == [5 * epoch for epoch in range(1, 41)]  # 160 rows make 5 batches
    assert {type(loss) for loss in losses} == {float}
    assert losses[-1] < losses[0] / 2
    assert set(scores) == {None}


def test_training_stops_when_the_budget_is_spent(reference, cases, monkeypatch):
    clock = iter(range(1000))  # every look at the clock costs a second
    epochs = []
    monkeypatch.setattr(reference.time, "process_time", lambda: next(clock))
    monkeypatch.setattr(reference, "batches", lambda n, rng: epochs.append(n) or [])
    reference.fit(cases[0], None, seed=0, budget_s=5)
    assert len(epochs) == 4


def test_a_threshold_by_hand(reference):
    prob = np.array([0.9, 0.8, 0.7, 0.6, 0.3, 0.2], np.float32)
    y = np.array([1, 1, 0, 1, 0, 1], np.uint8)
    for share, expected in ((1.0, 0.2), (0.75, 0.6), (0.7, 0.6), (0.5, 0.8)):
        assert reference.choose_threshold(prob, y, share) == pytest.approx(expected)


def test_standardise_by_hand(reference):
    train = np.array([[1, 5], [3, 5]], np.float32)  # the second column never varies
    train_scaled, other_scaled = reference.standardise(train, np.array([[6, 7]], np.float32))
    assert train_scaled.tolist() == [[-1, 0], [1, 0]]
    assert other_scaled.tolist() == [[4, 2]]
