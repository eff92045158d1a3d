"""Malignant or benign: logistic regression for fine-needle aspirates, in NumPy.

The idea. Weigh the 30 measurements, add them up, and squash the sum into a probability: one linear map and a
sigmoid. It is the multilayer perceptron without the hidden layers, and the classic model to compare it with.
The cross-entropy of this model has a single minimum, and its gradient is short enough to write down.

    Cox: The regression analysis of binary sequences, J. R. Stat. Soc. B 20, 1958.
    Street, Wolberg, Mangasarian: Nuclear feature extraction for breast tumor diagnosis, SPIE 1905, 1993.

This differs from the paper: gradient descent in batches instead of Newton's method, with a fixed number of
epochs as for the net, so that only the model differs. As a submission it is as accurate as the net, but earns
nothing for the tests of the network, because it is not one.

Read from top to bottom: settings, data, model, loss, training, prediction.
"""

import json
import time
from pathlib import Path

import numpy as np

FRAMEWORK = "numpy"


# -------------------------------------------------------------------------------------------------- settings

CONFIG = {"n_in": 30}
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


class LogisticRegression:
    """Rows (n, n_in) in their original units -> logits (n,)."""

    def __init__(self, n_in):
        self.weight = np.zeros(n_in, np.float32)  # there is one minimum, so any start will do
        self.bias = np.zeros((), np.float32)
        self.mean = np.zeros(n_in, np.float32)
        self.scale = np.ones(n_in, np.float32)

    def __call__(self, x):
        x = (x - self.mean) / self.scale  # (n, 30)
        return x @ self.weight + self.bias  # (n,)


def build_model(config):
    """A new model. It uses only the number of columns of the configuration: there are no hidden layers."""
    return LogisticRegression(config["n_in"])


def parameter_count(config):
    """How many weights and biases the model has: one weight for each column, and one bias."""
    return config["n_in"] + 1


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
    return (np.logaddexp(0, logit) - y * logit).mean()


# -------------------------------------------------------------------------------------------------- training


def fit(train, val=None, *, seed, budget_s, log=None):
    """Train on `train["x"]` (n, 30) and `train["y"]` (n,), 1 = malignant, for EPOCHS epochs; the budget is a guard.

    Returned is the model after the epoch with the lowest loss on `val`: from then on it learns the training rows by
    heart. Without `val` it is the last one. After each epoch `log` receives the number of steps so far, the mean loss
    of the epoch, and the balanced accuracy on `val` or None.
    """
    start = time.process_time()
    rng = np.random.default_rng(seed)
    model = build_model(CONFIG)
    model.mean, model.scale = statistics(train["x"])
    x, y = train["x"], train["y"].astype(np.float32)

    best, weights = np.inf, (model.weight, model.bias)
    for epoch in range(1, EPOCHS + 1):
        losses = [train_step(model, x[rows], y[rows], LEARNING_RATE) for rows in batches(len(x), rng)]
        val_loss, val_score = (None, None) if val is None else scores(model, val)
        if val_loss is None or val_loss < best:
            best, weights = val_loss, (model.weight, model.bias)
        if log is not None:
            log(epoch * len(losses), float(sum(losses)) / len(losses), val_score)
        if time.process_time() - start > 0.9 * budget_s:
            break
    model.weight, model.bias = weights
    return model


def train_step(model, x, y, lr):
    """One step of gradient descent on a batch (n, 30), (n,); returns the loss before the step."""
    logit = model(x)
    error = (sigmoid(logit) - y) / len(y)  # (n,), the gradient of the loss with respect to the logit
    model.weight = model.weight - lr * ((x - model.mean) / model.scale).T @ error
    model.bias = model.bias - lr * error.sum()
    return bce_with_logits(logit, y)


def scores(model, cases):
    """Mean cross-entropy and balanced accuracy on cases that the model does not train on."""
    prob, y = predict(model, cases)["prob"].astype(np.float64), cases["y"]
    prob = np.clip(prob, 1e-7, 1 - 1e-7)
    loss = -np.mean(y * np.log(prob) + (1 - y) * np.log(1 - prob))
    return float(loss), float(np.mean([(prob[y == 1] >= 0.5).mean(), (prob[y == 0] < 0.5).mean()]))


# ------------------------------------------------------------------------------------------------ prediction


def sigmoid(logit):
    """1 / (1 + exp(-logit)), written so that nothing overflows."""
    return np.exp(-np.logaddexp(0, -logit))


def predict(model, inputs):
    """`inputs["x"]` (n, 30) -> {"prob": (n,)}, the probability that a case is malignant."""
    return {"prob": sigmoid(model(inputs["x"]))}


def choose_threshold(prob_val, y_val, min_sensitivity=0.95):
    """The highest threshold that still calls `min_sensitivity` of the malignant cases malignant (prob >= it).

    The highest, because each lower threshold calls more benign cases malignant too.
    """
    malignant = np.sort(prob_val[y_val == 1])[::-1]  # from the surest down
    needed = int(np.ceil(min_sensitivity * len(malignant)))
    return float(malignant[max(needed, 1) - 1])


def save(model, folder):
    """Write the weights into `folder`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.tolist() for name, value in vars(model).items()}
    (folder / "weights.json").write_text(json.dumps(weights))


def load(folder):
    """The model that `save` wrote."""
    weights = json.loads((Path(folder) / "weights.json").read_text())
    model = build_model({"n_in": len(weights["weight"])})
    for name, value in weights.items():
        setattr(model, name, np.array(value, np.float32))
    return model
