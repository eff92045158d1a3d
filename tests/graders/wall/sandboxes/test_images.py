"""Images made from this machine, of a lock that holds one tiny package; and what a build refuses."""

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import docker
import pytest

from assignments.assignment import Limits
from graders.failures import EngineFailure, ImageFailure
from graders.wall.sandboxes import images, runtime_records
from graders.wall.sandboxes.docker import Docker
from graders.wall.sandboxes.sandbox import SandboxSpec
from tests.graders.wall.sandboxes.talk import ECHO, value
from tests.graders.wall.sandboxes.wheels import TINY, make_wheel

pytestmark = pytest.mark.slow


@pytest.fixture
def bench(engine, lock, monkeypatch):
    """The lock, with an engine to build with; images that the test makes are removed again, and no others."""
    built = []
    imported = images._imported
    monkeypatch.setattr(images, "_imported", lambda *order: built.append(imported(*order)) or built[-1])
    yield lock
    client = docker.APIClient()
    for image in set(built):
        client.remove_image(image, force=True)
    client.close()


def build(**options):
    return images.build_from_host("numpy", say=lambda line: None, **options)


@pytest.mark.docker
def test_a_build_is_recorded_with_its_packages(bench):
    built = build()
    assert runtime_records.runtime("numpy") == built
    assert runtime_records.listed() == (built,)
    assert built.packages == {"tiny": "1.0"}
    assert built.modules == ("tiny",)
    assert (built.made_from, built.added, built.kind, len(built.digest)) == ("host", (), "medical", 64)


@pytest.mark.docker
def test_a_slim_runtime_is_built_from_the_slim_lock(bench, tmp_path):
    make_wheel(tmp_path / "wheels", "tiny", TINY, version="0.9")
    (bench.parent / "numpy.slim.lock").write_text("tiny==0.9\n")
    built = build(kind="slim")
    assert (built.packages, built.kind) == ({"tiny": "0.9"}, "slim")


@pytest.mark.docker
def test_inside_there_is_the_lock_and_nothing_else_of_this_machine(bench, tmp_path):
    build()
    tmp_path.chmod(0o755)
    with Docker(inside=ECHO).open(SandboxSpec(tmp_path, "numpy", Limits())) as channel:
        assert value(channel, "__import__('tiny').answer") == 42
        prefix = value(channel, "__import__('sys').base_prefix")
        site = value(channel, f"__import__('sysconfig').get_path('purelib', vars={{'base': {prefix!r}}})")
        assert value(channel, f"[*__import__('pathlib').Path({site!r}).glob('*')]") == []
        assert value(channel, "__import__('os').path.exists('/bin/sh')") is False


@pytest.mark.docker
def test_equal_contents_have_equal_digests_wherever_they_lie(bench, tmp_path, monkeypatch):
    first = build()
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "another"))
    assert build().digest == first.digest
    make_wheel(tmp_path / "wheels", "tiny", {"tiny.py": "answer = 43\n"})
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "a third"))
    assert build().digest != first.digest


@pytest.mark.docker
def test_building_again_keeps_the_image_that_is_in_use(bench):
    first = build()
    assert build().image == first.image


@pytest.mark.docker
def test_a_package_can_be_added_for_everyone(bench, tmp_path):
    plain = build()
    make_wheel(tmp_path / "wheels", "einfach", {"einfach/__init__.py": ""})
    built = build(add=["einfach==1.0"])
    assert built.packages == {"einfach": "1.0", "tiny": "1.0"}
    assert built.added == ("einfach==1.0",)
    assert built.digest != plain.digest


@pytest.mark.docker
def test_a_build_with_an_assignments_data_in_it_fails(bench, tmp_path):
    make_wheel(tmp_path / "wheels", "answers", {"answers/data/breast_cancer.csv": "569,30\n"})
    with pytest.raises(ImageFailure, match=r"answers/data/breast_cancer\.csv .*mlp_classifier"):
        build(add=["answers==1.0"])
    assert runtime_records.listed() == ()


ROWS = "842302,M,17.99,10.38,122.80,1001\n842517,M,20.57,17.77,132.9,1326\n"


@pytest.mark.docker
def test_a_build_with_an_assignments_data_under_another_name_fails(bench, tmp_path):
    make_wheel(tmp_path / "wheels", "answers", {"answers/tests/0001.bin": gzip.compress(ROWS.encode())})
    with pytest.raises(ImageFailure, match=r"answers/tests/0001\.bin .*mlp_classifier"):
        build(add=["answers==1.0"])


@pytest.mark.docker
def test_the_table_of_scikit_learn_is_taken_out_and_its_other_tables_stay(bench, tmp_path):
    tables = {"sklearn/datasets/data/breast_cancer.csv": ROWS, "sklearn/datasets/data/iris.csv": "5.1,3.5\n"}
    make_wheel(tmp_path / "wheels", "sklearn", tables)
    built = build(add=["sklearn==1.0"])
    (site,) = Path(built.python).parents[1].glob("lib/python3.*/site-packages")
    assert [path.name for path in (site / "sklearn/datasets/data").iterdir()] == ["iris.csv"]
    record = (site / "sklearn-1.0.dist-info/RECORD").read_text()
    assert ("iris.csv" in record, "breast_cancer.csv" in record) == (True, False)


