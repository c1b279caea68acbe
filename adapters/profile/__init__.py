"""Device profiles: what a device is, as data. The schema is a public contract with a version."""
