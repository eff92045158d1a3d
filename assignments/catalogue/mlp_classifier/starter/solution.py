"""Malignant or benign: a multilayer perceptron for fine-needle aspirates. The brief says what each function is for.

Work from top to bottom: after each function, `medmark check mlp_classifier` should pass one more test.
"""

FRAMEWORK = "pytorch"  # or "tensorflow"; the marker reads this line as text, so keep it a plain string


# ------------------------------------------------------------------------------------------------------ data


def standardise(train, other):
    """(n, d), (m, d) -> both, scaled by the mean and standard deviation of the columns of `train`."""
    raise NotImplementedError


# ----------------------------------------------------------------------------------------------------- model


def build_model(config):
    """{"n_in": 30, "hidden": [32, 16], "activation": "relu"} -> a new network; it returns logits (n,)."""
    raise NotImplementedError


# ------------------------------------------------------------------------------------------------------ loss


def bce_with_logits(logit, y):
    """Tensors (n,), (n,) -> the mean binary cross-entropy, a scalar."""
    raise NotImplementedError


# -------------------------------------------------------------------------------------------------- training


def train_step(model, x, y, lr):
    """One step of gradient descent on tensors (n, d), (n,), in place; returns the loss before the step."""
    raise NotImplementedError


def fit(train, val=None, *, seed, budget_s, log=None):
    """Train on `train["x"]` (n, 30) and `train["y"]` (n,) for at most `budget_s` CPU seconds."""
    raise NotImplementedError


# ------------------------------------------------------------------------------------------------ prediction


def predict(model, inputs):
    """`inputs["x"]` (n, 30) -> {"prob": (n,)}, the probability that a case is malignant."""
    raise NotImplementedError


def choose_threshold(prob_val, y_val, min_sensitivity=0.95):
    """The highest threshold that still finds `min_sensitivity` of the malignant cases (prob >= threshold)."""
    raise NotImplementedError


def save(model, folder):
    """Write the model into `folder`."""
    raise NotImplementedError


def load(folder):
    """The model that `save` wrote."""
    raise NotImplementedError
