"""Recorded data through rules, planner and tick; bounds and scores on the same input."""
