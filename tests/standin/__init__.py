"""Stand-ins for Loki, Prometheus and Tempo: recorded rows, the servers' semantics."""
