"""The agent's link to the world: tokens from the shim, the LiveKit room, the shim's calls."""
