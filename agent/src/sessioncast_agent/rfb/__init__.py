"""The VNC fallback: this agent as an RFB 3.8 server over a WebSocket that it dials out itself.

`wire`, `server`, `clipboard`, `pointer`, `flow` are pure; `tight` and `h264` make rectangles;
`client` is one viewer, `stage` all of them; `upstream` relays an existing VNC server instead.
"""
