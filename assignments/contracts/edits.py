"""Puts common mistakes into a reference: code around its functions, or a change of its syntax tree's text.

Functions are wrapped where NumPy arrays cross the wall, so that one edit serves every framework.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from textwrap import dedent, indent

from assignments.contracts.contract import DoesNotApply, EditedReference

_CALLS = {"pytorch": "forward", "tensorflow": "call"}
"""The method of a model class that computes its output."""


def around_predict(body: str) -> Callable[[EditedReference], str]:
    """An edit that replaces the entry point: `body` computes from `model`, `inputs` and `reference`, the old function.

    `changed(cases, change)` is there too: the cases with `change` applied to each input array.
    """

    def edit(reference: EditedReference) -> str:
        return _wrapped(reference, reference.entry, f"def {reference.entry}(model, inputs):", body)

    return edit


def around_fit(body: str) -> Callable[[EditedReference], str]:
    """The same for `fit`: `body` computes from `train`, `val`, `named` and `reference`."""

    def edit(reference: EditedReference) -> str:
        return _wrapped(reference, "fit", "def fit(train, val=None, **named):", body)

    return edit


def around(name: str, header: str, body: str) -> Callable[[EditedReference], str]:
    """The same for a function that receives no arrays, such as `load`."""

    def edit(reference: EditedReference) -> str:
        return _wrapped(reference, name, header, body)

    return edit


def if_probed(edit: Callable[[EditedReference], str]) -> Callable[[EditedReference], str]:
    """The edit, where the models of a framework can be probed."""

    def probed(reference: EditedReference) -> str:
        if reference.framework not in _CALLS:
            raise DoesNotApply("its models cannot be probed")
        return edit(reference)

    return probed


def both(*edits: Callable[[EditedReference], str]) -> Callable[[EditedReference], str]:
    """One edit after the other."""

    def edit(reference: EditedReference) -> str:
        for each in edits:
            reference = replace(reference, text=each(reference))
        return reference.text

    return edit


def _wrapped(reference: EditedReference, name: str, header: str, body: str) -> str:
    """The reference with a function of this name behind it that may call the old one."""
    _function(ast.parse(reference.text), name)
    old = f"_reference_{name}"
    while old in reference.text:  # it is wrapped already
        old += "_"
    lines = [
        "",
        "",
        f"{old} = {name}",
        "",
        "",
        header,
        "    import numpy as np",
        "",
        f"    reference, keys = {old}, {reference.inputs!r}",
        f"    prediction, exclusive = {reference.prediction!r}, {reference.exclusive}",
        "",
        "    def changed(cases, change):",
        '        """The cases with each input array changed; where `fit` receives lists, each case alone."""',
        "        new = {k: change(np.asarray(v)).astype(np.asarray(v).dtype) for k, v in cases.items()",
        "               if k in keys and not isinstance(v, list)}",
        "        lists = {k: [change(np.asarray(each)[None])[0].astype(each.dtype) for each in v]",
        "                 for k, v in cases.items() if k in keys and isinstance(v, list)}",
        "        return {**cases, **new, **lists}",
        "",
        indent(dedent(body).strip("\n"), "    "),
        "",
    ]
    return reference.text.rstrip("\n") + "\n" + "\n".join(lines)


def map_in_the_model(reference: EditedReference) -> str:
    """The reference whose model class returns probabilities in place of logits."""
    maps = {
        "pytorch": "torch.softmax({}, -1)" if reference.exclusive else "torch.sigmoid({})",
        "tensorflow": "tf.nn.softmax({})" if reference.exclusive else "tf.sigmoid({})",
    }
    tree = ast.parse(reference.text)
    method = _output_method(tree, _CALLS[reference.framework])
    values = [node.value for node in ast.walk(method) if isinstance(node, ast.Return) and node.value is not None]
    return _replaced(reference.text, [(value, maps[reference.framework]) for value in values])


def without_loading(reference: EditedReference) -> str:
    """The reference whose `load` reads no weights into the model."""
    name = {"pytorch": "load_state_dict", "tensorflow": "load_weights"}.get(reference.framework)
    load = _function(ast.parse(reference.text), "load")
    calls = [node for node in ast.walk(load) if isinstance(node, ast.Expr) and _method(node.value) == name]
    if name is None or not calls:
        raise DoesNotApply("its `load` calls no load_state_dict or load_weights")
    return _replaced(reference.text, [(call, "pass") for call in calls])


def without_buffers(reference: EditedReference) -> str:
    """The reference whose `load` leaves state that is not trained as a new model has it."""
    read, of, copy = {
        "pytorch": ("load_state_dict", "buffers()", ("v.clone()", "v.copy_(w)")),
        "tensorflow": ("load_weights", "non_trainable_variables", ("v.numpy()", "v.assign(w)")),
    }.get(reference.framework, ("", "", ("", "")))
    buffers = {"pytorch": "register_buffer|BatchNorm", "tensorflow": r"trainable=False|BatchNormalization"}
    if not read or not re.search(buffers[reference.framework], _code(reference.text)):
        raise DoesNotApply("its model has no state beside its weights")
    for node in ast.walk(_function(ast.parse(reference.text), "load")):
        if isinstance(node, ast.Expr) and _method(node.value) == read:
            call = node.value
            assert isinstance(call, ast.Call)
            assert isinstance(call.func, ast.Attribute)
            variables = f"{ast.unparse(call.func.value)}.{of}"
            new = f"_new = [{copy[0]} for v in {variables}]; {{}}; [{copy[1]} for v, w in zip({variables}, _new)]"
            return _replaced(reference.text, [(node, new)])
    raise DoesNotApply(f"its `load` calls no {read}")


def training_mode(reference: EditedReference) -> str:
    """The reference that predicts with the statistics of the batch, as batch normalisation does while it trains."""
    layers = {"pytorch": r"BatchNorm", "tensorflow": r"BatchNormalization"}.get(reference.framework)
    if layers is None or not re.search(layers, _code(reference.text)):
        raise DoesNotApply("its model normalises no batches")
    pattern, other = (
        (r"\.eval\(\)", ".train()") if reference.framework == "pytorch" else (r"training=False", "training=True")
    )
    if not re.search(pattern, _code(reference.text)):
        raise DoesNotApply("it switches nothing before it predicts")
    return re.sub(pattern, other, _without_dropout(reference.text))


def _without_dropout(text: str) -> str:
    """The text whose dropout layers drop nothing: the same switch turns them on, and they are another mistake."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    layers = [node for node in nodes if re.search(r"Dropout\w*$", ast.unparse(node.func))]
    return _replaced(text, [(node, f"{ast.unparse(node.func)}(0.0)") for node in layers])


