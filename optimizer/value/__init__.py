"""The value of stored energy."""
