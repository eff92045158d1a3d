"""A group whose training loop indexes past the end of its batches. Part of the demonstration; nothing imports it."""

import numpy as np
import torch

FRAMEWORK = "pytorch"


def statistics(x):
    scale = x.std(0)
    return x.mean(0), np.where(scale > 0, scale, 1)


def build_model(config):
    layers, width = [], config["n_in"]
    for hidden in config["hidden"]:
        layers += [torch.nn.Linear(width, hidden), torch.nn.ReLU()]
        width = hidden
    return torch.nn.Sequential(*layers, torch.nn.Linear(width, 1), torch.nn.Flatten(0))


def fit(train, val, *, seed, budget_s, log=None):
    torch.manual_seed(seed)
    model = build_model({"n_in": 30, "hidden": [32, 16], "activation": "relu"})
    optimiser = torch.optim.Adam(model.parameters())
    batches = np.array_split(np.random.default_rng(seed).permutation(len(train["x"])), 10)
    for step in range(1, 11):
        rows = batches[step]  # the eleventh of ten batches
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            model(torch.from_numpy(train["x"][rows])), torch.from_numpy(train["y"][rows]).float()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model


def predict(model, inputs):
    return {"prob": torch.sigmoid(model(torch.from_numpy(inputs["x"]))).detach().numpy()}
