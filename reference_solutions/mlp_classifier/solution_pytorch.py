"""Malignant or benign: a multilayer perceptron for fine-needle aspirates, in PyTorch.

The idea. A linear classifier weighs 30 measurements and adds them up. A multilayer perceptron (MLP) first
turns them into its own features. Each hidden layer is a linear map followed by a bend (ReLU); without the bend,
three layers would collapse into one. Gradient descent on the cross-entropy learns the weights: back-propagation
computes the gradient, and every step moves each weight a little against it.

    Rumelhart, Hinton, Williams: Learning representations by back-propagating errors, Nature 323, 1986.
    He, Zhang, Ren, Sun: Delving deep into rectifiers (the initial weights), ICCV 2015.
    Street, Wolberg, Mangasarian: Nuclear feature extraction for breast tumor diagnosis, SPIE 1905, 1993.

This differs from the first paper: ReLU instead of sigmoid units, cross-entropy instead of squared error, batches
of 32 cases instead of the whole set, no momentum. The model itself standardises its input rows with the
statistics of its training rows: whoever has the model has them too.

Read from top to bottom: settings, data, model, loss, training, prediction.
"""

import copy
import json
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

FRAMEWORK = "pytorch"


# -------------------------------------------------------------------------------------------------- settings

CONFIG = {"n_in": 30, "hidden": [32, 16], "activation": "relu"}
ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}
EPOCHS = 40  # how often training uses every row
BATCH = 32  # rows per step
LEARNING_RATE = 0.1


# ------------------------------------------------------------------------------------------------------ data


def statistics(x):
    """(n, d) -> mean (d,) and standard deviation (d,) of each column; 1 for a column that never varies.

    They are taken from training rows alone, and belong to the model: what it learnt holds in these units.
    """
    mean = x.mean(axis=0, dtype=np.float64)
    scale = x.std(axis=0, dtype=np.float64)
    return mean.astype(np.float32), np.where(scale > 0, scale, 1).astype(np.float32)


def batches(n, rng):
    """Row numbers of one epoch, (steps, BATCH), in random order; the rows left over are not used."""
    size = min(BATCH, n)
    return rng.permutation(n)[: n - n % size].reshape(-1, size)


# ----------------------------------------------------------------------------------------------------- model


class MLP(nn.Module):
    """Rows (n, n_in) in their original units -> logits (n,)."""

    def __init__(self, n_in, hidden, activation):
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in pairwise([n_in, *hidden]))
        self.output_layer = nn.Linear([n_in, *hidden][-1], 1)
        for layer in [*self.hidden, self.output_layer]:
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        self.register_buffer("mean", torch.zeros(n_in))  # buffers are saved, but not trained
        self.register_buffer("scale", torch.ones(n_in))

    def forward(self, x):
        x = (x - self.mean) / self.scale  # (n, 30)
        for layer in self.hidden:
            x = self.activation(layer(x))  # (n, 32), then (n, 16)
        return self.output_layer(x)[:, 0]  # (n, 1) -> (n,)


def build_model(config):
    """A new network; until `fit` sets its statistics, it uses rows as they are (mean 0, scale 1)."""
    model = MLP(**config)
    model.config = config  # `save` writes it beside the weights
    return model


def parameter_count(config):
    """How many weights and biases the network has: a layer from m to n values has m n + n."""
    widths = [config["n_in"], *config["hidden"], 1]
    return sum(m * n + n for m, n in pairwise(widths))


# ------------------------------------------------------------------------------------------------------ loss


def constant_loss(share):
    """The mean cross-entropy of the best constant answer, where `share` of the rows is malignant.

    That answer is the share itself, and costs -(share log share + (1 - share) log(1 - share)): a network that has
    learnt anything is below.
    """
    return float(-(share * np.log(share) + (1 - share) * np.log(1 - share)))


def bce_with_logits(logit, y):
    """Cross-entropy (n,), (n,) -> scalar, the mean over the rows: log(1 + exp(logit)) - y * logit.

    It takes the logit, because the log of a sigmoid is -inf as soon as the sigmoid rounds to 0.
    """
    return (F.softplus(logit) - y * logit).mean()


# -------------------------------------------------------------------------------------------------- training


def fit(train, val=None, *, seed, budget_s, log=None):
    """Train on `train["x"]` (n, 30) and `train["y"]` (n,), 1 = malignant, for EPOCHS epochs; the budget is a guard.

    Returned is the model after the epoch with the lowest loss on `val`: from then on it learns the training rows by
    heart. Without `val` it is the last one. After each epoch `log` receives the number of steps so far, the mean loss
    of the epoch, and the balanced accuracy on `val` or None.
    """
    start = time.process_time()
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = build_model(CONFIG)
    mean, scale = statistics(train["x"])
    model.mean.copy_(torch.from_numpy(mean))
    model.scale.copy_(torch.from_numpy(scale))
    x = torch.from_numpy(train["x"])
    y = torch.from_numpy(train["y"].astype(np.float32))

    best, weights = np.inf, copy.deepcopy(model.state_dict())
    for epoch in range(1, EPOCHS + 1):
        losses = [train_step(model, x[rows], y[rows], LEARNING_RATE) for rows in batches(len(x), rng)]
        val_loss, val_score = (None, None) if val is None else scores(model, val)
        if val_loss is None or val_loss < best:
            best, weights = val_loss, copy.deepcopy(model.state_dict())
        if log is not None:
            log(epoch * len(losses), float(sum(losses)) / len(losses), val_score)
        if time.process_time() - start > 0.9 * budget_s:
            break
    model.load_state_dict(weights)
    return model.eval()


def train_step(model, x, y, lr):
    """One step of gradient descent on a batch (n, 30), (n,); returns the loss before the step."""
    model.zero_grad()  # PyTorch adds gradients up until it is told to forget them
    loss = bce_with_logits(model(x), y)
    loss.backward()
    with torch.no_grad():
        for weight in model.parameters():
            weight -= lr * weight.grad
    return loss.detach()


def scores(model, cases):
    """Mean cross-entropy and balanced accuracy on cases that the model does not train on."""
    prob, y = predict(model, cases)["prob"].astype(np.float64), cases["y"]
    prob = np.clip(prob, 1e-7, 1 - 1e-7)
    loss = -np.mean(y * np.log(prob) + (1 - y) * np.log(1 - prob))
    return float(loss), float(np.mean([(prob[y == 1] >= 0.5).mean(), (prob[y == 0] < 0.5).mean()]))


# ------------------------------------------------------------------------------------------------ prediction


def predict(model, inputs):
    """`inputs["x"]` (n, 30) -> {"prob": (n,)}, the probability that a case is malignant."""
    model.eval()
    with torch.no_grad():
        logit = model(torch.from_numpy(inputs["x"]))  # (n,)
    return {"prob": torch.sigmoid(logit).numpy()}


def choose_threshold(prob_val, y_val, min_sensitivity=0.95):
    """The highest threshold that still calls `min_sensitivity` of the malignant cases malignant (prob >= it).

    The highest, because each lower threshold calls more benign cases malignant too.
    """
    malignant = np.sort(prob_val[y_val == 1])[::-1]  # from the surest down
    needed = int(np.ceil(min_sensitivity * len(malignant)))
    return float(malignant[max(needed, 1) - 1])


def save(model, folder):
    """Write the configuration and the weights into `folder`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(model.config))
    torch.save(model.state_dict(), folder / "weights.pt")


def load(folder):
    """The model that `save` wrote."""
    folder = Path(folder)
    model = build_model(json.loads((folder / "config.json").read_text()))
    model.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    return model.eval()
