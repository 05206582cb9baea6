"""An X11 desktop as a session: damage, grabs, pointer."""
