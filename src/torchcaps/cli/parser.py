"""One look for all commands: options with hyphens, YAML configurations, errors of one line."""

import re
from argparse import ArgumentError
from difflib import get_close_matches

from jsonargparse import (
    ArgumentParser,
    DefaultHelpFormatter,
    Namespace,
    set_parsing_settings,
)

set_parsing_settings(docstring_parse_attribute_docstrings=True)


class _Formatter(DefaultHelpFormatter):
    """Options are shown the way people type them: --train-images."""

    def format_help(self) -> str:
        return _hyphens(super().format_help())


def make_parser(name: str, about: str) -> ArgumentParser:
    """The parser of a command, for it to add its options to."""
    return ArgumentParser(
        prog=f"torchcaps {name}",
        description=f"{about[0].upper()}{about[1:]}.",
        formatter_class=_Formatter,
        exit_on_error=False,
    )


def add_config(parser: ArgumentParser) -> None:
    """--config FILE reads options from YAML, --print_config writes such a file."""
    parser.add_argument("--config", action="config", help="Options from a YAML file.")


def parse(parser: ArgumentParser, words: list[str]) -> Namespace:
    """Options from the command line. Raises a `ValueError` of one line, with the remedy."""
    try:
        return parser.parse_args([_underscores(word) for word in words])
    except ArgumentError as error:
        raise ValueError(_explain(str(error), parser)) from None
    except UnicodeDecodeError:
        raise ValueError("--config: expected YAML; got a file that is no text") from None


def refuse_beside_resume(words: list[str], *allowed: str) -> None:
    """Raise a `ValueError` for options beside --resume: they would be ignored."""
    options = [word.partition("=")[0].replace("_", "-") for word in words if word[:2] == "--"]
    extra = sorted(set(options) - {"--resume", "--quiet", *allowed})
    if extra:
        raise ValueError(
            f"--resume: expected no options beside it, since what was begun keeps its own; "
            f"got {', '.join(extra)}; leave them out, or start anew in another --out"
        )


def _explain(message: str, parser: ArgumentParser) -> str:
    help_line = f"see {parser.prog} --help"
    key = re.match(r'(?s)Parser key "(.+?)":\s*(.*)', message)
    if key:
        text = re.sub(r"<class '(\w+)'>", r"\1", " ".join(key[2].split()))
        text = text.replace("typing.", "").replace("Expected a ", "expected ")
        text = re.sub(r"Literal\[(.*?)\]", r"one of \1", text)
        text = re.sub(
            r"expected tuple\. Got value: (.*)", r"expected a list; got \1; try '[\1]'", text
        )
        return f"--{key[1].replace('_', '-')}: {text}; {help_line}"
    unknown = re.match(r"unrecognized arguments: (\S+)", message, re.IGNORECASE)
    if unknown:
        known = [o for action in parser._actions for o in action.option_strings]
        near = get_close_matches(_underscores(unknown[1]), known, n=1)
        hint = f"did you mean {near[0].replace('_', '-')}?" if near else help_line
        return f"unknown option {unknown[1].replace('_', '-')}; {hint}"
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
