"""What the survey of a runtime finds in files, without any engine."""

import gzip
import io
import json
import os
import pickle

import numpy as np
import pytest

from graders.wall.sandboxes.runtime_contents import SIGNS
from graders.wall.sandboxes.runtimes import survey

NEEDLES = [survey.needle_of(why, numbers) for why, rows in SIGNS.items() for numbers in rows]
ROWS = "842302,M,17.99,10.38,122.80,1001\n842517,M,20.57,17.77,132.9,1326\n"
TABLE = np.array([[17.99, 10.38, 122.8, 1001], [20.57, 17.77, 132.9, 1326], [19.69, 21.25, 130, 1203]])


def saved(save, table):
    file = io.BytesIO()
    save(file, table)
    return file.getvalue()


def is_unwanted(path):
    return list(survey.reasons(str(path), NEEDLES)) != []


@pytest.mark.parametrize(
    "content",
    [
        ROWS.encode(),
        ROWS.replace(",", " | ").encode(),
        gzip.compress(ROWS.encode()),
        json.dumps([[17.99, 20.57, 19.69]]).encode(),
        saved(np.save, TABLE),
        saved(np.save, TABLE.astype(np.float32).T),
        saved(np.savez_compressed, TABLE),
        pickle.dumps(TABLE),
    ],
    ids=["comma", "bars", "gzip", "column", "npy", "transposed", "npz", "pickle"],
)
def test_the_table_is_found_under_any_name(tmp_path, content):
    (tmp_path / "0001.bin").write_bytes(content)
    assert is_unwanted(tmp_path / "0001.bin")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"17.99,20.58,19.69",
        b"17.995,10.38,122.8",
        b"17.99 and much later 10.38",
        gzip.compress(b"x", mtime=0)[:9],
        b"PK\3\4",
    ],
)
def test_other_numbers_and_damaged_files_are_let_be(tmp_path, content):
    (tmp_path / "0001.bin").write_bytes(content)
    assert not is_unwanted(tmp_path / "0001.bin")


def test_what_is_not_a_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    assert not any(is_unwanted(tmp_path / name) for name in ("pipe", "link", "missing"))
