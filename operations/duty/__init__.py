"""Rosters and duty circles."""
