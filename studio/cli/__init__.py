"""The command line: everything the studio can do, with the same names."""

from studio.cli.app import main

__all__ = ["main"]
