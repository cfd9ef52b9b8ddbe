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
# zsh understands this by way of its bashcompinit. Where nothing is known, files are completed.
SCRIPT = """\
_torchcaps() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} known=
  if [[ $COMP_CWORD == 1 ]]; then known="{commands} --help --version"
  elif [[ $word == -* ]]; then
    case ${{COMP_WORDS[1]}} in
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
    # A study's own options are left out: reading them would import the study, and torch with it.
    of_studies = ArgumentParser()
    add_study_options(of_studies)
    options_of = {name: option_names(COMMANDS[name]()) for name in COMMANDS}
    options_of["study"] += option_names(of_studies)
    script = SCRIPT.format(
        commands=" ".join(COMMANDS), options=_cases(options_of), names=_cases(NAMES)
    )
    print(ZSH + script if options.shell == "zsh" else script)


def _cases(table: Mapping[str, Iterable[str]]) -> str:
    known = ((key, " ".join(dict.fromkeys(names))) for key, names in table.items())
    return "\n".join(f'    {key}) known="{names}" ;;' for key, names in known)
