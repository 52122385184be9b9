"""A city folder: opened, described, compared; its places by name."""
