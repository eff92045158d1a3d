"""No file of the current folder is imported: whoever marks may stand in a folder of somebody else's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
STARTS_A_MARKER = """\
import sys
from multiprocessing import get_context
from graders.runs.engines.processes import start_forkserver

def nothing():
    pass

if __name__ == "__main__":
    start_forkserver("cli")
    process = get_context("forkserver").Process(target=nothing)
    process.start()
    process.join()
    sys.exit(process.exitcode)
"""


@pytest.mark.parametrize(
    "name", ["cli.py", "graders/__init__.py", "multiprocessing/__init__.py", "signal.py", "numpy.py"]
)
def test_the_server_of_marker_processes_imports_no_file_that_lies_in_the_current_folder(name, tmp_path):
    program = tmp_path / "program" / "mark.py"
    stray, ran = tmp_path / "folder" / name, tmp_path / "ran"
    for path in (program, stray):
        path.parent.mkdir(parents=True)
    program.write_text(STARTS_A_MARKER)
    stray.write_text(f"open({str(ran)!r}, 'w')\n")
    done = subprocess.run(
        [sys.executable, str(program)], cwd=tmp_path / "folder", env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60
    )
    assert done.returncode == 0
    assert not ran.exists()
