"""Who may see the pages of others: their code cannot declare it. By the view's name, or its namespace and `:`.

The middleware finds this through config.urls, as Django finds handler404 there: nothing imports config.
"""

from feedback.policy import ANYONE, PERSON, STAFF, Policy

POLICIES: dict[str, Policy] = {
    "admin:": STAFF,
    "schema": PERSON,
    "api-docs": PERSON,
    "account_login": ANYONE,
    "account_logout": ANYONE,
    "account_signup": ANYONE,
    "account_inactive": ANYONE,
    "account_reset_password": ANYONE,
    "account_reset_password_done": ANYONE,
    "account_reset_password_from_key": ANYONE,
    "account_reset_password_from_key_done": ANYONE,
    "account_confirm_login_code": ANYONE,
    "account_email_verification_sent": ANYONE,
    "account_confirm_email": ANYONE,
    "account_reauthenticate": ANYONE,
    "account_change_password": PERSON,
    "account_set_password": PERSON,
    "account_email": PERSON,
}
