"""Sound of a session: what the desktop plays, what its operator says, and narration."""
