"""What operators see and steer of a browser session: tabs, addresses, questions, files."""
