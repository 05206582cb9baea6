"""`python -m sessioncast_signaling` is `sessioncast-signaling`."""

from .cli import main

if __name__ == "__main__":
    main()
