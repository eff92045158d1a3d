"""Prostate segmentation in T2-weighted MRI with a 3-D U-Net. The brief says what each function is for.

Work from top to bottom: after each part, `medmark check prostate_unet` should pass one more test.
"""

FRAMEWORK = "pytorch"  # or "tensorflow"; the marker reads this line as text, so keep it a plain string


# -------------------------------------------------------------------------------------------------------------- data


def resample(volume, from_spacing, to_spacing, order):
    """(D, H, W) with voxels of `from_spacing` mm -> the same extent with voxels of `to_spacing` mm."""
    raise NotImplementedError


# ------------------------------------------------------------------------------------------------------------- model


def build_model(config):
    """{"base": 8, "depth": 4, "skips": True, "prior": 0.03} -> a new U-Net: (N, D, H, W) -> logits (N, D, H, W)."""
    raise NotImplementedError


# -------------------------------------------------------------------------------------------------------------- loss


def dice_loss(logit, label):
    """Tensors (N, D, H, W), (N, D, H, W) -> 1 - soft Dice of each case, then the mean over the cases, a scalar."""
    raise NotImplementedError


# ---------------------------------------------------------------------------------------------------------- training


def fit(train, val=None, *, seed, budget_s, log=None):
    """Train on `train["image"]` and `train["label"]`, (N, D, H, W), for at most `budget_s` CPU seconds."""
    raise NotImplementedError


# -------------------------------------------------------------------------------------------------------- prediction


def keep_largest_component(mask):
    """bool (D, H, W) -> the same with only its largest piece."""
    raise NotImplementedError


def predict(model, inputs):
    """`inputs["image"]` (N, D, H, W) -> {"prob": (N, D, H, W)}, at the resolution of the image."""
    raise NotImplementedError


def save(model, folder):
    """Write the model into `folder`."""
    raise NotImplementedError


def load(folder):
    """The model that `save` wrote."""
    raise NotImplementedError
