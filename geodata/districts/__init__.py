"""Whose area a place is in: organisations, beats, areas drawn by hand."""
