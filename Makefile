# medmark: `make demo` and `make test` need nothing but Debian or Ubuntu with Python 3.11, python3-venv, git and make.
# PYTHON is the interpreter to use; PIP_ARGS goes to pip, such as
#   make env PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
# for the build of PyTorch without CUDA (2 GB less).

PYTHON ?= python3
VENV ?= .venv
PIP_ARGS ?=
PYTEST_ARGS ?=
COURSE ?=
DATA ?=
FRAMEWORK ?= pytorch
GPU_PYTHON ?=

IN := $(VENV)/bin
# Half of a test's time is waiting: three processes take turns on two cores. Slow tests train: two. The tests of a file
# stay together; files begin in the order of tests/conftest.py, not those with most tests first.
AT_ONCE := -n 3 --dist loadfile --no-loadscope-reorder
SLOW_AT_ONCE := -n 2 --dist loadfile
# Attacks that measure the whole machine, its cache or its time, run one after the other.
ALONE := $(addprefix tests/attacks/test_,between_workers.py host_costs.py labels_across_repeats.py resources.py side_channels.py)
STAMP := $(VENV)/.made-of-$(shell cksum < pyproject.toml | cut -d ' ' -f 1)

# The tests start hundreds of processes: without files of byte code, each compiles what it imports.
unexport PYTHONDONTWRITEBYTECODE
# On virtual AMD processors the oneDNN kernels of TensorFlow 2.21 end a training with signal 11 (docs/scale.md).
export TF_ENABLE_ONEDNN_OPTS := 0

.DEFAULT_GOAL := help
.PHONY: help env demo check test calibrate slow tutorials rehearse rehearse-changed attacks fuzz test-gpu images folders rootless test-apptainer attacks-rootless docker-base test-dockerfile test-slurm bench verify clean

help:  ## these lines
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 24

env: $(STAMP)  ## the environment in .venv, made once for each state of pyproject.toml

