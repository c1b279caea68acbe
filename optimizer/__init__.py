"""The plan: forecasts and schedules; pure, synchronous, without network."""
