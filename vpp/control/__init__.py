"""The control loop: from sensing to the write gate, its outcomes and replanning.

``tick.step`` is its pure heart; everything around it moves values to and from devices.
"""
