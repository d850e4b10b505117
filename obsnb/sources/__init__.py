"""Loki, Prometheus and Tempo: questions to them, their answers as frames and records."""
