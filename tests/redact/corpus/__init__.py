"""A corpus of made-up secrets in sentences that systems write, and of what only looks like them.

It is ours: written from what real systems log, without looking at the patterns, and with forms in it that
the patterns are known to miss. What it measures holds for it, and no more.
"""
