"""From a grabbed picture to an access unit: convert, schedule, encode."""
