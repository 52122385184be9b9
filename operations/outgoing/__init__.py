"""What leaves by itself: pushes to terminals and walls, broadcasts, webhooks."""
