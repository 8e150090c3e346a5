from typing import Any

from django.core.checks import CheckMessage, Warning, register

from config import env


@register()
def environment_names(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A misspelt setting must not pass in silence."""
    return [
        Warning(
            f"{name} is set, but nothing reads it. Misspelt? README, Settings, has the names.",
            id="touchstone.W001",
        )
        for name in env.unknown_names()
    ]
