"""Write `docs/reference/cli.md` from the commands themselves; `--check` only says whether it is up to date."""

import inspect
import sys
from pathlib import Path

import click

from regulars.cli._main import program

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"
HEAD = """# The command line

`regulars` is in `.venv/bin` after `make demo` or `make test`. Every command takes `--help`. This page is made from the
commands by `.venv/bin/python tools/cli_reference.py`.

## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 2 | your input: a file, a flag, the shop's folder |
| 3 | the world: disk, network, another program; try again |
| 70 | a defect of Regulars; a report lies in the temporary folder, or stands on the screen with `REGULARS_DEBUG=1` |
| 130 | stopped with Ctrl+C |

Messages go to the error output, results to the standard output.
"""


def page() -> str:
    """The whole page."""
    context = click.Context(program, info_name="regulars")
    commands = ((name, program.get_command(context, name)) for name in program.list_commands(context))
    known = [(name, command) for name, command in commands if command is not None and not command.hidden]
    sections = [_section(*one) for name, command in known for one in _leaves(name, command)]
    return "\n".join([HEAD, *sections])


def _leaves(name: str, command: click.Command) -> list[tuple[str, click.Command]]:
    """The command itself, or those of a group."""
    if not isinstance(command, click.Group):
        return [(name, command)]
    return [leaf for below, one in sorted(command.commands.items()) for leaf in _leaves(f"{name} {below}", one)]


def _section(name: str, command: click.Command) -> str:
    arguments = [one.name.upper() for one in command.params if isinstance(one, click.Argument) and one.name]
    usage = " ".join(["regulars", name, *arguments, "[OPTIONS]"])
    lines = [f"## regulars {name}", "", inspect.cleandoc(command.help or ""), "", "```text", usage, "```", ""]
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    if options:
        lines += ["| option | default | meaning |", "|---|---|---|", *map(_option, options), ""]
    return "\n".join(lines)


def _option(one: click.Option) -> str:
    flag = ", ".join(one.opts)
    if isinstance(one.type, click.Choice):
        flag += " " + "/".join(map(str, one.type.choices))
    elif not one.is_flag:
        flag += f" {one.metavar or one.type.name.upper().removesuffix(' RANGE')}"
    default = f"`{one.default}`" if isinstance(one.default, str | int | float | Path) and not one.is_flag else ""
    meaning = (one.help or "").replace("|", "\\|")
    if one.envvar and str(one.envvar) not in meaning:
        meaning += f" Also `{one.envvar}`."
    return f"| `{flag}` | {'required' if one.required else default} | {meaning} |"


def main(arguments: list[str]) -> int:
    """Write the page, or compare it."""
    text = page()
    if arguments == ["--check"]:
        fresh = PAGE.exists() and PAGE.read_text(encoding="utf-8") == text
        print(f"{PAGE} is {'up to date' if fresh else 'not up to date: run tools/cli_reference.py'}")
        return 0 if fresh else 1
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
