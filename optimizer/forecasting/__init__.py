"""Forecasts from recorded measurements."""
