# `make demo` and `make test` do all that a fresh machine needs; a second run does no set-up again.
PYTHON ?= python3
RUN := .venv/bin
RLLIB := $(CURDIR)/.venv/rllib
PUFFER := $(CURDIR)/.venv/puffer
BENCH = $(RUN)/python -m benchmarks $(if $(STREAMS),--streams $(STREAMS)) $(LEAN:%=--lean %)
SOURCES := $(shell find cython_vnc shm workers envserver -name '*.py[xd]' -o -name '*.h')

.PHONY: help demo test frameworks rllib puffer base-image images test-docker build lint types wheel solve bench \
	examples bench-quick bench-soak bench-deps bench-bursts performance streams asan annotate constraints clean

help: ## list these verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

demo: build/compiled ## step eight environments at 60 frames a second, write demo.png
	$(RUN)/envserver demo

test: build/compiled ## run every test, those with real processes too
	$(RUN)/pytest

frameworks: build/compiled .venv/frameworks ## install the frameworks without which their tests are skipped

rllib: build/compiled $(RLLIB)/installed ## run RLlib's tests, beside the Gymnasium that it wants
	PYTHONPATH=$(RLLIB) $(RUN)/pytest tests/adapters -k rllib

puffer: build/compiled $(PUFFER)/installed ## run PufferLib's tests, with its trainer built
	PYTHONPATH=$(PUFFER) $(RUN)/pytest tests/adapters -k puffer

base-image: ## make debian:bookworm-slim where it is missing: pull it, or debootstrap it
	tools/base-image

images: build/compiled ## build the image of every folder in docker/, print sizes
	$(RUN)/python -m envserver.remotes.build

test-docker: build/compiled ## run the tests that need a Docker engine and our images
	$(RUN)/pytest -m docker

build: build/compiled ## compile the extensions in place

lint: .venv/installed ## ruff: rules and format
	$(RUN)/ruff check
	$(RUN)/ruff format --check

types: build/compiled ## mypy --strict, and the .pyi against the compiled modules
	$(RUN)/pytest tests/test_types.py

wheel: build/compiled ## write dist/*.whl, compiled modules and data included
	rm -rf build/lib.*
	$(RUN)/python -m build --wheel --no-isolation

examples: build/compiled ## run every example in a short form, print their last lines
	$(RUN)/python -m examples

solve: build/compiled ## play the solvers beside random agents, print what they get
	$(RUN)/python -m examples.solvers

# LEAN="PATH...": further decoders to compare with (benchmarks/decode.py).
bench: build/compiled ## measure for 20 minutes, write benchmarks/results; STREAMS=DIR: recordings
	$(BENCH)

bench-quick: build/compiled ## the same at a glance, in 2 minutes
	$(BENCH) --quick

bench-soak: build/compiled ## watch memory for 10 minutes
	$(BENCH) --soak

performance: build/compiled ## make docs/performance.md of what was measured
	$(RUN)/python -m benchmarks.page

bench-deps: .venv/frameworks ## install what `make bench` compares with
	tools/system-packages $(PYTHON) bench

streams: build/compiled ## record three scenes in five encodings to build/streams
	$(RUN)/python -m benchmarks.streams

bench-bursts: build/compiled ## start eight containers at once, 50 times: no two may share a port
	$(RUN)/python -m benchmarks.containers --bursts 50

asan: .venv/installed ## test the C paths under ASan and UBSan, beside the normal build
	ENVSERVER_SANITIZE=1 $(RUN)/python setup.py -q build --build-base build/asan --build-lib build/asan/lib
	LD_PRELOAD="$$(cc -print-file-name=libasan.so) $$(cc -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 \
		PYTHONPATH=build/asan/lib $(RUN)/pytest -m 'not integration' tests/cython_vnc tests/shm

annotate: .venv/installed ## write Cython's annotated sources to build/annotate
	ENVSERVER_ANNOTATE=build/annotate $(RUN)/python setup.py -q --version

constraints: .venv/installed ## pin the newest dependencies in constraints.txt
	$(RUN)/python tools/refresh_constraints.py

clean: ## remove what was built, keep .venv
	rm -rf build dist *.egg-info
	find cython_vnc shm workers envserver -name '*.so' -delete -o -name '*.c' -delete

build/system: tools/system-packages
	tools/system-packages $(PYTHON)
	@mkdir -p build && touch $@

.venv/installed: build/system constraints.txt pyproject.toml
	test -x $(RUN)/pip || $(PYTHON) -m venv .venv
	$(RUN)/pip install -q -c constraints.txt setuptools cython
	ENVSERVER_PACKAGES=none PYTHONWARNINGS=ignore $(RUN)/pip install -q -c constraints.txt --no-build-isolation \
		--config-settings editable_mode=compat -e '.[dev]'
	@touch $@

# torch first, and for CPUs: that of the package registry brings gigabytes of CUDA along.
.venv/frameworks: .venv/installed constraints-frameworks.txt
	$(RUN)/pip install -q --no-deps -c constraints-frameworks.txt --retries 1 \
		--extra-index-url https://download.pytorch.org/whl/cpu torch
	ENVSERVER_PACKAGES=none PYTHONWARNINGS=ignore $(RUN)/pip install -q -c constraints.txt \
		-c constraints-frameworks.txt --no-build-isolation \
		--config-settings editable_mode=compat -e '.[frameworks]'
	@touch $@

# RLlib wants an exact Gymnasium, not ours: both lie in a directory that goes before .venv's.
$(RLLIB)/installed: .venv/frameworks constraints-rllib.txt
	rm -rf $(RLLIB)
	$(RUN)/pip install -q --no-deps --no-compile --target $(RLLIB) -r constraints-rllib.txt
	@touch $@

# What it pins is older than what we need, but its trainer runs with ours.
$(PUFFER)/installed: .venv/frameworks constraints-puffer.txt tools/pufferlib/sitecustomize.py
	rm -rf $(PUFFER)
	NO_OCEAN=1 PYTHONPATH=$(CURDIR)/tools/pufferlib $(RUN)/pip install -q --no-deps \
		--no-build-isolation --target $(PUFFER) -r constraints-puffer.txt
	@touch $@

build/compiled: .venv/installed setup.py $(SOURCES)
	$(RUN)/python setup.py -q build_ext --inplace
	@# Workers must not compile their own modules each time where nothing may be written later.
	@$(RUN)/python -m compileall -q cython_vnc shm workers envserver
	@touch $@
