"""One look for all commands: options with hyphens, YAML configurations, errors of one line."""

import re
from argparse import SUPPRESS, Action, ArgumentError
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

from jsonargparse import (
    ArgumentParser,
    DefaultHelpFormatter,
    Namespace,
    set_parsing_settings,
)

from torchcaps.files import read_short
from torchcaps.options import nearest
from torchcaps.plain_yaml import check_plain

set_parsing_settings(docstring_parse_attribute_docstrings=True)
BESIDE_RESUME = {"--resume", "--quiet", "--log", "--device"}


class _Formatter(DefaultHelpFormatter):
    """Options are shown the way people type them: --train-images N, default [cnn]."""

    def format_help(self) -> str:
        return _hyphens(super().format_help())

    def _get_help_string(self, action: Action) -> str:
        text = action.help or ""
        said = not action.option_strings or action.nargs == 0 or "(default:" in text
        if said or action.default in (None, SUPPRESS):
            return text
        return f"{text.rstrip('.')} (default: {_typed(action.default)})."

    def _get_default_metavar_for_optional(self, action: Action) -> str:
        number = (self._get_type_str(action) or "").startswith(("int", "float"))
        return "N" if number else super()._get_default_metavar_for_optional(action)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Lists and examples keep their lines."""
        fill = super()._fill_text
        return "\n".join(
            fill(each, width, indent) if each[:1] != " " else each for each in text.split("\n")
        )


def make_parser(
    name: str, about: str, usage: str = "[options]", example: str | None = None
) -> ArgumentParser:
    """The parser of a command, for it to add its options to; `example` is a whole line."""
    program = f"torchcaps {name}"
    parser = ArgumentParser(
        prog=program,
        usage=f"{program} {usage}".rstrip(),
        description=f"{about[0].upper()}{about[1:]}.".replace("?.", "?"),
        epilog=example and f"Example: {example}",
        formatter_class=_Formatter,
        exit_on_error=False,
        add_help=False,
    )
    parser.add_argument("-h", "--help", action="help", help="Show this help and exit.")
    return parser


def add_config(parser: ArgumentParser) -> None:
    """--config FILE reads options from YAML, --print-config writes such a file."""
    parser.add_argument("--config", action="config", help="Read options from this YAML file.")
    for action in parser._actions:
        if "--print_config" in action.option_strings:
            action.help, action.metavar = "Print the options as YAML for --config, and exit.", ""


def option_names(parser: ArgumentParser) -> list[str]:
    """The options of a parser, with hyphens."""
    names = (name for action in parser._actions for name in action.option_strings)
    return [_hyphens(name) for name in names if name.startswith("--")]


def parse(parser: ArgumentParser, words: list[str]) -> Namespace:
    """Options from the command line. Raises a `ValueError` of one line, with the remedy."""
    _check_values(words)
    try:
        options = parser.parse_args([_underscores(word) for word in words])
    except ArgumentError as error:
        raise ValueError(_explain(str(error), parser)) from None
    if options.get("resume") is not None:
        given = _refuse_beside_resume(words, parser.prog)
        options.resume_epochs = options.epochs if "--epochs" in given else None
    return options


def _check_values(words: list[str]) -> None:
    """Refuse YAML that is more than values (see `check_plain`), in options and in --config."""
    for before, word in pairwise(["", *words]):
        option, _, value = word.partition("=") if word[:2] == "--" else (before, "", word)
        if option[:2] != "--" or "=" in option:
            continue
        if "class_path" in option:
            check_plain("class_path", option)
        if option == "--config" and Path(value).is_file():
            check_plain(read_short(value), f"--config {value}")
        elif any(character in value for character in "{[\n"):
            check_plain(value, option)


def _refuse_beside_resume(words: list[str], command: str) -> set[str]:
    """The options in `words`. A `ValueError` for those beside --resume that would be ignored."""
    given = {word.partition("=")[0].replace("_", "-") for word in words if word[:2] == "--"}
    extends = {"--epochs"} if command == "torchcaps train" else set()
    if extra := sorted(given - BESIDE_RESUME - extends):
        raise ValueError(
            f"--resume: expected no options beside it, since what was begun keeps its own; "
            f"got {', '.join(extra)}; leave them out, or start anew in another --out"
        )
    return given


def _explain(message: str, parser: ArgumentParser) -> str:
    help_line = f"see {parser.prog} --help"
    key = re.match(r'(?s)Parser key "(.+?)":\s*(.*)', message)
    if key:
        text = re.sub(r"<class '(\w+)'>", r"\1", " ".join(key[2].split()))
        text = text.replace("typing.", "").replace("Expected a ", "expected ")
        text = re.sub(r"Literal\[(.*?)\]", r"one of \1", text)
        # Of a type or null jsonargparse tells all that it tried.
        either = re.fullmatch(r".*?- (expected \S+) - expected NoneType .*Given value: (.*)", text)
        text = f"{either[1]} or null; got {either[2]}" if either else text
        text = re.sub(
            r"expected tuple\. Got value: (.*)", r"expected a list; got \1; try '[\1]'", text
        )
        choice = re.fullmatch(r"(expected one of .*)\. Got value: (.*)", text)
        if choice and (near := nearest(choice[2], re.findall(r"'(.*?)'", choice[1]))):
            text, help_line = f"{choice[1]}; got {choice[2]}", f"did you mean {near!r}?"
        options = [action.dest for action in parser._actions if action.option_strings]
        name = _hyphens(f"--{key[1]}") if key[1].partition(".")[0] in options else key[1]
        return f"{name}: {text}; {help_line}"
    unknown = re.match(r"unrecognized arguments: (\S+)", message, re.IGNORECASE)
    if unknown:
        word = _hyphens(unknown[1])
        near = get_close_matches(word, option_names(parser), n=1)
        hint = f"did you mean {near[0]}?" if near else help_line
        kind = "option" if word.startswith("-") else "argument"
        return f"unknown {kind} {word}; {hint}"
    unknown = re.match(r"Option '(.+?)' is not accepted", message)
    if unknown:
        near = get_close_matches(unknown[1], [action.dest for action in parser._actions], n=1)
        hint = f"did you mean {near[0]!r}?" if near else help_line
        return f"--config: unknown option {unknown[1]!r} in the file; {hint}"
    return f"{' '.join(message.split())}; {help_line}"


def _underscores(word: str) -> str:
    """`--train-images=5` to `--train_images=5`; values stay as they are."""
    if not word.startswith("--"):
        return word
    option, equals, value = word.partition("=")
    return "--" + option[2:].replace("-", "_") + equals + value


def _hyphens(text: str) -> str:
    return re.sub(r"--[a-z_]+", lambda option: option[0].replace("_", "-"), text)


def _typed(value: object) -> str:
    """A value as it is typed on the command line: [cnn,pooled_cnn], true."""
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_typed, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
