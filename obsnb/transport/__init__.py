"""Bytes out, bytes in: the only room that knows httpx."""
