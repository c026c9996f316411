"""The command line: everything the studio can do, with the same names."""

import sys

import core

if getattr(core, "DISTRIBUTION", None) != "evenkeel":
    print(
        f"Another package called 'core' hides Evenkeel's: {core.__path__[0]}. "
        "Start `evenkeel` from another folder, or install it in an environment of its own.",
        file=sys.stderr,
    )
    sys.exit(2)

from studio.cli.app import main

__all__ = ["main"]
