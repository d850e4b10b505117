"""obsnb."""
