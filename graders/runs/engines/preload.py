"""Imports what every marker process needs, once, in the forkserver: pytest with its own plug-ins, NumPy, the marker.

No plug-in of another distribution is imported:
`graders.asking.check` runs pytest without them.
"""

from importlib import import_module

import numpy as np  # noqa: F401  (for its import alone)
import pytest  # noqa: F401
from _pytest.config import default_plugins

for _plugin in default_plugins:
    import_module(f"_pytest.{_plugin}")
import_module("graders.grade")
import_module("scipy.optimize")  # what explains a poor score needs it: nothing is imported once memory is limited
