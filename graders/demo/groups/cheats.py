"""A group that has no solution and tries to win all the same. Part of the demonstration; nothing imports it.

Each trick beats some grader that runs its tests in the students' process. Here there is no test, no expected value
and no label in the process, only a question and a place for an answer.
"""

import atexit
import os
import sys

FRAMEWORK = "pytorch"


class Right(float):
    """Equal to whatever it is compared with."""

    def __eq__(self, other):
        return True

    def __lt__(self, other):
        return True

    __le__ = __gt__ = __ge__ = __lt__

    def __sub__(self, other):
        return self

    __rsub__ = __sub__

    def __abs__(self):
        return self

    def __hash__(self):
        return 0

    def __array_function__(self, *_):
        return True


print("========== 12 passed in 0.01s ==========")
print('{"score": 100, "tests": []}')

# Patch the test runner, and the comparisons it would use.
for name in ("_pytest.runner", "numpy"):
    module = sys.modules.get(name)
    if module is not None:
        module.isclose = module.allclose = lambda *a, **k: True

# Look for tests and labels.
LOOT = [
    os.path.join(folder, file)
    for start in ("..", "/solution", "/medmark")
    for folder, _, files in os.walk(start)
    for file in files
    if "hidden" in folder or "label" in file
][:10]

# Write a result on the way out.
atexit.register(lambda: open("results.json", "w").write('{"score": 100}'))


def _right(*args, **kwargs):
    return Right(1.0)


statistics = build_model = parameter_count = constant_loss = bce_with_logits = train_step = choose_threshold = _right
fit = predict = save = load = _right
