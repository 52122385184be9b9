"""Map matching: which streets a car has driven."""
