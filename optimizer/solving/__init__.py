"""Linear programs: their form, the engine that solves them, and the proof of what it returns."""
