"""``vpp``: one module per command."""
