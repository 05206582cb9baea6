"""Who may act on the session, what they may do, and what is kept of it."""
