"""What loads no torch, so that it answers at once; and Ctrl-C while something is loaded."""

import subprocess
import sys

import pytest

LIGHT = [
    "", "--help", "--version", "study", "study --list", "study --help", "datasets",
    "completion bash", "completion zsh", "train --help", "evaluate --help", "predict --help",
    "explore --help", "models --help", "trian", "train --modle=cnn", "study rotaton", "evaluate",
]  # fmt: skip
PROBE = """
import sys
from torchcaps.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
heavy = {"torch", "numpy", "accelerate", "matplotlib", "PIL", "huggingface_hub"} & set(sys.modules)
print(*heavy, file=sys.stderr)
sys.exit(bool(heavy))
"""


@pytest.mark.parametrize("words", LIGHT)
def test_help_lists_and_refusals_load_no_torch(words):
    command = [sys.executable, "-c", PROBE, *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", ["train --epochs 1", "models", "explore", "study rotation"])
def test_ctrl_c_while_torch_is_loaded_is_answered_in_a_line(words, tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise KeyboardInterrupt")
    monkeypatch.chdir(tmp_path)  # which python -m searches first
    command = [sys.executable, "-m", "torchcaps", *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "torchcaps: stopped\n")