$(STAMP):
	@command -v git > /dev/null || { echo "git is missing: apt-get install git" >&2; exit 1; }
	@command -v $(PYTHON) > /dev/null || { echo "$(PYTHON) is missing: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$$($(PYTHON) --version) is too old: Python 3.11 or newer is needed (make PYTHON=python3.12 ...)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || \
	    { echo "Python cannot make environments: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(IN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --editable '.[dev]'
	@rm -f $(VENV)/.made-of-*
	@touch $@

demo: env  ## a course of six groups, collected, graded and reported (COURSE=folder to keep it in)
	$(IN)/medmark demo $(if $(COURSE),$(COURSE),$$(mktemp -d)/course)

check: env  ## style, types and the direction of imports; seconds
	$(IN)/ruff check .
	$(IN)/mypy cli.py assignments graders reports
	$(IN)/python -m pytest tests/test_architecture.py $(PYTEST_ARGS)

test: env  ## every test but the slow ones; those of Docker where it answers and the images are built
	$(IN)/python -m pytest -m "not slow and not attack and not rootless and not gpu and not slurm" $(AT_ONCE) $(PYTEST_ARGS)

calibrate: env  ## trains every reference and baseline of the catalogue that the cache has no answers of; hours at first
	$(IN)/python -c 'from graders.authoring.calibrate import calibrate_catalogue; calibrate_catalogue(print)'

slow: env  ## every kit from the handout to the hand-in, new assignments, contracts, tutorials with few steps, what is in the images; nine minutes
	$(IN)/python -m pytest -m "slow and not attack and not gpu and not slurm" --ignore=tests/graders/wall/sandboxes/test_dockerfile.py \
	    $(SLOW_AT_ONCE) $(PYTEST_ARGS)

tutorials: env  ## every tutorial as students run it, both frameworks; ten minutes
	MEDMARK_WHOLE_TUTORIALS=1 $(IN)/python -m pytest -m slow tests/reference_solutions/test_tutorials.py $(PYTEST_ARGS)

rehearse: env  ## every assignment of the catalogue from scratch, without calibration; minutes each
	$(IN)/python .ci/rehearse.py --all

rehearse-changed: env  ## the same for those that this branch changed and one more; at most five minutes
	$(IN)/python .ci/rehearse.py

attacks: env  ## every attack on the wall, each with its positive control, and tables of what came of them
	$(IN)/python -m pytest $(ALONE) -m attack $(PYTEST_ARGS)
	$(IN)/python -m pytest tests/attacks $(ALONE:%=--ignore=%) -m attack $(SLOW_AT_ONCE) $(PYTEST_ARGS)

# On a machine with a GPU and its own Python, which need not reach a package index:
#   make test-gpu GPU_PYTHON=/usr/bin/python3
test-gpu: $(if $(GPU_PYTHON),,env)  ## the whole path on a GPU; without one it says that it did NOT run, and ends with 0
	$(or $(GPU_PYTHON),$(IN)/python) -m pytest tests/gpu -m gpu $(PYTEST_ARGS)

images: env  ## the runtime images of all frameworks, made of this machine
	for framework in numpy pytorch tensorflow; do $(IN)/medmark image build $$framework --from-host || exit 1; done

folders: env  ## the runtime of NumPy as a folder, for sandboxes without a daemon
	$(IN)/medmark image build numpy --from-host --rootfs

rootless: env  ## sandboxes without a daemon, as a user who is not root; as root, it makes one for the run
	$(IN)/python .ci/ordinary_user.py $(IN)/python -m pytest -p no:cacheprovider tests/graders/wall/sandboxes \
	    -m "rootless and not slow" -k "not apptainer" $(PYTEST_ARGS)
	for wall in bubblewrap podman; do MEDMARK_ATTACKS_IN=$$wall $(IN)/python .ci/ordinary_user.py \
	    $(IN)/python -m pytest -p no:cacheprovider tests/attacks/test_the_wire.py -m attack $(PYTEST_ARGS) || exit 1; done

test-apptainer: env  ## the sandbox apptainer, in a copy of this machine with Debian unstable's; as root; two minutes
	MEDMARK_REQUIRE_ROOTLESS=apptainer $(IN)/python .ci/throw_away.py apptainer uidmap -- \
	    $(IN)/python .ci/ordinary_user.py $(IN)/python -m pytest -p no:cacheprovider tests/graders/wall/sandboxes \
	    -m rootless -k apptainer $(PYTEST_ARGS)

attacks-rootless: folders  ## every attack on each sandbox without a daemon, with its controls in Docker; as root; half an hour
	$(IN)/medmark image build pytorch --from-host --rootfs
	failed=0; for wall in bubblewrap podman; do MEDMARK_ATTACKS_IN=$$wall $(IN)/python -m pytest tests/attacks \
	    -m "attack and not docker" $(PYTEST_ARGS) || failed=1; done; exit $$failed

docker-base:  ## a base image for the Dockerfile where no registry can be reached: debootstrap, as root
	@command -v debootstrap > /dev/null || { echo "debootstrap is missing: apt-get install debootstrap" >&2; exit 1; }
	root=$$(mktemp -d) && trap 'rm -rf "$$root"' EXIT && \
	    debootstrap --variant=minbase --include=python3,python3-venv bookworm "$$root" && \
	    tar --create --directory "$$root" --exclude=./dev --exclude=./proc --exclude=./sys --exclude='*.deb' . | \
	    docker import - medmark-base:bookworm

test-dockerfile: env  ## builds FRAMEWORK's image from the Dockerfile on that base, without network
	docker image inspect medmark-base:bookworm > /dev/null 2>&1 || $(MAKE) docker-base
	home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && \
	    $(IN)/python -m pip download --quiet --dest "$$home/wheels" $(PIP_ARGS) --only-binary :all: --python-version 3.11 \
	        --requirement graders/wall/sandboxes/runtimes/$(FRAMEWORK).lock && \
	    MEDMARK_HOME="$$home" MEDMARK_REQUIRE_DOCKER=1 DOCKERFILE_TEST="$(FRAMEWORK) medmark-base:bookworm $$home/wheels" \
	        $(IN)/python -m pytest tests/graders/wall/sandboxes/test_dockerfile.py $(PYTEST_ARGS)

test-slurm: env  ## the engine slurm on a real Slurm in namespaces of its own, as root; nine minutes
	$(IN)/python tests/graders/runs/engines/slurm_here.py $(IN)/python -m pytest -m slurm tests/graders/runs/engines $(PYTEST_ARGS)

fuzz: env  ## 200,000 spoiled frames of each kind to what decodes them; about five minutes
	MEDMARK_FUZZ=200000 $(IN)/python -m pytest tests/graders/wall/test_fuzz.py $(PYTEST_ARGS)

bench: env  ## what marking costs beyond the submissions' own work
	$(IN)/python benchmarks/overhead.py

verify: env  ## every segmentation metric against its peers, which it installs, on PROMISE12 (DATA=folder)
	@test -d "$(DATA)" || { echo "make verify DATA=folder, the folder with label_train00.npy, ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv-verify
	.venv-verify/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --editable '.[verify]'
	.venv-verify/bin/python tests/graders/metrics/golden/verify.py $(DATA)

clean:  ## removes the environment and caches
	rm -rf $(VENV) .venv-verify .mypy_cache .ruff_cache build *.egg-info
