"""The command line: data on standard output, progress and errors on standard error.

Exit status: 0 fine; 1 a check failed or a claim is false; 2 bad input; 3 undecided claims only;
5 a tool is missing; 70 a bug of ours.
"""

from __future__ import annotations

import gc
import os
import sys
from io import TextIOWrapper
from typing import NoReturn

import click

from derive.cli import bench, claims, first, people, pictures, written  # noqa: F401 - register their verbs
from derive.cli.commands import cli
from derive.cli.terminal import BAD_INPUT, BUG, error_json, print_json, report_error, status_of
from derive.errors import DeriveError

__all__ = ["main"]

COLLECTED = (50_000, 20, 20)  # formulas are many small objects without cycles: looking for those costs a fifth


def main() -> None:
    """Run the command line; turn errors into messages and exit statuses."""
    wants_json = "--json" in sys.argv[1:]
    gc.set_threshold(*COLLECTED)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # ŷ is shown as it can be, whatever the encoding of the terminal is
            stream.reconfigure(errors="backslashreplace")
    try:
        cli(standalone_mode=False, prog_name="derive")
        sys.stdout.flush()
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except DeriveError as error:
        if wants_json:
            print_json({"errors": error_json(error)})
        else:
            report_error(error)
        sys.exit(status_of(error))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        if error.filename is not None:  # files are written and read with errors of their own
            _bug(error)
        click.echo(f"error: standard output: {error.strerror or error}", err=True)
        _abandon_output()
        sys.exit(BAD_INPUT)
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets a status and a word
        _bug(error)


def _bug(error: Exception) -> NoReturn:
    import traceback

    traceback.print_exception(error)
    click.echo(f"error: a bug of derive ({type(error).__name__}): please report it with the text above", err=True)
    sys.exit(BUG)


def _abandon_output() -> None:
    """What could not be written is lost already: do not try again on the way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
