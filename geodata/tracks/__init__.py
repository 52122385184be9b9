"""What a track says: which streets were driven (map matching), when it came near a place."""
