"""What can go wrong with the demo. Each message is a sentence that says what to do."""


class DemoError(Exception):
    """The root; `exit_code` is what the command ends with."""

    exit_code = 1


class CannotDemo(DemoError):
    """Starting again as things are cannot help: a program is missing, an option is wrong."""

    exit_code = 3


class PartFailed(DemoError):
    """A part ended, or did not come up in time; carries the end of its log."""

    def __init__(self, part: str, what: str, log_tail: str) -> None:
        super().__init__(f"{part} {what}")
        self.part = part
        self.log_tail = log_tail
