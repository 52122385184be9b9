"""From what a source knows to a city folder."""
