"""What was recorded, read back: timelines, figures, the past as it was."""
