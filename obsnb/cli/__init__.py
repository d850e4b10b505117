"""The command line, a module a command.

Exit codes: 0 well, 1 something failed and was said, or a check found something, 2 the call's words were off,
3 a check could not read a file, 130 interrupted, 141 the reader of the output has gone.
"""

from obsnb.cli.entry import main

__all__ = ["main"]
