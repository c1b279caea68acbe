"""The control loop: sensing, snapshot, arbiter, allocation, safety, write gate, outcomes, replanning, supervision.

``tick.step`` is its pure heart; everything around it moves values to and from devices.
"""