def deviations_of_1(reference: EditedReference) -> str:
    """The reference with 1 in place of every standard deviation that it computes."""
    names = ("std", "nanstd", "reduce_std")
    nodes = [node for node in ast.walk(ast.parse(reference.text)) if isinstance(node, ast.Call)]
    calls = [node for node in nodes if _method(node) in names]
    if not calls:
        raise DoesNotApply("it computes no standard deviation")
    return _replaced(reference.text, [(call, "({} * 0 + 1)") for call in calls])


def _code(text: str) -> str:
    """The text without comments and docstrings, which may speak of what the code does not do."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _function(tree: ast.Module, name: str) -> ast.FunctionDef:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise DoesNotApply(f"it defines no function {name}")


def _output_method(tree: ast.Module, name: str) -> ast.FunctionDef:
    """The method that computes the output of the outermost model: of the last class that no other class creates."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    inner = {called for each in classes for called in _names_called(each)}
    for each in reversed(classes):
        methods = [node for node in each.body if isinstance(node, ast.FunctionDef) and node.name == name]
        if methods and each.name not in inner:
            return methods[0]
    raise DoesNotApply(f"it defines no model class with a method {name}")


def _names_called(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name):
            yield each.func.id


def _method(node: ast.AST) -> str:
    """The name of the method that an expression calls; empty if it calls none."""
    return node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""


def _replaced(text: str, changes: list[tuple[ast.stmt | ast.expr, str]]) -> str:
    """The text with some nodes replaced; `{}` in a replacement stands for the node's own text.

    A node within another one of them is left to the outer one.
    """
    data = text.encode()
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    spans = []
    for node, new in changes:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        first = starts[node.lineno - 1] + node.col_offset
        spans.append((first, starts[node.end_lineno - 1] + node.end_col_offset, new))
    spans.sort(key=lambda span: (span[0], -span[1]))
    outer = [span for i, span in enumerate(spans) if not any(span[1] <= before[1] for before in spans[:i])]
    for first, last, new in reversed(outer):
        own = data[first:last].decode()
        data = data[:first] + new.replace("{}", own).encode() + data[last:]
    return data.decode()
