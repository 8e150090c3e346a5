"""What an action of the review desk answers when it cannot do what was asked."""


class LeaseLost(Exception):
    """The case is no longer this reviewer's: nothing was counted, what was entered is given back."""

    def __init__(self, text: str = "Somebody else has this case now. Your answer was not counted.") -> None:
        super().__init__(text)


class Refused(Exception):
    """What was entered is not right. errors: field -> messages; "" holds what belongs to no field."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("; ".join(message for messages in errors.values() for message in messages))
        self.errors = errors


class Overtaken(Exception):
    """Somebody saved a newer version than the one that this change was made from: nothing was saved."""
