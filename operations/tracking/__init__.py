"""Positions of crews: from a report to where they are, have been, and what that suggests."""
