"""The servers' formats: bytes in, frames out; nothing here knows a transport."""
