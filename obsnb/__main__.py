"""``python -m obsnb``: the command line, where ``obsnb`` is not on the path."""

import sys

from obsnb.cli import main

sys.exit(main())
