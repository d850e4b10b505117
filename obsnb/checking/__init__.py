"""What would leak if a file were sent: reports, archives, notebooks, tables and plain text.

`check` reads a file as what it is and looks in it for what a policy does not keep.
"""

from obsnb.checking.leaks import Checked, Leak, check

__all__ = ["Checked", "Leak", "check"]
