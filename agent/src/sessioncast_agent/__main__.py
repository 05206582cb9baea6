"""`python -m sessioncast_agent` is `sessioncast`."""

from sessioncast_agent.cli import main

main()
