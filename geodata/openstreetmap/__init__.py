"""OpenStreetMap extracts as a source of cities."""
