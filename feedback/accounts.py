"""How allauth behaves here."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedSignup(DefaultAccountAdapter):  # type: ignore[misc]
    """Nobody makes an account by themselves: people are invited (`manage.py person create`)."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
