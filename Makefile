# Two commands do everything on a fresh machine: `make demo` and `make test`. Each builds what it needs in .venv.
PYTHON ?= python3
CXX    ?= c++
VENV   := .venv
BIN    := $(VENV)/bin
NATIVE := CMakeLists.txt pyproject.toml constraints.txt $(wildcard src/vastmax/kernels/native/*)
# Every version that gets installed is named in constraints.txt, those of the isolated build included.
PIP    := PIP_CONSTRAINT=$(CURDIR)/constraints.txt PIP_BUILD_CONSTRAINT=$(CURDIR)/constraints.txt \
          PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python tools/install.py

# Compiled tests and modules are kept: the suite starts hundreds of processes, and each would compile them anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-all sanitize check format bench docs clean requirements

help:
	@echo "make demo      train word vectors on the documentation inside Python, look at them (under a minute; two with PyTorch)"
	@echo "make test      run the tests on all cores, but not the long ones (JOBS=1: one at a time)"
	@echo "make test-all  run every test"
	@echo "make sanitize  native tests and random configurations in a build that stops at the first wrong byte (SECONDS=60 SEED=0)"
	@echo "make check     formatting, lint, types, of Python and C++"
	@echo "make bench     the measurements behind every claim (see benchmarks/README.md for the data they want)"
	@echo "make docs      build the documentation site into site/"
	@echo "make clean     remove what make built"

# Before anything is downloaded: say what is missing, and which package has it.
requirements:
	@PYTHON="$(PYTHON)" CXX="$(CXX)" sh tools/requirements.sh

$(BIN)/python: | requirements
	$(PYTHON) -m venv $(VENV)

$(VENV)/.user: $(NATIVE) | requirements $(BIN)/python
	@$(PIP) --editable '.[plot]'
	@touch $@

$(VENV)/.developer: $(NATIVE) | requirements $(BIN)/python
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.user

demo: $(VENV)/.user
	$(BIN)/vastmax demo

# A worker per core; one that has run out of tests takes some from another.
JOBS ?= logical
PYTEST := $(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal

test: $(VENV)/.developer
	$(PYTEST) -m "not slow"

test-all: $(VENV)/.developer
	$(PYTEST)

# In build/sanitize, beside the ordinary build.
SECONDS ?= 60
SEED ?= 0
sanitize: $(VENV)/.developer
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt PIP_BUILD_CONSTRAINT=$(CURDIR)/constraints.txt \
	CXX="$(CXX)" $(BIN)/python tools/sanitize.py --seconds $(SECONDS) --seed $(SEED)

check: $(VENV)/.developer
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $(wildcard src/vastmax/kernels/native/*.?pp)
	$(BIN)/python tools/native_stub.py --check
	$(BIN)/python tools/native_tidy.py

format: $(VENV)/.developer
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i $(wildcard src/vastmax/kernels/native/*.?pp)

bench: $(VENV)/.developer
	$(BIN)/python benchmarks/run.py

docs: $(VENV)/.developer
	$(BIN)/python tools/cli_reference.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) build site demo-output
