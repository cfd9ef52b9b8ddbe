# `make demo` and `make test` set everything up by themselves: a .venv, the install, then the job.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# triton, to check the types of the kernels and, where it is there, to run them interpreted.
KERNELS := .venv/.kernels
# Networks of others, which would replace what .venv has.
BACKBONES := .venv-backbones/.ready
# One thread a test worker: two workers with two threads each would fight over two cores.
# The browser tests share what they train: one worker takes them all.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadgroup

.PHONY: demo test test-processors test-backbones lint bench gpu clean

demo: $(READY)  ## the rotation study on the embedded digits
	$(BIN)/torchcaps study rotation --out runs/demo --overwrite

test: $(READY)  ## all tests and the examples in docstrings
	$(PYTEST)

test-processors: $(READY)  ## all tests with the instructions of older and newer processors, 1 and 2 threads
	for cpu in default avx2 avx512; do for threads in 1 2; do \
	  echo "ATEN_CPU_CAPABILITY=$$cpu OMP_NUM_THREADS=$$threads"; \
	  ATEN_CPU_CAPABILITY=$$cpu OMP_NUM_THREADS=$$threads $(BIN)/pytest -q -n auto --dist loadgroup \
	    || exit 1; \
	done; done

test-backbones: $(BACKBONES)  ## capsules on networks of torchvision, timm and transformers
	REQUIRE_BACKBONES=1 OMP_NUM_THREADS=1 .venv-backbones/bin/pytest tests/backbones

lint: $(KERNELS)  ## style, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: $(READY)  ## speed and memory of routing and of a training step, on this machine
	$(BIN)/python benchmarks/routing.py
	$(BIN)/python benchmarks/train_step.py

gpu:  ## everything that wants a GPU; needs torch alone, no install
	PYTHONPATH=src $(PYTHON) benchmarks/gpu.py all --out runs/gpu

clean:
	rm -rf .venv .venv-backbones runs

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

$(KERNELS): $(READY)
	$(BIN)/python -m pip install --quiet -c constraints.txt triton
	touch $@

$(BACKBONES): pyproject.toml constraints.txt requirements-backbones.txt
	$(PYTHON) -m venv .venv-backbones
	.venv-backbones/bin/python -m pip install --quiet -c constraints.txt -e ".[test]" \
	  -r requirements-backbones.txt
	touch $@
