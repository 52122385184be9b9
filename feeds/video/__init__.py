"""Cameras: their pictures, pulled on demand and handed to browsers as fragmented MP4 (docs/video.md), and their turning."""
