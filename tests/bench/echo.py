"""An X window over the whole screen whose top left corner changes with every key press."""

import Xlib.display
from Xlib import X

SIDE_PX = 160


def main() -> None:
    """Until killed; says `ready` once it is on the screen."""
    display = Xlib.display.Display()
    screen = display.screen()
    geometry = screen.root.get_geometry()
    window = screen.root.create_window(
        0, 0, geometry.width, geometry.height, 0, screen.root_depth,
        background_pixel=0x303840, override_redirect=True,
        event_mask=X.KeyPressMask | X.ExposureMask | X.ButtonPressMask,
    )  # fmt: skip
    pens = [window.create_gc(foreground=colour) for colour in (0x000000, 0xFFFFFF)]
    window.map()
    window.set_input_focus(X.RevertToPointerRoot, X.CurrentTime)
    presses = 0
    while True:
        event = display.next_event()
        if event.type == X.Expose:
            print("ready", flush=True)
        elif event.type == X.KeyPress:
            presses += 1
        else:
            continue
        window.fill_rectangle(pens[presses % 2], 0, 0, SIDE_PX, SIDE_PX)
        display.flush()


if __name__ == "__main__":
    main()
