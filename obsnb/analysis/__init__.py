"""Pure functions, frames in and frames out: no source, no view, no clock."""
