"""`evenkeel`: the commands put together, and what becomes of an error.

Exit code 0; 2 for a user's mistake, with one sentence on stderr; 1 with a traceback for a bug.
Commands import what is heavy when they run: `--help` and the queue never wait for torch.
"""

import errno
import gc
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from core.errors import UserError
from core.printing import print_anything
from studio.cli import (
    catalogue,
    combining,
    comparing,
    data,
    finished,
    protocols,
    queued,
    serving,
    training,
    upkeep,
)

USER_ERROR = 2
_MENDABLE = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR,
    errno.ENAMETOOLONG, errno.ENOSPC, errno.EDQUOT,
)  # fmt: skip
"""Messages for settings that the owner of a folder can change."""

app = typer.Typer(
    name="evenkeel",
    help="Fine-tune CLIP on a handful of images without losing what it already knew.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (
    serving,
    data,
    catalogue,
    training,
    finished,
    combining,
    comparing,
    protocols,
    queued,
    upkeep,
):
    app.add_typer(part.app)


@app.callback(invoke_without_command=True)
def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command of `evenkeel` and exit."""
    run(app, "evenkeel", arguments)


def run(app: typer.Typer, name: str, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command of `app`, which is started as `name`, and exit."""
    print_anything()
    if arguments is None:  # in its own process, imported objects stay: do not scan them
        gc.freeze()
    try:
        code = app(args=arguments, prog_name=name, standalone_mode=False)
    except UserError as error:
        hint = f" The option: --{error.setting.replace('_', '-')}." if error.setting else ""
        _complain(str(error) + hint)
    except typer.TyperException as error:  # what Typer says of a wrong option
        context = getattr(error, "ctx", None)
        hint = f" See `{context.command_path} --help`." if context else ""
        _complain(error.format_message().rstrip(".") + "." + hint)
    except UnicodeEncodeError as error:
        if "surrogates" not in error.reason:
            raise
        name = ascii(error.object[:200])
        _complain(f"{name} is no text in this environment's encoding. Set PYTHONUTF8=1 and repeat.")
    except BrokenPipeError:  # `evenkeel jobs | head`
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno not in _MENDABLE or error.filename is None:
            raise
        _complain(
            f"{error.filename} cannot be written or read ({error.strerror}). Name another folder, "
            "or give this user access to it."
        )
    sys.exit(code if isinstance(code, int) else 0)


def _complain(sentence: str) -> NoReturn:
    print(" ".join(sentence.split()), file=sys.stderr)
    sys.exit(USER_ERROR)
