"""Frames on disk."""
