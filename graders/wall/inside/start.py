"""Starts the keeper or the zygote: `python -I -B start.py keeper`.

This folder is loaded as a package of a name that no solution uses, so that a group's own `values.py` or `worker.py`
stays importable.
"""

import importlib
import importlib.util
import sys
from pathlib import Path

NAME = "medmark_inside"


def main() -> None:
    """Run `main()` of the module named on the command line."""
    folder = Path(__file__).parent
    spec = importlib.util.spec_from_file_location(
        NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)
    importlib.import_module(f"{NAME}.{sys.argv[1]}").main()


if __name__ == "__main__":
    main()
