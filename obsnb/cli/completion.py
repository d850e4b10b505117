"""``obsnb completion``: commands and options for the shell's Tab."""

from __future__ import annotations

import argparse
import shlex

from obsnb.cli.words import Commands

__all__ = ["add"]

_HOW = {
    "bash": 'eval "$(obsnb completion bash)"   in ~/.bashrc',
    "zsh": 'eval "$(obsnb completion zsh)"    in ~/.zshrc',
    "fish": "obsnb completion fish | source    in ~/.config/fish/config.fish",
}
_BASH = """\
_obsnb() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" words=""
  if [ "$COMP_CWORD" = 1 ]; then words={commands}; else
    case "${{COMP_WORDS[1]}}" in
{cases}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _obsnb obsnb
"""


def add(commands: Commands) -> None:
    """Make the command known."""
    completion = commands.add_parser(
        "completion",
        help="print what makes the shell complete commands and options",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(_HOW.values()),
    )
    completion.add_argument("shell", choices=list(_HOW))
    completion.set_defaults(do=lambda asked: _do(asked, commands))


def _do(asked: argparse.Namespace, commands: Commands) -> int:
    known = {name: _words(parser) for name, parser in commands.choices.items()}
    if asked.shell == "fish":
        names = shlex.quote(" ".join(known))
        print(f"complete -c obsnb -n __fish_use_subcommand -a {names}")
        for name, words in known.items():
            print(
                f"complete -c obsnb -n '__fish_seen_subcommand_from {name}' -a {shlex.quote(' '.join(words))}"
            )
        return 0
    if asked.shell == "zsh":
        print("autoload -U +X bashcompinit && bashcompinit")
    cases = "\n".join(
        f"      {name}) words={shlex.quote(' '.join(words))} ;;" for name, words in known.items()
    )
    print(_BASH.format(commands=shlex.quote(" ".join(known)), cases=cases), end="")
    return 0


def _words(parser: argparse.ArgumentParser) -> list[str]:
    """The options of a command, and the words that it chooses from."""
    from obsnb.archive.bundled import incidents, runbooks

    bundled = {"runbook": runbooks, **dict.fromkeys(("archive", "a", "b"), incidents)}
    words: list[str] = []
    for action in parser._actions:
        if not action.option_strings and action.dest in bundled:
            words += bundled[action.dest]()
        words += action.option_strings[-1:]
        words += [str(one) for one in action.choices or () if not action.option_strings]
    return words
