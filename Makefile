# make demo: set up, train on the built-in room, evaluate.   make test: set up, check, test.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DEMO := runs/demo
# Test processes.
WORKERS := 2
# The demo's images are small so that it takes minutes on two cores.
DEMO_FLAGS := --dataset=synthetic --model=joint_attention --steps=3 --image_size=96 --grid=6 \
	--epochs=18 --learning_rate=2e-4 --dropout=0.2 --l2=0 --attention_weight=0.003 --run_dir=$(DEMO)

.PHONY: demo test lint format clean

demo: $(VENV)/ready
	$(BIN)/python train.py $(DEMO_FLAGS)
	$(BIN)/python eval.py --run_dir=$(DEMO)

test: lint $(VENV)/ready-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations=25
	KERAS_BACKEND=jax $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations=10 tests/models tests/tasks/test_pose.py \
		tests/tasks/test_pose_task.py tests/tasks/test_scene_task.py tests/tasks/test_ram_task.py \
		tests/tasks/test_catch_task.py tests/tasks/test_optimizer.py

lint: $(VENV)/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(DEMO)

$(VENV)/ready: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/ready-dev: $(VENV)/ready requirements-dev.txt requirements-onnx.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@
