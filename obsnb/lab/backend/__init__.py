"""The backend: the guide's routes, its debug endpoints, and the page."""
