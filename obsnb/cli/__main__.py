"""``python -m obsnb.cli``."""

import sys

from obsnb.cli.entry import main

sys.exit(main())
