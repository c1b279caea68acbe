"""What every adapter must do, and the worlds in which it is tried."""
