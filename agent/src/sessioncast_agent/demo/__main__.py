"""`python -m sessioncast_agent.demo`: the same as `sessioncast demo`."""

import typer

from sessioncast_agent.demo.command import demo_command

if __name__ == "__main__":
    typer.run(demo_command)
