"""Bodies that a backend sends about sessions."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from functions.addresses import why_refused
from functions.bodies import Body
from functions.phone_numbers import normalise
from functions.problems import FieldError, Problem
from storage.errors import InvalidPhone
from storage.same_account import same_account

MAX_METADATA_BYTES = 16 * 1024
LOCALES = ("en", "id", "pt", "es", "hi", "ar")
"""The languages of the hosted page."""

_LOCALE = re.compile(rf"({'|'.join(LOCALES)})(-[A-Za-z0-9]{{2,8}})*")


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
    if _LOCALE.fullmatch(value) is None:
        raise ValueError(f"must be one of {', '.join(LOCALES)}, with or without a region such as pt-BR")
    return value


def _web_address(value: str) -> str:
    if re.fullmatch(r"https?://[^\s/?#@]+([/?#]\S*)?", value) is None or not value.isascii():
        raise ValueError("must be an http or https address, such as https://example.com/linked")
    return value


def _proxy(value: str) -> str:
    if (
        re.fullmatch(r"(https?|socks5)://([^\s/?#@]+@)?[^\s/?#@]+:\d{1,5}/?", value) is None
        or not value.isascii()
    ):
        raise ValueError("must be scheme://[user:password@]host:port with http, https or socks5")
    return value


Url = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Phone = Annotated[str, AfterValidator(_phone)]


class NewSession(Body):
    """Body of POST /api/sessions."""

    reference: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    phone: Phone | None = None
    expected_phone: Phone | None = None
    webhook_url: Url | None = None
    return_url: Annotated[Url, AfterValidator(_web_address)] | None = None
    metadata: Annotated[dict[str, Any], AfterValidator(_metadata)] = Field(default_factory=dict)
    start: bool = True
    keep_alive: bool = False
    region: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]{1,64}$")] | None = None
    proxy: Annotated[Url, AfterValidator(_proxy)] | None = None
    locale: Annotated[str, AfterValidator(_locale)] | None = None

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
