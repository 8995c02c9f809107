"""Bodies that a backend sends about sessions."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from functions.addresses import why_refused
from functions.bodies import Body
from functions.phone_numbers import LONGEST_PHONE, normalise
from functions.problems import FieldError, Problem
from storage.errors import InvalidPhone
from storage.same_account import same_account

MAX_METADATA_BYTES = 16 * 1024
LOCALES = ("en", "id", "pt", "es", "hi", "ar")
"""The languages of the hosted page."""

_LOCALE = rf"^({'|'.join(LOCALES)})(-[A-Za-z0-9]{{2,8}})*$"
_HOST = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%-]+)"
_WEB_ADDRESS = rf"^https?://{_HOST}(:[0-9]{{1,5}})?([/?#][!-~]*)?$"
_USER = r"""[!"$-.0->A-~]+"""
"""Printable ASCII but # / ? @."""
_PROXY = rf"^(https?|socks5)://({_USER}@)?{_HOST}:[0-9]{{1,5}}/?$"


def _phone(value: str) -> str:
    try:
        return normalise(value)
    except InvalidPhone as error:
        raise ValueError(str(error)) from error


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    size = len(json.dumps(value, ensure_ascii=False).encode())
    if size > MAX_METADATA_BYTES:
        raise ValueError(
            f"takes {size} bytes, at most {MAX_METADATA_BYTES} are kept; store a reference instead"
        )
    return value


def _locale(value: str) -> str:
    if re.fullmatch(_LOCALE, value) is None:
        raise ValueError(f"must be one of {', '.join(LOCALES)}, with or without a region such as pt-BR")
    return value


def _can_be_split(value: str) -> bool:
    """Brackets around no IPv6 address, and ports that are none, fail whoever reads them later."""
    try:
        return urlsplit(value).port != 0
    except ValueError:
        return False


def _web_address(value: str) -> str:
    if re.fullmatch(_WEB_ADDRESS, value) is None or not _can_be_split(value):
        raise ValueError("must be an http or https address, such as https://example.com/linked")
    return value


def _proxy(value: str) -> str:
    if re.fullmatch(_PROXY, value) is None or not _can_be_split(value):
        raise ValueError("must be scheme://[user:password@]host:port with http, https or socks5")
    return value


Url = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
WebhookUrl = Annotated[
    Url,
    Field(
        description="https and public, unless the operator allows another.",
        json_schema_extra={"format": "webhook-url"},
    ),
]
Phone = Annotated[
    str,
    AfterValidator(_phone),
    Field(
        description="With + and country code, in any spelling.",
        json_schema_extra={"format": "phone", "pattern": r"^\+", "maxLength": LONGEST_PHONE},
    ),
]


class NewSession(Body):
    """Body of POST /api/sessions."""

    reference: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        default=None, description="Yours; comes back with the session and every event of it."
    )
    phone: Phone | None = Field(default=None, description="Asks for a pairing code for this number at once.")
    expected_phone: Phone | None = Field(
        default=None, description="Only this number may link; another one is logged out again."
    )
    webhook_url: WebhookUrl | None = Field(default=None, description="An endpoint for this session alone.")
    return_url: (
        Annotated[Url, AfterValidator(_web_address), Field(json_schema_extra={"pattern": _WEB_ADDRESS})]
        | None
    ) = Field(default=None, description="Where the hosted page leads when the account is linked.")
    metadata: Annotated[dict[str, Any], AfterValidator(_metadata)] = Field(
        default_factory=dict, description="Any JSON object of at most 16 kB; comes back with the session."
    )
    start: bool = Field(default=True, description="False: the QR starts when the hosted page is opened.")
    keep_alive: bool = Field(default=False, description="Never hibernate.")
    region: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]{1,64}$")] | None = Field(
        default=None, description="Prefer machines of this region."
    )
    proxy: Annotated[Url, AfterValidator(_proxy), Field(json_schema_extra={"pattern": _PROXY})] | None = (
        Field(default=None, description="scheme://[user:password@]host:port with http, https or socks5.")
    )
    locale: Annotated[str, AfterValidator(_locale), Field(json_schema_extra={"pattern": _LOCALE})] | None = (
        Field(default=None, description="The language of the hosted page, such as pt-BR.")
    )

    @model_validator(mode="after")
    def _same_number(self) -> Self:
        if self.phone and self.expected_phone and not same_account(self.phone, self.expected_phone):
            raise ValueError("phone and expected_phone are two accounts; leave one of them out")
        return self

    def check_webhook(self, allowed: frozenset[str]) -> None:
        """Raises Problem when webhooks are never sent there."""
        refused = None if self.webhook_url is None else why_refused(self.webhook_url, allowed)
        if refused is not None:
            raise Problem(
                422,
                "invalid_request",
                f"webhook_url: {refused}",
                [FieldError(field="webhook_url", message=refused)],
            )


class PairingRequest(Body):
    """Body of POST /api/sessions/{id}/pairing-code."""

    phone: Phone


class Nothing(Body):
    """Body of the calls that take none."""
