"""What the core asks of the world, as small protocols, and how their implementations are found."""
