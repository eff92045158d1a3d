"""The text of assignment.toml that students get: it says neither where patients lie nor how they were split."""

from __future__ import annotations

import tomllib

import pytest

from assignments.errors import UserError
from assignments.public_settings import public_settings

TEXT = '''\
id = "liver"      # the name of the folder
[data]
source = "folder"
# The disk of the radiology department:
path = "/mnt/pacs/liver"   # read only
test = 0.25
split_seed = 7
split = "../secret/split.csv"
share = "students"
permission = """
Ethics committee,
split_seed = 2026-03-04
"""
window = [40, 400]
[run]
mode = "retrain"
'''


def test_private_keys_go_with_their_comments_and_the_rest_stays_as_it_is():
    assert public_settings(TEXT) == (
        'id = "liver"      # the name of the folder\n[data]\nsource = "folder"\ntest = 0.25\nshare = "students"\n'
        'window = [40, 400]\n[run]\nmode = "retrain"\n'
    )


def test_a_text_without_private_keys_is_not_touched():
    text = '# path = "here"\nid = "liver"\n[data]\nsource = "prostate_mr"\n[run]\npath = "of another table"\n'
    assert public_settings(text) == text


def test_dotted_keys_are_found_too():
    assert tomllib.loads(public_settings('data.path = "x"\ndata.source = "folder"\n')) == {"data": {"source": "folder"}}


def test_a_private_key_beside_others_on_a_line_is_refused():
    with pytest.raises(UserError, match="path is not handed out, but does not stand on a line of its own"):
        public_settings('data = { source = "folder", path = "/mnt" }\n')
