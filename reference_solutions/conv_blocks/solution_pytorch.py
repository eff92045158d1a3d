"""Convolution, sampling and blocks: what a network sees of an image, by hand in NumPy and then in PyTorch.

The idea. A convolution answers the same question at every pixel: what lies in the small window around it? It is linear,
so its gradient is its transpose, the transposed convolution, and one loop serves both: for each weight of the kernel,
`taps` says which pixels it meets. The convolution reads them, the transposed one adds to them. How far a stack of
windows sees is counting too. Blocks then decide how layers are joined: one after the other, with the input added
(residual), with the input kept beside (dense), or side by side (branches).

    Dumoulin, Visin: A guide to convolution arithmetic for deep learning, arXiv 1603.07285, 2016.
    Odena, Dumoulin, Olah: Deconvolution and checkerboard artifacts, Distill 2016.
    He, Zhang, Ren, Sun: Deep residual learning (ResNet), CVPR 2016.    Huang et al.: DenseNet, CVPR 2017.
    Chen et al.: DeepLab (parallel dilated convolutions), TPAMI 2018.   Zhang, Dauphin, Ma: Fixup, ICLR 2019.

This differs from the papers. Blocks have no batch normalisation, so that a block is a formula one can check; a residual
block starts as the identity instead, because its last convolution starts at zero (Fixup). The dense block has no 1 x 1
bottleneck. Images are (N, H, W, C) and kernels (kh, kw, C_in, C_out), in NumPy and at the border of every model.

Read from top to bottom: sizes, convolution, sampling, blocks, network.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

FRAMEWORK = "pytorch"


# ------------------------------------------------------------------------------------------------------------- sizes


def pad_widths(n, kernel, stride=1, padding=0, dilation=1):
    """Zeros before and after an axis of n pixels. A number p means (p, p); "same" makes ceil(n / stride) outputs.

    "same" is TensorFlow's rule: it needs (ceil(n / s) - 1) s + d (k - 1) + 1 pixels in all, and an odd zero comes last.
    So its zeros depend on n. PyTorch's layers take a number, the same on both sides.
    """
    if padding != "same":
        return padding, padding
    outputs = -(-n // stride)  # ceil(n / stride)
    missing = max((outputs - 1) * stride + dilation * (kernel - 1) + 1 - n, 0)
    return missing // 2, missing - missing // 2


def output_size(n, kernel, stride=1, padding=0, dilation=1):
    """How many positions the kernel has: floor((n + before + after - d (k - 1) - 1) / s) + 1."""
    return (n + sum(pad_widths(n, kernel, stride, padding, dilation)) - dilation * (kernel - 1) - 1) // stride + 1


def receptive_field(layers):
    """Layers, the first one first -> (size, jump): pixels that one output sees along an axis, and from one to the next.

    r = 1 + sum_l d_l (k_l - 1) j_l, where j_l is the product of the strides of all layers before l.
    """
    size, jump = 1, 1
    for layer in layers:
        size += layer["dilation"] * (layer["kernel"] - 1) * jump
        jump *= layer["stride"]
    return size, jump


# ------------------------------------------------------------------------------------------------------- convolution


def taps(kernel, output, stride, dilation):
    """For each weight (a, b) of a kernel: the pixels that it meets, one for each output pixel.

    Output (i, j) lies at (i s, j s) of the padded image, and weight (a, b) meets (i s + a d, j s + b d).
    """
    for a, b in np.ndindex(*kernel):
        top, left = a * dilation, b * dilation
        rows = slice(top, top + (output[0] - 1) * stride + 1, stride)
        columns = slice(left, left + (output[1] - 1) * stride + 1, stride)
        yield (a, b), (slice(None), rows, columns)


def framed(x, kernel, stride, padding, dilation, border=0.0):
    """Images (N, H, W, C) -> the same with their padding, the size (Ho, Wo) of the output, and where the image lies."""
    axes = list(zip(x.shape[1:3], kernel, strict=True))
    pads = [pad_widths(n, k, stride, padding, dilation) for n, k in axes]
    output = [output_size(n, k, stride, padding, dilation) for n, k in axes]
    rows, columns = (slice(before, before + n) for (before, _), (n, _) in zip(pads, axes, strict=True))
    return np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=border), output, (slice(None), rows, columns)


def conv2d(x, w, b, stride=1, padding=0, dilation=1):
    """Images (N, H, W, Ci) and a kernel (kh, kw, Ci, Co) -> (N, Ho, Wo, Co).

    y[i, j] = b + sum_{a, b} x[i s + a d, j s + b d] w[a, b]: cross-correlation, the kernel is not flipped.
    """
    padded, output, _ = framed(x, w.shape[:2], stride, padding, dilation)
    y = np.zeros((len(x), *output, w.shape[3])) + b
    for tap, pixels in taps(w.shape[:2], output, stride, dilation):
        y += padded[pixels] @ w[tap]  # (N, Ho, Wo, Ci) @ (Ci, Co)
    return y


def conv_transpose2d(y, w, size, stride=1, padding=0, dilation=1):
    """(N, Ho, Wo, Co) -> (N, H, W, Ci): the adjoint of `conv2d` on images of `size` = (H, W).

    <conv2d(x), y> = <x, conv_transpose2d(y)> for all x and y (without bias). It needs `size`, because with a stride
    images of several sizes have outputs of one size. Where windows overlap, contributions add up.
    """
    x = np.zeros((len(y), *size, w.shape[2]))
    padded, output, image = framed(x, w.shape[:2], stride, padding, dilation)
    for tap, pixels in taps(w.shape[:2], output, stride, dilation):
        padded[pixels] += y @ w[tap].T  # (N, Ho, Wo, Co) @ (Co, Ci)
    return padded[image]


def conv2d_gradients(dy, x, w, stride=1, padding=0, dilation=1):
    """The loss's gradient dy (N, Ho, Wo, Co) at the output of `conv2d` -> its gradients dx, dw, db at x, w and b.

    dw[a, b] = sum over images and positions of x[i s + a d, j s + b d] dy[i, j]; db is the sum of dy.
    """
    padded, output, _ = framed(x, w.shape[:2], stride, padding, dilation)
    dw = np.zeros(w.shape)
    for tap, pixels in taps(w.shape[:2], output, stride, dilation):
        dw[tap] = np.einsum("nijc,nijd->cd", padded[pixels], dy)
    dx = conv_transpose2d(dy, w, x.shape[1:3], stride, padding, dilation)
    return dx, dw, dy.sum(axis=(0, 1, 2))


# ---------------------------------------------------------------------------------------------------------- sampling


def pool2d(x, kind, kernel, stride=None, padding=0):
    """The "max" or the "mean" of each window (N, H, W, C) -> (N, Ho, Wo, C); the stride is the kernel by default.

    Padding is not a value: it never wins the maximum, and the mean divides by the pixels that lie in the image.
    """
    stride = kernel if stride is None else stride
    padded, output, _ = framed(x, (kernel, kernel), stride, padding, 1, border=np.nan)  # no number, so never counted
    windows = np.stack([padded[pixels] for _, pixels in taps((kernel, kernel), output, stride, 1)])
    return np.nanmax(windows, axis=0) if kind == "max" else np.nanmean(windows, axis=0)


def upsample(x, scale, align_corners=False):
    """Images (N, H, W, C) -> (N, scale H, scale W, C), linear between the pixels.

    With `align_corners` the centres of the corner pixels stay: output i lies at i (n - 1) / (scale n - 1). Without, the
    outer edges stay, because pixels are boxes: at (i + 1/2) / scale - 1/2, and beyond the last centre nothing changes.
    """

    def shares(n):  # (scale n, n): each output is a weighted mean of at most two pixels
        i = np.arange(scale * n)
        at = i * (n - 1) / (scale * n - 1) if align_corners else ((i + 0.5) / scale - 0.5).clip(0, n - 1)
        return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(n)))

    return np.einsum("ih,jw,nhwc->nijc", shares(x.shape[1]), shares(x.shape[2]), x)


# ------------------------------------------------------------------------------------------------------------ blocks


class ForImages(nn.Module):
    """A module for images (N, H, W, C) with so many channels. PyTorch's layers want (N, C, H, W): turned here alone."""

    def __init__(self, module, channels):
        super().__init__()
        self.module = module

    def forward(self, x):
        y = self.module(x.permute(0, 3, 1, 2))  # (N, C, H, W)
        return y.permute(0, 2, 3, 1) if y.ndim == 4 else y


