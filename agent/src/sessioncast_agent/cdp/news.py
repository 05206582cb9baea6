"""What a browser session has to tell beyond its picture, as values."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TabInfo:
    """One tab as people see it."""

    id: str
    title: str
    url: str
    active: bool
    loading: bool = False
    crashed: bool = False
    can_back: bool = False
    can_forward: bool = False


@dataclass(frozen=True)
class TabsChanged:
    """All tabs, in the order of their coming."""

    tabs: tuple[TabInfo, ...]


@dataclass(frozen=True)
class Prompt:
    """Something that waits for an answer.

    `kind`: alert, confirm, prompt, beforeunload, file, auth or permission. `origin` is who asks,
    `text` what is asked (for `auth` the realm, for `permission` its name).
    """

    id: str
    kind: str
    tab: str
    origin: str
    text: str
    default: str = ""
    multiple: bool = False


@dataclass(frozen=True)
class PromptOpened:
    """The page waits for this."""

    prompt: Prompt


@dataclass(frozen=True)
class PromptClosed:
    """It was answered, by whomever, or its time is over."""

    id: str


@dataclass(frozen=True)
class Download:
    """One file that the page gave away; `state`: running, done, canceled or refused."""

    id: str
    name: str
    state: str
    received_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class DownloadChanged:
    """It began, grew, or ended."""

    download: Download


@dataclass(frozen=True)
class Notice:
    """One sentence for the operators."""

    text: str


@dataclass(frozen=True)
class SecretFocus:
    """A password field has the focus, or none has it any more."""

    focused: bool


News = TabsChanged | PromptOpened | PromptClosed | DownloadChanged | Notice | SecretFocus


@dataclass(frozen=True)
class Upload:
    """A file that an operator gives to a file chooser."""

    name: str
    mime: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """What an operator says to a prompt; `text` is a prompt's text or an authentication's user."""

    accept: bool
    text: str = ""
    secret: str = field(default="", repr=False)
    files: tuple[Upload, ...] = field(default=(), repr=False)
