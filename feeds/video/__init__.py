"""Cameras: their pictures and their turning."""
