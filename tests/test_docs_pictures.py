"""The pictures of docs/data.md are those that docs/pictures.py draws; small, and each named with what it leaves out."""

import importlib.util
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "data.md").read_text(encoding="utf-8")


def script():
    spec = importlib.util.spec_from_file_location("docs_pictures", DOCS / "pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PICTURES = script()


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(float)


def difference(first, second):
    """The mean difference of two pictures, in grey levels of 255; of pictures of two sizes, infinite."""
    a, b = pixels(first), pixels(second)
    return float(np.abs(a - b).mean()) if a.shape == b.shape else np.inf


@pytest.mark.parametrize("name", PICTURES.SHOWN)
def test_a_picture_of_the_page_is_the_one_that_the_script_draws(name):
    """Another Pillow may round letters and colours otherwise."""
    stored = (DOCS / "pictures" / f"{name}.png").read_bytes()
    drawn = PICTURES.source_picture(name).png
    assert difference(stored, drawn) < 3, "run: python docs/pictures.py"
    assert len(stored) <= 100_000


def test_pictures_of_other_cases_are_seen_to_differ():
    stored = [(DOCS / "pictures" / f"{name}.png").read_bytes() for name in ("brain_pairs", "brain_contrasts")]
    assert difference(*stored) > 10


def test_each_source_has_its_picture_in_its_section_with_words_for_it_and_what_it_leaves_out():
    for name in PICTURES.SHOWN:
        section = PAGE.split(f"### `{name}`", 1)[1].split("\n### ")[0].split("\n## ")[0]
        assert re.search(rf"!\[[^\]]{{40,}}\]\(pictures/{name}\.png\)", section)
        assert re.search(r"[Ll]eft out:|leaves out", section)
    assert {path.stem for path in (DOCS / "pictures").iterdir()} == set(PICTURES.SHOWN)
