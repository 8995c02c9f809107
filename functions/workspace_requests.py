"""The body that a backend sends about its workspace."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from functions.bodies import Body, without_null
from functions.session_requests import Url
from storage.duplicates import DuplicatePolicy
from storage.page_settings import MOST_ORIGINS
from storage.workspaces import MOST_DAYS


def _name(name: str) -> str:
    if not name.isprintable() or not name.strip():
        raise ValueError("must be printable, and more than spaces")
    return name


def _duplicates(word: str) -> str:
    if word not in set(DuplicatePolicy):
        raise ValueError(f"must be one of {', '.join(DuplicatePolicy)}")
    return word


Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_name)]
Origins = Annotated[list[Url], Field(max_length=MOST_ORIGINS)]


class WorkspaceChange(Body):
    """Body of PATCH /api/workspace: what is not given stays; null takes colour, logo and own days away.

    Lists are replaced whole. Forms of colours and origins are checked by `storage.page_settings`.
    """

    model_config = ConfigDict(json_schema_extra=without_null("name", "duplicates", "allowed_origins"))

    name: Name | None = None
    duplicates: Annotated[str, AfterValidator(_duplicates)] | None = None
    accent_color: Annotated[str, StringConstraints(max_length=20)] | None = None
    logo_url: Url | None = None
    allowed_origins: Origins | None = None
    events_keep_days: Annotated[int, Field(ge=1, le=MOST_DAYS)] | None = None
    ended_keep_days: Annotated[int, Field(ge=0, le=MOST_DAYS)] | None = None
