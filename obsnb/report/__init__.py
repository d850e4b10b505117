"""The post-mortem: what was found and what people wrote, as one HTML file, Markdown or PDF."""