def conv3(c_in, c_out, stride=1, dilation=1, zero=False):
    """A 3 x 3 convolution with bias, which starts at zero if `zero`. Its padding keeps the size at stride 1."""
    conv = nn.Conv2d(c_in, c_out, 3, stride=stride, padding=dilation, dilation=dilation)
    if zero:
        nn.init.zeros_(conv.weight)
        nn.init.zeros_(conv.bias)
    return conv


class ResidualBlock(nn.Module):
    """relu(conv(relu(conv(x))) + shortcut(x)); the last convolution starts at zero, so a new block is the identity."""

    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        self.conv1 = conv3(c_in, c_out, stride)
        self.conv2 = conv3(c_out, c_out, zero=True)
        same_shape = c_in == c_out and stride == 1
        self.projection = None if same_shape else nn.Conv2d(c_in, c_out, 1, stride=stride)

    def forward(self, x):
        shortcut = x if self.projection is None else self.projection(x)
        y = self.conv2(functional.relu(self.conv1(x)))  # (N, c_out, H / stride, W / stride)
        return functional.relu(y + shortcut)


class DenseBlock(nn.Module):
    """Each layer sees the input and all layers before it, and adds `growth` channels behind them."""

    def __init__(self, c_in, growth, n_layers):
        super().__init__()
        self.convs = nn.ModuleList(conv3(c_in + i * growth, growth) for i in range(n_layers))

    def forward(self, x):
        for conv in self.convs:
            x = torch.cat([x, functional.relu(conv(x))], dim=1)  # (N, c_in + (i + 1) growth, H, W)
        return x


