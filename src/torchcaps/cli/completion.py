"""`torchcaps completion bash|zsh`: a script that completes commands, options and names."""

from collections.abc import Iterable, Mapping

from jsonargparse import ArgumentParser, Namespace

from torchcaps.cli.commands import COMMANDS
from torchcaps.cli.options import SHELLS, add_study_options
from torchcaps.cli.parser import option_names
from torchcaps.data.catalogue import DATASETS
from torchcaps.models.catalogue import MODELS
from torchcaps.studies import STUDIES
from torchcaps.training.recipe import CHOICES

# What may follow a word; after any other a file, a folder or a number is typed.
NAMES: Mapping[str, Iterable[str]] = {
    "study": STUDIES,
    "completion": SHELLS,
    "--model": MODELS,
    "--data": DATASETS,
    "--device": ("auto", "cpu", "cuda", "mps"),
    "--split": ("train", "validation", "test"),
    **{f"--{name.replace('_', '-')}": known for name, known in CHOICES.items()},
}
# Written down, and held to the parsers by a test: asking one would import the study, and torch.
_EVERY = "--model --train-images --seeds --epochs --batch-size --lr"
_BESIDE, _ON = f"{_EVERY} --beside", "--data --root"
OF_STUDIES = {
    "detection": f"{_BESIDE} {_ON} --epsilon --steps --starts --false-positive-rate --images",
    "equivariance": f"{_BESIDE} {_ON} --images --faces-images --faces-epochs",
    "faces": f"{_BESIDE} --missing --faces",
    "iterations": f"{_EVERY} {_ON} --iterations",
    "routing": f"{_EVERY} {_ON} --routings --test-images --schedule",
    "rotation": f"{_BESIDE} {_ON} --schedule --shift --subpixel --angles",
}
# zsh understands this by way of its bashcompinit. Where nothing is known, files are completed.
SCRIPT = """\
_torchcaps() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} known=
  if [[ $COMP_CWORD == 1 ]]; then known="{commands} --help --version"
  elif [[ $word == -* ]]; then
    case "${{COMP_WORDS[1]}} ${{COMP_WORDS[2]}}" in
{options}
    esac
  else
    case $before in
{names}
    esac
  fi
  COMPREPLY=($(compgen -W "$known" -- "$word"))
}}
complete -o default -F _torchcaps torchcaps"""
ZSH = """\
autoload -Uz compinit bashcompinit
(( $+functions[compdef] )) || compinit
bashcompinit
"""


def run(options: Namespace) -> None:
    shared = ArgumentParser()
    add_study_options(shared)
    studies = {
        f'"study {name}"': [*option_names(shared), *own.split()] for name, own in OF_STUDIES.items()
    }
    commands = {f'"{name} "*': option_names(COMMANDS[name]()) for name in COMMANDS}
    script = SCRIPT.format(
        commands=" ".join(COMMANDS), options=_cases({**studies, **commands}), names=_cases(NAMES)
    )
    print(ZSH + script if options.shell == "zsh" else script)


def _cases(table: Mapping[str, Iterable[str]]) -> str:
    known = ((key, " ".join(dict.fromkeys(names))) for key, names in table.items())
    return "\n".join(f'    {key}) known="{names}" ;;' for key, names in known)
