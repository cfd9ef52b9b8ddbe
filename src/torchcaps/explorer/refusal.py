"""What a person is told instead of an answer."""


class Refused(ValueError):
    """One readable sentence with what to do, and the status of HTTP it goes with."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
