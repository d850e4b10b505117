"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# A test says whether something is right, not how fast a busy machine was.
settings.register_profile("obsnb", deadline=None)
settings.load_profile("obsnb")
