# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0

# Each target makes .venv from requirements.txt by itself, the first time and
# whenever the requirements change, with this project in it as it stands here.
# Another Python than the one found: make PYTHON=/path/to/python3.11 ...

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet
# Written when an installation has succeeded, so that half of one is not used.
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev

# Candidates are run, not only found: a pyenv shim may exist and fail, and
# Debian's python3 has no ensurepip without its package python3-venv. 3.11 comes
# first: it alone has tflite-runtime, too.
PYTHONS := python3.11 python3.12 python3.13 python3 python \
  $(HOME)/.pyenv/versions/3.1[123].*/bin/python3
IS_SUITABLE := import ensurepip, sys, venv; \
  sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

# What pip says last of a missing network is that a version is missing.
FAILED := exec >&2; \
  echo 'This could not be installed; pip tells above what happened.'; \
  echo 'It needs the network (a proxy: HTTPS_PROXY=http://host:port), and'; \
  echo '5 GB of disk (1 of them in TMPDIR). The same command begins anew.'; \
  exit 1

.DELETE_ON_ERROR:
.PHONY: help demo demo-train test examples conformance architectures endurance fuzz lint clean

help:
	@echo 'make demo           predict, quantize and measure unseen networks;'
	@echo '                    writes demo/report.json and demo/resnet8.tflite'
	@echo 'make demo-train     the same with a small hypernetwork that is'
	@echo '                    trained first'
	@echo 'make test           run the tests'
	@echo 'make examples       run the commands of using.md and search.md, the'
	@echo '                    tutorial and the notebooks (long)'
	@echo 'make conformance    run the whole conformance table (long)'
	@echo 'make architectures  encode and run 10,800 sampled networks (long)'
	@echo 'make endurance      kill a training process twenty times (long)'
	@echo 'make fuzz           110,000 wrong inputs to the readers of files (long)'
	@echo 'make lint           check style, format and types'
	@echo 'make clean          remove .venv, demo and what builds leave'

demo: $(RUN_STAMP)
	$(PY) tools/evaluate.py --checkpoint=edge_cifar10_any \
	  --num_architectures=4 --target=models.resnet:resnet8 \
	  --output=demo/report.json --overwrite
	$(PY) tools/to_tflite.py --checkpoint=edge_cifar10 \
	  --target=models.resnet:resnet8 --output=demo/resnet8.tflite --overwrite

demo-train: $(RUN_STAMP)
	$(PY) -m ghn_tf.train --flagfile=ghn_tf/configs/quickstart.flags \
	  --workdir=demo/run
	$(PY) tools/evaluate.py --checkpoint=demo/run \
	  --target=models.resnet:resnet8 --output=demo/run/report.json --overwrite

test: $(DEV_STAMP)
	$(PY) -m pytest -n 2

examples: $(DEV_STAMP)
	$(PY) -m pytest -n 2 -m large tests/readme_test.py tests/notebooks_test.py tests/tutorial_test.py

conformance: $(DEV_STAMP)
	$(PY) -m pytest -n 2 -m 'large or not large' tests/conformance_test.py

architectures: $(DEV_STAMP)
	$(PY) -m pytest -n 2 -m 'large or not large' tests/architectures_test.py

endurance: $(DEV_STAMP)
	$(PY) -m pytest -m large tests/train_test.py

fuzz: $(DEV_STAMP)
	$(PY) -m pytest -n 2 -m large tests/fuzz_test.py tests/fuzz_models_test.py tests/tflite_fuzz_test.py

lint: $(DEV_STAMP)
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy

clean:
	rm -rf $(VENV) build demo ghn_tf.egg-info

$(RUN_STAMP): requirements.txt
	@for python in $(or $(PYTHON),$(PYTHONS)); do \
	  if $$python -c '$(IS_SUITABLE)' >/dev/null 2>&1; then \
	    echo "Making $(VENV) with $$($$python --version) ($$python)"; \
	    rm -rf $(VENV); \
	    exec $$python -m venv $(VENV); \
	  fi; \
	done; \
	exec >&2; \
	echo 'No working Python 3.11, 3.12 or 3.13 with venv among: $(or $(PYTHON),$(PYTHONS))'; \
	echo 'Install one (Debian, Ubuntu: apt install python3.11 python3.11-venv;'; \
	echo 'pyenv: pyenv install 3.11; macOS: brew install python@3.11)'; \
	echo 'or name it: make PYTHON=/path/to/python3.11'; \
	exit 1
	@echo 'Installing requirements.txt (3 GB, a minute or more)'
	@($(PIP) pip==26.3 && \
	  $(PIP) --requirement requirements.txt && \
	  $(PIP) --no-build-isolation --no-deps --editable .) \
	  || { rm -rf $(VENV); $(FAILED); }
	@touch $@

$(DEV_STAMP): pyproject.toml $(RUN_STAMP)
	@echo 'Installing the tools for tests and lint'
	@$(PIP) --no-build-isolation --editable '.[dev]' || { $(FAILED); }
	@touch $@
