"""Query texts: pure functions that quote safely and send nothing."""
