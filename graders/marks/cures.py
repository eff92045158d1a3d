"""What to do about an error that students often meet: the text of an exception, and the cure.

An exception's text is the student's or a framework's. It chooses a sentence here, and is never part of it except for
names that it was searched for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from graders.record.documents import Cause

SAVE_STATE = "torch.save(model.state_dict(), file)"
MAP_LOCATION = 'torch.load(file, map_location="cpu")'

WHOLE_MODEL = (
    "the file holds a whole model, and its class is not found where it was when you saved. Save the numbers alone, "
    f"{SAVE_STATE}; `load` then builds the model and calls model.load_state_dict"
)
_PREFIX = (
    "the keys begin with `{0}`, which {1} puts there. Save {2}.state_dict(), or take the prefix off in `load`: "
    "{{key.removeprefix('{0}'): value for key, value in state.items()}}"
)
_DAMAGED = "the file is cut off or is not the format that `load` expects: save it again, and commit the whole file"
_ARCHITECTURE = (
    "the network that `load` builds differs from the one that was saved. Build both by one function, and save its "
    "settings beside the weights"
)
_KERAS_CLASS = (
    "the file names {0}, which Keras does not find. Put @keras.saving.register_keras_serializable() above it in "
    "solution.py, or save with model.save_weights, and let `load` build the model and call load_weights"
)
_NO_GPU = (
    'the marker has no GPU. Leave the device out, or choose it: device = "cuda" if torch.cuda.is_available() else "cpu"'
)

_Cure = str | Callable[[re.Match[str]], str]
_CURES: Final[tuple[tuple[str, _Cure], ...]] = (
    # PyTorch: loading
    (r"Unsupported global: GLOBAL (?!torch\.|numpy|_codecs)[\w.]+", WHOLE_MODEL),
    (r"Can't get attribute '\w+' on <module", WHOLE_MODEL),
    (
        r"Attempting to deserialize object on a CUDA device|Storage device not recognized|"
        r"not linked with support for mps|deserialize object on an MPS device",
        f"the weights were saved on another device than the marker's CPU: write {MAP_LOCATION} in `load`",
    ),
    (r'Unexpected key\(s\) in state_dict: "module\.', _PREFIX.format("module.", "DataParallel", "model.module")),
    (
        r'Unexpected key\(s\) in state_dict: "_orig_mod\.',
        _PREFIX.format("_orig_mod.", "torch.compile", "model._orig_mod"),
    ),
    (
        r'Unexpected key\(s\) in state_dict:[^\n]*"(\w*(?:state_dict|model|net|weights)\w*)"[.,]',
        lambda match: (
            f'the file is a checkpoint, and the weights are one entry of it: load_state_dict(state["{match[1]}"])'
        ),
    ),
    (r"size mismatch for ([\w.]+):", lambda match: f"{_ARCHITECTURE}: `{match[1]}` has another size"),
    (r"Error\(s\) in loading state_dict", f"{_ARCHITECTURE}: the names of their layers differ"),
    (
        r"PytorchStreamReader failed|Unsupported operand \d+|invalid load key|Ran out of input|unexpected EOF|EOFError",
        _DAMAGED,
    ),
    # A device
    (
        r"Torch not compiled with CUDA enabled|No CUDA GPUs are available|Found no NVIDIA driver|"
        r"Torch not linked against MPS|MPS backend is (?:not )?supported|PyTorch is not linked with support for mps",
        _NO_GPU,
    ),
    (r"Expected all tensors to be on the same device", _NO_GPU),
    # Keras: loading
    (r"Could not locate (?:class|function) '(\w+)'", lambda match: _KERAS_CLASS.format(match[1])),
    (r"Unknown layer: '?(\w+)'?", lambda match: _KERAS_CLASS.format(match[1])),
    (r"could not be deserialized properly", _KERAS_CLASS.format("a layer of your own")),
    (
        r"deserialization of a `Lambda` layer",
        "a Lambda layer is Python code, which Keras does not load. Write a layer of your own, or save with "
        "model.save_weights, and let `load` build the model and call load_weights",
    ),
    (
        r"model that has not yet been built|has not yet been built|Layer .* was never built",
        "Keras makes the variables at the first call. Call the model on one case, or model.build(shape), before "
        "load_weights",
    ),
    (r"objects could not be loaded|Layer count mismatch|expected \d+ variables", _ARCHITECTURE),
    (r"file signature not found|truncated file|Unable to (?:synchronously )?open file \((?!unable to open)", _DAMAGED),
    (
        r"legacy SavedModel format is not supported",
        'Keras 3 loads no folder of a SavedModel: save with model.save("weights/model.keras")',
    ),
    (r"accessible `\.keras` zip file", "the file is not one that model.save wrote"),
    # An answer
    (
        r"Can't call numpy\(\) on Tensor that requires grad",
        "predict inside `with torch.no_grad():`, or write tensor.detach().numpy()",
    ),
    (r"can't convert cuda\S* device type tensor to numpy", "write tensor.cpu().numpy()"),
    # A file
    (
        r"No such file or directory: '(?:/|~|[A-Za-z]:)",
        "this path is of one machine alone. The marker hands cases to `fit` and `predict`; a file of yours is "
        "Path(__file__).parent / NAME",
    ),
    # A module
    (
        r"attempted relative import with no known parent package",
        "solution.py is not in a package: write `from helper import ...` without the dot",
    ),
)
"""A pattern in the text of an exception, and its cure; the first that fits counts."""


def cure_of(error: str) -> str:
    """What to do about an error, by its text; empty if it is not one of the known ones."""
    for pattern, cure in _CURES:
        if match := re.search(pattern, error[:20_000]):
            return cure if isinstance(cure, str) else cure(match)
    return ""


def cure_of_cause(cause: Cause) -> str:
    """What to do about a failure whose text only staff may read, by the parts that a student reads; empty if unknown.

    No text of an exception enters it: that of a hidden test could carry inputs out.
    """
    kind, function = (cause.kind or "").partition(":")[0], cause.function or ""  # `ModuleNotFoundError: lungs`
    keys = ((cause.reason, kind, function), (cause.reason, kind, ""), (cause.reason, "", function))
    return next((_CURES_OF_CAUSES[key] for key in (*keys, (cause.reason, "", "")) if key in _CURES_OF_CAUSES), "")


_CURES_OF_CAUSES: Final[Mapping[tuple[str, str, str], str]] = {
    ("import_failed", "ModuleNotFoundError", ""): (
        "If the module is yours, commit it beside solution.py. If it is a package, do without it, or ask the course's "
        "staff to add it: handout.json lists what the marker has"
    ),
    ("import_failed", "SyntaxError", ""): (
        "Python cannot read this line. `python -m py_compile solution.py` shows why; the marker's Python may be older "
        "than yours"
    ),
    ("import_failed", "FileNotFoundError", ""): (
        "The marker starts in another folder. A file of yours is Path(__file__).parent / NAME, and it has to be "
        "committed"
    ),
    ("import_failed", "", ""): "The marker imports a fresh clone: look for what this line needs that is not committed",
    ("missing_function", "", ""): "Define it at the top level of the solution, with the starter's name and arguments",
    ("raised", "", "load"): (
        "`load` receives the folder of the weights: open Path(folder) / NAME, and save numbers, not the whole model. "
        "`medmark check --handin` loads them as the marker does"
    ),
    ("raised", "", "fit"): "`medmark check` trains briefly as the marker does, and shows the whole message",
    ("raised", "", ""): "Call the function yourself, at other sizes and values than those of the public tests",
    ("cpu_limit", "", "fit"): (
        "`budget_s` says how many CPU seconds `fit` has: count steps, and stop well before they are used up"
    ),
    ("cpu_limit", "", ""): "Look for a loop over voxels, rows or cases that NumPy or the framework does at once",
    ("wall_limit", "", ""): "Look for code that waits: for input, a lock, a download, or a process of its own",
    ("gpu_memory", "", "fit"): (
        "Train on smaller batches or patches, and keep no tensor that still has its graph: add loss.item(), not loss"
    ),
    ("gpu_memory", "", ""): (
        "Predict fewer cases at once, without gradients (torch.no_grad()), and take each answer off the GPU"
    ),
    ("memory_limit", "", ""): "Keep fewer cases, activations or copies at once; predict without gradients",
    ("not_probed", "", ""): "Return a torch.nn.Module or a keras.Model, not an object that wraps it",
    ("wrong_type", "", ""): "interface.py says what each function returns",
    ("wrong_shape", "", ""): "interface.py says the shape of each answer, axis by axis",
    ("not_finite", "", ""): "Look for a division by 0, a logarithm of 0, or exp of a large number",
    ("process_ended", "", ""): "The process was ended from within: look for exit(), os._exit, or a crash of a library",
}
"""By reason, kind and function; empty where any will do."""
