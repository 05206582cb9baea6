"""The HTTP routes: they read requests, call the services and shape answers, and decide nothing."""
