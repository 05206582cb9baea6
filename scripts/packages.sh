# What a Debian or Ubuntu machine needs, by purpose (sourced, bash).
# shellcheck shell=bash disable=SC2034

PACKAGES=(
    # screen: the X server, its cookies, RandR and window properties
    xvfb xauth x11-utils x11-xserver-utils
    # desktop: the parts of XFCE that a session shows, without session manager or power manager
    dbus xfwm4 xfdesktop4 xfce4-panel xfce4-settings xfce4-terminal thunar
    # how it looks: theme, icons, cursors, two typefaces, and the loader of the SVG icons
    greybird-gtk-theme elementary-xfce-icon-theme adwaita-icon-theme librsvg2-common
    fonts-dejavu-core fonts-inter
    # sound
    pulseaudio pulseaudio-utils
    # narration, and the other sound server that the tests run with
    espeak-ng pipewire pipewire-pulse wireplumber
    # colour conversion and capture of the agent, called through ctypes
    libyuv0 libxcb1 libxcb-shm0 libxcb-damage0
    # the interpreter's own virtual environments, and what Node from PyPI is linked with
    python3-venv libatomic1
    # keysyms and characters of the agent's keyboard, called through ctypes
    libxkbcommon0
    # windows that the tests open and type into, keyboard layouts, the clipboard's other end
    xterm mousepad x11-xkb-utils xclip
    # networks that the tests close one port after the other, an external TURN relay, certificates
    iproute2 iptables coturn openssl
    # what replicas of the shim share; the tests start their own
    redis-server
    # a VNC client and a VNC server that the fallback is tested against
    tigervnc-viewer x11vnc
)

# Debian's Chromium and its sandbox helper. Where the distribution only has it as a snap (Ubuntu),
# setup takes Playwright's build.
BROWSER_PACKAGES=(chromium chromium-sandbox)

# Firefox, which the tests type into, and the other browser that the page is tested in. By this name it
# is Debian's own; where the distribution only has it as a snap (Ubuntu), setup takes Playwright's build.
FIREFOX_PACKAGES=(firefox-esr)

# The references of `make bench` (noVNC beside the x11vnc above); Selkies comes from PyPI.
BENCH_PACKAGES=(novnc websockify)
