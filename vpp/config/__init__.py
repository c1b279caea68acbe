"""The door: a city file becomes a validated ``Portfolio``, or a list of what is wrong with it."""
