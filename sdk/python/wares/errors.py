"""Exceptions that are answers. All others are failures, and are in the log."""


class Rejected(Exception):
    """Why an extension refuses what was about to be done. Raised in a hook it ends the request
    with 400; raised in the handler of a route it is the answer."""

    def __init__(self, message: str, *, field: str | None = None, code: str | None = None):
        """`message` is one sentence for the person who asked for it, `field` the field of the
        request's body, `code` a name of the reason for programs."""
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code


class Problem(Exception):
    """An error that is answered as `{"type", "message"}`."""

    def __init__(self, status: int, type: str, message: str):
        """`type` is a name for programs: `not_found`, `invalid_data`, `not_allowed`."""
        super().__init__(message)
        self.status = status
        self.type = type
        self.message = message
