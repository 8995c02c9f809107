"""The environment of the functions."""

import os
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions import config
from functions.config import FunctionsConfig
from functions.retry_schedule import SCHEDULE
from storage.errors import ConfigError

GOOD = {"POOL_SECRET": "0123456789abcdef" * 2, "SECRET_KEY": "fedcba9876543210" * 2}


def problems(**changes: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        FunctionsConfig.from_env(GOOD | changes)
    return refused.value.problems


def test_two_secrets_are_all_that_is_needed() -> None:
    read = FunctionsConfig.from_env(GOOD)
    assert read.database_url == "sqlite:///./data/registry.db"
    assert read.public_url == "http://127.0.0.1:8000"
    assert (read.link_ttl, read.lease_ttl) == (timedelta(hours=1), timedelta(seconds=15))
    assert read.webhook_allow_hosts == frozenset()
    assert read.webhook_retry == SCHEDULE


def test_everything_that_is_told_is_heard() -> None:
    read = FunctionsConfig.from_env(
        GOOD
        | {
            "DATA_DIR": "/srv/linkpool",
            "FUNCTIONS_PORT": "9000",
            "LINK_TTL_SECONDS": "60",
            "LEASE_TTL_SECONDS": "2.5",
            "WEBHOOK_ALLOW_HOSTS": "Backend:8080, 127.0.0.1:9",
            "WEBHOOK_RETRY_SECONDS": "0.5, 60",
        }
    )
    assert read.database_url == "sqlite:////srv/linkpool/registry.db"
    assert read.public_url == "http://127.0.0.1:9000"
    assert (read.link_ttl, read.lease_ttl) == (timedelta(minutes=1), timedelta(seconds=2.5))
    assert read.webhook_allow_hosts == {"backend:8080", "127.0.0.1:9"}
    assert read.webhook_retry == (timedelta(seconds=0.5), timedelta(minutes=1))


def test_ended_sessions_are_kept_until_they_are_deleted_unless_days_are_named() -> None:
    assert FunctionsConfig.from_env(GOOD).ended_keep is None
    assert FunctionsConfig.from_env(GOOD | {"ENDED_KEEP_DAYS": "0"}).ended_keep is None
    assert FunctionsConfig.from_env(GOOD | {"ENDED_KEEP_DAYS": "30"}).ended_keep == timedelta(days=30)
    assert "ENDED_KEEP_DAYS" in problems(ENDED_KEEP_DAYS="-1")[0]


def test_numbers_are_sealed_with_a_key_that_was_made_and_with_no_other() -> None:
    assert not FunctionsConfig.from_env(GOOD).number_keys
    assert FunctionsConfig.from_env(GOOD | {"NUMBERS_KEY": os.urandom(32).hex()}).number_keys
    assert "NUMBERS_KEY is an example" in problems(NUMBERS_KEY="0" * 64)[0]


def test_every_problem_is_said_at_once() -> None:
    found = problems(POOL_SECRET="", SECRET_KEY="short-but-random", LINK_TTL_SECONDS="soon", PUBLIC_URL="me")
    assert [problem.split(" ")[0] for problem in found] == [
        "PUBLIC_URL",
        "POOL_SECRET",
        "SECRET_KEY",
        "LINK_TTL_SECONDS",
    ]


@pytest.mark.parametrize("secret", ["change-me-0123456789abcdef0123456789", "CHANGE" * 9, "a" * 64])
def test_an_example_is_no_secret(secret: str) -> None:
    assert "SECRET_KEY" in problems(SECRET_KEY=secret)[0]
    assert secret not in problems(SECRET_KEY=secret)[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"FUNCTIONS_PORT": "0"},
        {"FUNCTIONS_PORT": "http"},
        {"LEASE_TTL_SECONDS": "nan"},
        {"LINK_TTL_SECONDS": "-1"},
        {"WEBHOOK_ALLOW_HOSTS": "localhost"},
        {"WEBHOOK_RETRY_SECONDS": "5,,300"},
        {"WEBHOOK_RETRY_SECONDS": "5,0"},
        {"WEBHOOK_RETRY_SECONDS": "nan"},
        {"WEBHOOK_RETRY_SECONDS": "1" + ",1" * 100},
        {"DATABASE_URL": "mysql://localhost/linkpool"},
        {"DATABASE_URL": "sqlite:///"},
        {"PUBLIC_URL": "ftp://example.com"},
        {"PUBLIC_URL": "https://example.com/?a=1"},
    ],
    ids=str,
)
def test_a_wrong_value_is_named(changes: dict[str, Any]) -> None:
    assert next(iter(changes)) in problems(**changes)[0]


def test_every_field_says_why_and_by_which_name_it_is_set() -> None:
    source = Path(config.__file__).read_text(encoding="utf-8")
    for field in fields(FunctionsConfig):
        _, _, after = source.partition(f"    {field.name}: ")
        docstring = after.split('"""')[1]
        assert field.name.upper().split("_")[0] in docstring.upper()