@pytest.mark.docker
def test_a_build_with_medmark_in_it_fails(bench, tmp_path):
    make_wheel(tmp_path / "wheels", "medmark", {"graders/__init__.py": ""})
    with pytest.raises(ImageFailure, match="holds medmark itself"):
        build(add=["medmark==1.0"])


@pytest.mark.docker
def test_a_package_that_cannot_be_imported_fails_the_build(bench, tmp_path):
    make_wheel(tmp_path / "wheels", "tiny", {"tiny.py": "import libmissing\n"})
    with pytest.raises(ImageFailure, match=r"(?s)does not work \(exit 1\).*No module named 'libmissing'"):
        build()


@pytest.mark.docker
def test_an_added_package_that_cannot_be_imported_fails_the_build(bench, tmp_path):
    make_wheel(tmp_path / "wheels", "einfach", {"einfach/__init__.py": "raise RuntimeError('of another build')\n"})
    with pytest.raises(ImageFailure, match=r"(?s)does not work \(exit 1\).*of another build"):
        build(add=["einfach==1.0"])


def test_what_pip_cannot_find_is_said_in_its_words(lock):
    with pytest.raises(ImageFailure, match="No matching distribution found for no-such==9"):
        build(add=["no-such==9"])


def test_an_interpreter_that_is_not_there_is_named(lock):
    with pytest.raises(ImageFailure, match="/no/python: No such file"):
        build(python="/no/python")


def test_a_build_without_an_engine_names_its_socket(lock, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    with pytest.raises(EngineFailure, match=f"{tmp_path}/none does not answer"):
        build()


def test_a_runtime_that_was_never_built_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path))
    with pytest.raises(ImageFailure, match="no runtime image for pytorch: medmark image build pytorch --from-host"):
        runtime_records.runtime("pytorch")


def test_a_record_that_cannot_be_read_names_its_file_and_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "numpy.json").write_text("{")
    with pytest.raises(ImageFailure, match=r"numpy\.json cannot be read .*medmark image build numpy --from-host"):
        runtime_records.runtime("numpy")


@pytest.mark.docker
def test_a_runtime_that_is_gone_is_built_as_it_was(bench):
    built = build()
    slim = replace(built, made_from="python:3.12-slim", added=("einops==0.8.1", "x==1"), kind="slim")
    assert runtime_records.how_to_build("numpy", built) == "medmark image build numpy --from-host"
    assert runtime_records.how_to_build("numpy", slim) == (
        "medmark image build numpy --base python:3.12-slim --slim --add einops==0.8.1 --add x==1"
    )


@pytest.mark.docker
def test_a_record_of_an_earlier_medmark_is_of_a_slim_runtime(bench):
    build()
    record = runtime_records.record_of("numpy")
    fields = json.loads(record.read_text())
    del fields["kind"]
    record.write_text(json.dumps(fields))
    assert runtime_records.runtime("numpy").kind == "slim"


@pytest.mark.parametrize("kind", get_args(runtime_records.Kind))
@pytest.mark.parametrize("framework", runtime_records.IMPORTS)
def test_a_lock_pins_every_package(framework, kind):
    lines = runtime_records.lock_of(framework, kind).splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(runtime_records.locked(framework, kind)) == len(pins)
    assert all(line.count("==") == 1 for line in pins)
    assert pins == sorted(pins)


@pytest.mark.parametrize("framework", runtime_records.IMPORTS)
def test_a_medical_runtime_is_a_slim_one_and_more(framework):
    slim, medical = (runtime_records.locked(framework, kind) for kind in ("slim", "medical"))
    assert slim.items() < medical.items()


def test_the_runtimes_have_each_package_in_one_version():
    versions = {}
    for framework in runtime_records.IMPORTS:
        for name, version in runtime_records.locked(framework).items():
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_monai_is_of_pytorch_alone_and_each_other_medical_package_of_every_runtime():
    names = {"scikit-learn", "scikit-image", "pandas", "matplotlib", "pillow", "nibabel", "simpleitk", "einops", "tqdm"}
    for framework in runtime_records.IMPORTS:
        assert names <= runtime_records.locked(framework).keys()
        assert ("monai" in runtime_records.locked(framework)) == (framework == "pytorch")


@pytest.mark.docker
@pytest.mark.parametrize("framework", runtime_records.IMPORTS)
def test_a_handout_promises_from_the_lock_what_the_image_then_has(images, framework, tmp_path, monkeypatch):
    """Every distribution's modules: MODULES_OF names those that are called otherwise."""
    images(framework)
    built = runtime_records.facts_of(framework)
    if runtime_records.runtime(framework).kind != runtime_records.DEFAULT:
        pytest.skip("the image here is slim")
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path))
    promised = runtime_records.facts_of(framework)
    assert [name for name in built.modules if not name.startswith("_")] == list(promised.modules)
    assert {name: version.split("+")[0] for name, version in built.packages.items()} == promised.packages