class Branches(nn.Module):
    """Convolutions of several dilations look at the same input side by side; their answers are concatenated."""

    def __init__(self, c_in, widths, dilations):
        super().__init__()
        pairs = zip(widths, dilations, strict=True)
        self.convs = nn.ModuleList(conv3(c_in, width, dilation=dilation) for width, dilation in pairs)

    def forward(self, x):
        return torch.cat([functional.relu(conv(x)) for conv in self.convs], dim=1)  # (N, sum(widths), H, W)


def build_residual_block(c_in, c_out, stride=1):
    """A new residual block, for images of `c_in` channels."""
    return ForImages(ResidualBlock(c_in, c_out, stride), c_in)


def build_dense_block(c_in, growth, n_layers):
    """A new dense block: images of `c_in` channels -> `c_in + n_layers * growth` channels."""
    return ForImages(DenseBlock(c_in, growth, n_layers), c_in)


def build_branches(c_in, widths, dilations):
    """New branches, one for each width and dilation: images of `c_in` channels -> `sum(widths)` channels."""
    return ForImages(Branches(c_in, widths, dilations), c_in)


# ----------------------------------------------------------------------------------------------------------- network


def plain_block(width):
    """Two convolutions, one after the other: a residual block without its shortcut."""
    return nn.Sequential(conv3(width, width), nn.ReLU(), conv3(width, width), nn.ReLU())


class Network(nn.Module):
    """A convolution, `depth` convolutions in blocks of two, the mean over the image, and a linear layer: logits (N, K).

    All convolutions have stride 1, so each of them widens the field of view by two pixels.
    """

    def __init__(self, kind, channels, width, depth, classes):
        super().__init__()
        self.first = conv3(channels, width)
        make = {"plain": plain_block, "resnet": lambda width: ResidualBlock(width, width)}[kind]
        self.blocks = nn.ModuleList(make(width) for _ in range(depth // 2))
        self.last = nn.Linear(width, classes)

    def forward(self, x):
        x = functional.relu(self.first(x))  # (N, width, H, W)
        for block in self.blocks:
            x = block(x)
        return self.last(x.mean(dim=(2, 3)))  # (N, classes)


def build_model(config):
    """A new network; `config` is {"kind": "resnet", "channels": 1, "width": 16, "depth": 20, "classes": 2}."""
    return ForImages(Network(**config), config["channels"])


def parameter_count(config):
    """Weights and biases of that network, without building it: a k x k convolution has (k k C_in + 1) C_out."""
    width = config["width"]
    first = (9 * config["channels"] + 1) * width
    blocks = config["depth"] * (9 * width + 1) * width
    return first + blocks + (width + 1) * config["classes"]
