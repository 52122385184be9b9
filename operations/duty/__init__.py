"""Who is on duty: rosters, shifts and their hand-over; duty circles and their drills."""
