"""The program `regulars`: finds its commands, and says what went wrong and, by its exit code, whose fault it was."""

import os
import pkgutil
import sys
import tempfile
import time
import traceback
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import click

from regulars import cli
from regulars.core.errors import Misconfigured, RegularsError, Rejected
from regulars.runtime.processes import DEFECT, exit_code


class Commands(click.Group):
    """Loads a command when it is used: `import_.py` holds `regulars import`, `demo.py` would hold `regulars demo`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the modules beside this one."""
        names = (module.name for module in pkgutil.iter_modules(cli.__path__))
        return sorted(name.strip("_").replace("_", "-") for name in names if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The `command` of the module."""
        if cmd_name not in self.list_commands(ctx):
            return None
        name = cmd_name.replace("-", "_")
        module = import_module(f"regulars.cli.{name}_" if name == "import" else f"regulars.cli.{name}")
        command: click.Command = module.command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("regulars"), prog_name="regulars")
def program() -> None:
    """Know every customer the way the owner of the corner shop did.

    A shop is a folder of TOML files: `regulars init my-shop` makes one, `regulars serve my-shop` starts it.

    Exit codes: 0 done; 2 your input (a file, a flag, the shop's folder); 3 the world (disk, network, another program);
    70 a defect of Regulars.
    """


def main() -> None:
    """Run the program."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit code; messages go to the error output."""
    try:
        result = program.main(arguments, prog_name="regulars", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        click.echo("stopped", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except RegularsError as error:
        click.echo(f"{_label(error)}: {error}", err=True)
        return exit_code(error)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception:  # noqa: BLE001 - the one place that turns a defect into a report
        return _report()
    return result if isinstance(result, int) else 0


def _label(error: RegularsError) -> str:
    if isinstance(error, Rejected):
        return "not accepted"
    return "the shop's folder needs an edit" if isinstance(error, Misconfigured) else "not possible now"


def _report() -> int:
    """Write the traceback where it can be sent from, and say so."""
    if os.environ.get("REGULARS_DEBUG") == "1":
        traceback.print_exc()
        return DEFECT
    name = f"regulars-crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    path = Path(tempfile.gettempdir()) / name
    text = f"regulars {version('regulars')}\npython {sys.version}\narguments {sys.argv[1:]}\n\n{traceback.format_exc()}"
    try:
        path.write_text(text, encoding="utf-8")
        where = f"a report lies in {path}; please send it"
    except OSError as error:
        where = f"no report could be written to {path} ({error.strerror}); run again with REGULARS_DEBUG=1"
    click.echo(f"a defect of Regulars: {sys.exc_info()[1]!r}; {where}", err=True)
    return DEFECT
