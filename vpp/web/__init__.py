"""HTTP: whether the daemon is alive, whether it is ready, and its metrics."""
