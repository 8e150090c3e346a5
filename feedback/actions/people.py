"""People, their memberships, their one-time links, and keys."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.urls import reverse

from feedback.models import ApiKey, Feature, Membership, OneTimeLogin, User

LINK_IS_VALID = timedelta(hours=24)
USE_IS_NOTED_EVERY = timedelta(minutes=1)


def sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


PRESENTED = re.compile(r"ts_([0-9a-f]{8})_[A-Za-z0-9_-]{20,100}")
NOBODY = sha256("")


def create_person(*, email: str, is_staff: bool = False, now: datetime) -> User:
    """The person of this address, made without a usable password where there is none yet.

    Replay and race: the address is unique, so both find the same person. is_staff raises a person who is there
    to staff; nothing here takes it away again.
    """
    address = email.strip().lower()
    with suppress(IntegrityError), transaction.atomic():
        if not User.objects.filter(email__iexact=address).exists():
            User.objects.create_user(address, date_joined=now)
    person = User.objects.get(email__iexact=address)
    if is_staff and not person.is_staff:
        person.is_staff = person.is_superuser = True
        person.save(update_fields=["is_staff", "is_superuser"])
    return person


def join(*, user: User, feature: Feature, role: str) -> Membership:
    """Give a person a role in a feature. Repeating changes nothing."""
    membership, _ = Membership.objects.get_or_create(user=user, feature=feature, role=Membership.Role(role))
    return membership


def new_login_link(*, user: User, now: datetime, valid: timedelta = LINK_IS_VALID) -> str:
    """The path of a link that logs this person in once. Only its hash is kept."""
    token = secrets.token_urlsafe(32)
    OneTimeLogin.objects.create(user=user, sha256=sha256(token), created_at=now, expires_at=now + valid)
    return reverse("feedback:one_time_login", args=[token])


def find_login_link(*, token: str, now: datetime) -> OneTimeLogin | None:
    """The usable link of this token, with its person; changes nothing."""
    return OneTimeLogin.objects.usable(now).filter(sha256=sha256(token)).select_related("user").first()


def use_login_link(*, token: str, now: datetime) -> User | None:
    """The link's person, once. Of two that use it together one wins; used up, expired, unknown: None."""
    link = find_login_link(token=token, now=now)
    # On the row alone: with a join PostgreSQL would check a row that another one just used by its old state.
    if link is None or not OneTimeLogin.objects.filter(pk=link.pk, used_at=None).update(used_at=now):
        return None
    return link.user


@transaction.atomic
def create_key(
    *,
    name: str,
    scopes: Iterable[str] = (),
    features: Iterable[Feature] | None = None,
    person: User | None = None,
    expires_at: datetime | None = None,
    now: datetime,
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is not kept and cannot be shown again.

    features: None for all. person: the key acts as that person and has no scopes of its own. Raises
    ValueError for an unknown scope.
    """
    held = {ApiKey.Scope(scope) for scope in scopes}
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    presented = f"ts_{prefix}_{secret}"
    key = ApiKey.objects.create(
        name=name,
        prefix=prefix,
        sha256=sha256(presented),
        person=person,
        can_ingest=ApiKey.Scope.INGEST in held,
        can_read=ApiKey.Scope.READ in held,
        can_manage=ApiKey.Scope.MANAGE in held,
        is_for_all_features=features is None and person is None,
        created_at=now,
        expires_at=expires_at,
    )
    key.features.set(features or [])
    return key, presented


def find_key(presented: str, now: datetime) -> ApiKey | None:
    """The usable key that was presented, with its person.

    An unknown prefix costs the same look-up and comparison as a wrong secret.
    """
    form = PRESENTED.fullmatch(presented)
    key = ApiKey.objects.usable(now).select_related("person").filter(prefix=form[1] if form else "").first()
    is_right = hmac.compare_digest(key.sha256 if key else NOBODY, sha256(presented))
    if key is None or not is_right or (key.person and not key.person.is_active):
        return None
    if key.last_used_at is None or now - key.last_used_at > USE_IS_NOTED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def revoke_keys(keys: QuerySet[ApiKey], *, now: datetime) -> int:
    """From now on nobody comes in with these. Says how many were still good; repeating changes nothing."""
    return keys.filter(revoked_at=None).update(revoked_at=now)
