"""Spares the control loop the garbage collector's walk through what lives as long as the daemon."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG, MIDDLE, OLD = 50_000, 20, 20
"""A turn at 1,000 devices makes some 20,000 short-lived values: the youngest generation holds the
turn, so that they die by reference count before anybody looks for cycles among them."""


@contextmanager
def settled() -> Iterator[None]:
    """What exists when this is entered is not looked at by the collector until it is left.

    What comes later is looked at more seldom.

    At 1,000 devices one full collection holds the loop for a whole tick's computation.
    """
    gc.collect()
    gc.freeze()
    usual = gc.get_threshold()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
