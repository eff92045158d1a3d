"""No file of the current folder is imported: whoever marks may stand in a folder of somebody else's."""

import os
import subprocess
import sys
from pathlib import Path

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


STRAYS = ["cli.py", "graders/__init__.py", "multiprocessing/__init__.py", "signal.py", "numpy.py"]


def test_the_server_of_marker_processes_imports_no_file_that_lies_in_the_current_folder(tmp_path):
    program, folder, ran = tmp_path / "program" / "mark.py", tmp_path / "folder", tmp_path / "ran"
    ran.mkdir()
    for path in (program, *(folder / name for name in STRAYS)):
        path.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(STARTS_A_MARKER)
    for number, name in enumerate(STRAYS):
        (folder / name).write_text(f"open({str(ran / str(number))!r}, 'w')\n")
    done = subprocess.run(
        [sys.executable, str(program)], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60
    )
    assert done.returncode == 0
    assert [STRAYS[int(path.name)] for path in ran.iterdir()] == []
