"""The demo user's home: settings of XFCE and its programs, a start page, a few things to look at.

The settings keep a still desktop still (no blinking cursor, no clock with seconds, no compositor,
no screen saver): what does not change is not encoded.
"""

import shlex
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from string import Template

from sessioncast_agent.demo.wallpaper import wallpaper_png
from sessioncast_agent.demo.workspace import Workspace

_XFCONF = ".config/xfce4/xfconf/xfce-perchannel-xml"
# asset -> where it goes under the home
_FILES = {
    "xfwm4.xml": f"{_XFCONF}/xfwm4.xml",
    "xsettings.xml": f"{_XFCONF}/xsettings.xml",
    "xfce4-desktop.xml": f"{_XFCONF}/xfce4-desktop.xml",
    "xfce4-panel.xml": f"{_XFCONF}/xfce4-panel.xml",
    "thunar.xml": f"{_XFCONF}/thunar.xml",
    "xfce4-terminal.xml": f"{_XFCONF}/xfce4-terminal.xml",
    "terminalrc": ".config/xfce4/terminal/terminalrc",
    "gtk.css": ".config/gtk-3.0/gtk.css",
    "bashrc": ".bashrc",
    "user-dirs.dirs": ".config/user-dirs.dirs",
    "welcome.html": "Welcome.html",
    "notes.md": "Documents/Notes.md",
}
_FOLDERS = ("Desktop", "Documents", "Downloads", "Music", "Pictures", "Videos")
# panel launcher -> name, icon, command
_LAUNCHERS = {
    2: ("Terminal", "utilities-terminal", "xfce4-terminal"),
    3: ("Files", "system-file-manager", "thunar"),
    4: ("Web Browser", "web-browser", "chromium"),
}


def _launcher(name: str, icon: str, command: str) -> str:
    lines = ["[Desktop Entry]", "Type=Application", f"Name={name}", f"Icon={icon}"]
    return "\n".join([*lines, f"Exec={command}", ""])


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def furnish(
    workspace: Workspace, *, session: str, width_px: int, height_px: int, browser: Sequence[str]
) -> None:
    """Fill the home; `browser` is the command that the desktop knows as `chromium`."""
    home = workspace.home
    for folder in _FOLDERS:
        (home / folder).mkdir(exist_ok=True)
    wallpaper = home / "Pictures" / "Hills.png"
    wallpaper.write_bytes(wallpaper_png(width_px, height_px))
    values = {
        "home": str(home),
        "wallpaper": str(wallpaper),
        "session": session,
        "size": f"{width_px}x{height_px}",
        "thunar_width": str(width_px * 2 // 5),
        "thunar_height": str(height_px * 2 // 5),
    }
    assets = resources.files("sessioncast_agent.demo") / "assets"
    for asset, target in _FILES.items():
        text = (assets / asset).read_text(encoding="utf-8")
        _write(home / target, Template(text).safe_substitute(values))
    for plugin, launcher in _LAUNCHERS.items():
        entry = home / f".config/xfce4/panel/launcher-{plugin}/start.desktop"
        _write(entry, _launcher(*launcher))
    script = home / ".local/bin/chromium"
    _write(script, f'#!/bin/sh\nexec {shlex.join(browser)} "$@"\n')
    script.chmod(0o755)
