"""A file that lasts is whole at any moment, and the toolkit writes every such file with `replace_file`."""

import ast
import errno
import io
import os
import stat
import threading

import pytest

from assignments.files import replace_file
from tests.test_one_home import sources


def test_a_file_is_replaced_and_its_folder_created(tmp_path):
    path = tmp_path / "new" / "a.json"
    replace_file(path, "één")
    assert path.read_bytes() == "één".encode()
    replace_file(path, b"\x00two")
    assert path.read_bytes() == b"\x00two"
    assert list(path.parent.iterdir()) == [path]


def test_a_files_content_is_copied_from_where_it_stands(tmp_path):
    content = io.BytesIO(b"head" + bytes(3 << 20))
    content.seek(4)
    replace_file(tmp_path / "copy", content)
    assert (tmp_path / "copy").read_bytes() == bytes(3 << 20)


def test_a_full_disk_leaves_the_old_file_and_no_other_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    replace_file(path, "old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left.*a\.json"):
        replace_file(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_only_some_may_read_stays_so(tmp_path):
    path = tmp_path / "marks.csv"
    replace_file(path, "old")
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask()
    for mode in (0o600, 0o640):
        path.chmod(mode)
        replace_file(path, "new")
        assert stat.S_IMODE(path.stat().st_mode) == mode


def umask():
    now = os.umask(0o022)
    os.umask(now)
    return now


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_text("theirs")
    (tmp_path / "a.json").symlink_to(tmp_path / "elsewhere")
    replace_file(tmp_path / "a.json", "ours")
    assert (tmp_path / "elsewhere").read_text() == "theirs"
    assert (tmp_path / "a.json").read_text() == "ours"


def test_several_writers_at_once_leave_one_whole_file(tmp_path):
    path = tmp_path / "a.txt"
    texts = [letter * 200_000 for letter in "abcd"]
    replace_file(path, texts[0])
    seen = set()
    writers = [
        threading.Thread(target=lambda text=text: [replace_file(path, text) for _ in range(5)]) for text in texts
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        seen.add(path.read_text())
    assert seen <= set(texts)
    assert list(tmp_path.iterdir()) == [path]


# Functions that write a file in another way, and why they may.

OTHERWISE = {
    ("assignments/files.py", "replace_file"): "this is how",
    ("assignments/data/folder/itk.py", "_silent"): "into nothing",
    ("assignments/data/folder/decoding.py", "main"): "a folder of one reading",
    ("graders/intake/paper_reader.py", "_write"): "a folder of one reading",
    ("graders/intake/hand_in_commits.py", "_opened"): "it reads: O_RDONLY",
    ("assignments/data/prepared_store.py", "_save"): "into memory",
    ("assignments/data/case_files.py", "_written"): "into memory",
    ("reports/data_page.py", "write_data_page"): "an empty file for its owner alone, which replace_file then fills",
    ("graders/record/answer_files.py", "store_arrays"): "into memory",
    ("graders/record/answer_files.py", "add"): "a file without a name, which is copied when it is complete",
    ("graders/authoring/stored_runs.py", "_write_arrays"): "into memory",
    ("reports/exports/gradescope_autograder.py", "main"): "on a machine of Gradescope's, which reads it afterwards",
    ("reports/marksheet.py", "as_csv"): "into memory",
    ("graders/wall/sandboxes/host_runtime.py", "root_archive"): "into memory",
    ("graders/wall/sandboxes/runtimes/take_out.py", "take_out"): "made again if a build ends early",
    ("graders/record/ledger_file.py", "open_to_read"): "into memory",
    ("graders/record/ledger_file.py", "_in_memory"): "a folder of one look",
    ("reports/terminal.py", "give_up_stdout_if_unwritable"): "into nothing",
    ("graders/wall/sandboxes/images.py", "_context"): "into memory",
    ("graders/authoring/misconceptions.py", "write_solution"): "a folder of one rehearsal",
    ("graders/authoring/mutants.py", "write_copy"): "a folder of one rehearsal",
    ("graders/authoring/mutants.py", "let_remember"): "a folder of one rehearsal",
    ("graders/authoring/mutants.py", "write_mutant"): "a folder of one rehearsal",
    ("graders/authoring/given_code.py", "write_plain"): "a folder of one rehearsal",
    ("graders/authoring/mutants.py", "copy_reference"): "a folder of one rehearsal",
    ("graders/demo/__init__.py", "make_demo"): "a course of its own, made anew",
    ("graders/demo/__init__.py", "_repository"): "a course of its own, made anew",
    ("graders/intake/own_clone.py", "_make"): "a repository that lives as long as one look",
    ("graders/runs/engines/sent_inputs.py", "_new_blob"): "renamed to the digest of its content when it is whole",
    ("graders/runs/engines/dask_worker.py", "done"): "a folder of one worker; the program reads it when it is whole",
    ("graders/runs/engines/folder_files.py", "lay_out"): "a folder of one package",
    ("graders/wall/sandboxes/rootless.py", "_spawned"): "a folder of one session",
    ("graders/wall/sandboxes/rootless.py", "_started"): "a descriptor that is read",
    ("graders/wall/sandboxes/user_ids.py", "map_for"): "a file of the kernel's",
    ("graders/wall/sandboxes/rootfs.py", "fill"): "a folder that is renamed once it is whole",
    ("graders/wall/sandboxes/rootfs.py", "_copy"): "a folder that is renamed once it is whole",
    ("graders/wall/sandboxes/rootfs.py", "_linked"): "a folder that is renamed once it is whole",
    ("graders/wall/sandboxes/local.py", "_opened"): "a folder of one session",
    ("graders/wall/sandboxes/gpus.py", "_lock_file"): "a lock without words",
    ("assignments/cached.py", "_append"): "a line of a cache; a reader skips a line that was cut off",
    ("graders/authoring/stored_tests.py", "put"): "the same: a line in one write, for a cache",
    ("graders/course/lock.py", "course_lock"): "a lock, whose words only help a person",
    ("graders/intake/clone.py", "_held"): "a lock without words",
    ("graders/wall/sandboxes/host_runtime.py", "host_runtime"): "a lock without words",
    ("graders/wall/sandboxes/host_runtime.py", "_install"): "the list that pip reads, in an unfinished environment",
    ("graders/course/secret.py", "make_secret"): "the secret, which must not be there yet",
    ("graders/intake/checkout.py", "_write_one"): "a file of a checkout, which counts once its record lies beside it",
    ("graders/runs/nbgrader_running.py", "_slot"): "an empty solution, in a folder of one slot",
    ("graders/record/ledger_file.py", "_copied"): "SQLite's own copy, renamed when it is whole",
    ("graders/intake/nbgrader_gradebook.py", "opened_copy"): "a folder of one look",
    ("graders/runs/nbgrader_writing.py", "_copied"): "SQLite's own copy of a gradebook, before anything is written",
}
WRITERS = {
    "write_text", "write_bytes", "savez", "savez_compressed", "save", "savetxt", "tofile", "copyfile", "copy", "copy2",
    "copytree", "move", "to_csv", "to_excel", "to_json", "to_parquet", "fdopen", "mkstemp", "backup",
    "NamedTemporaryFile", "ExcelWriter", "savefig",
}  # fmt: skip
OF_MODULES = {"save": ("np", "numpy"), "copy": ("shutil",), "move": ("shutil",)}
"""Names that write a file only as functions of these modules."""


def writes(text):
    """(function, call) for every call that may write a file, by the name of the function that contains it."""

    def within(node, function):
        for child in ast.iter_child_nodes(node):
            inside = child.name if isinstance(child, ast.FunctionDef) else function
            if isinstance(child, ast.Call) and may_write(child):
                yield inside, ast.unparse(child)
            yield from within(child, inside)

    return list(within(ast.parse(text), ""))


def may_write(call):
    whole = ast.unparse(call.func)
    owner, _, name = whole.rpartition(".")
    if name in WRITERS:
        return owner in OF_MODULES.get(name, (owner,)) and (owner != "" or not name.startswith("to_"))
    if name != "open":
        return False
    if owner == "os":
        return "O_CREAT" in ast.unparse(call) or "O_WRONLY" in ast.unparse(call) or "O_RDWR" in ast.unparse(call)
    modes = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    words = [argument.value for argument in modes if isinstance(argument, ast.Constant)]
    return any(isinstance(word, str) and len(word) <= 3 and set(word) & set("wax+") for word in words)


def test_every_file_that_lasts_is_written_whole_or_not_at_all():
    writers = {(path, function) for path, text in sources() for function, _ in writes(text)}
    assert writers - set(OTHERWISE) == set(), (
        "write it with assignments.files.replace_file, or add it to OTHERWISE with the reason"
    )
    assert set(OTHERWISE) - writers == set(), "nothing is written there any more"


@pytest.mark.parametrize(
    "source",
    [
        "path.write_text(text)", "p.write_bytes(b)", "open(p, 'w')", "open(p, mode='xb')", "p.open('a')",
        "p.open(mode='r+')", "os.open(p, os.O_WRONLY | os.O_CREAT)", "os.fdopen(d, 'w')", "np.save(p, a)",
        "np.savez_compressed(p, **a)", "shutil.copyfile(a, b)", "shutil.copy(a, b)", "frame.to_csv(p)",
        "shutil.move(a, b)", "tempfile.NamedTemporaryFile()", "figure.savefig(p)",
    ],
)  # fmt: skip
def test_the_walk_sees_each_way_to_write(source):
    assert [function for function, _ in writes(f"def f():\n    {source}")] == ["f"]


@pytest.mark.parametrize("source", ["open(p)", "p.open('rb')", "known.copy()", "sandbox.open(of)", "text.replace(a)"])
def test_the_walk_sees_nothing_else(source):
    assert writes(source) == []
