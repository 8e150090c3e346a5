"""Texts of people: plain, escaped, with the addresses of web pages made links."""

import re

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

ADDRESS = re.compile(r"""(https?://[^\s<>"']+)""", re.IGNORECASE)
NOT_ITS_END = ".,;:!?)]}"


@register.filter
def linked(text: str) -> SafeString:
    """Only http(s) becomes a link; the full stop after an address is not part of it."""
    return format_html_join("", "{}", ((_shown(part),) for part in ADDRESS.split(text)))


@register.filter
def breakable(person: str) -> SafeString:
    """An e-mail address that a narrow column breaks after its @."""
    return format_html_join(SafeString("@<wbr>"), "{}", ((part,) for part in person.split("@")))


def _shown(part: str) -> SafeString | str:
    if not ADDRESS.fullmatch(part):
        return part
    address = part.rstrip(NOT_ITS_END)
    link = format_html('<a href="{}" rel="noopener nofollow">{}</a>', address, address)
    return format_html("{}{}", link, part[len(address) :])
