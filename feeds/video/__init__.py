"""Cameras' pictures: pulled on demand, handed to browsers as fragmented MP4 (docs/video.md)."""
