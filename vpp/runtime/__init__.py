"""The outside of the core.

Planning worker, live state, history, audit, metrics, logs and the composition root.
"""
