"""What a service tells of itself: logs, metrics, traces, and how they leave the process."""
