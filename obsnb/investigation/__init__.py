"""Investigation: sources, a window and conventions, and the analysis verbs over them."""

from obsnb.investigation.comparing import compare
from obsnb.investigation.verbs import Investigation, investigate

__all__ = ["Investigation", "compare", "investigate"]
