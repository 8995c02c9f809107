"""What passes for a secret, in every process that has one."""

import re
import secrets
from pathlib import Path

import pytest

from browser_pool.config import PoolConfig
from deploy.settings import ROOT
from functions.config import FunctionsConfig
from storage.errors import ConfigError
from storage.secret_rules import problems_of, split_secrets

GOOD = "5e1f0c7a" * 8
NEW = "b7d94e20" * 8
FIX = "openssl rand -hex 32"
FUNCTIONS = {"POOL_SECRET": GOOD, "SECRET_KEY": NEW}
POOL = {"POOL_SECRET": GOOD}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "is missing"),
        (" , ,", "is missing"),
        ("5e1f0c7a", "at least 32 characters"),
        ("a" * 64, "example"),
        ("changeme" * 8, "example"),
        ("CHANGE-ME-please-0123456789abcdefghi", "example"),
        ("secret-0123456789abcdef0123456789abcdef", "example"),
        ("your-secret-key-0123456789abcdef012345", "example"),
        ("<openssl rand -hex 32 makes one of these>", "example"),
        ("${POOL_SECRET:-0123456789abcdef0123456}", "example"),
        ("geheim ist dieser Schlüssel 0123456789", "ASCII"),
        (f"{GOOD},5e1f0c7a", "(secret 2 of 2) must have at least 32"),
        (f"{GOOD},{GOOD}", "twice"),
        (",".join(secrets.token_hex(32) for _ in range(4)), "at most 3"),
    ],
)
@pytest.mark.parametrize(
    ("process", "name"),
    [(FunctionsConfig, "POOL_SECRET"), (FunctionsConfig, "SECRET_KEY"), (PoolConfig, "POOL_SECRET")],
    ids=["functions", "functions-links", "pool"],
)
def test_no_process_starts_with_a_secret_that_is_none(
    process: type[FunctionsConfig | PoolConfig], name: str, value: str, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        process.from_env({**FUNCTIONS, name: value})
    (problem,) = refused.value.problems
    assert problem.startswith(name)
    assert said in problem
    assert FIX in problem or "comma" in problem or "leave one out" in problem
    assert not value or value not in str(refused.value)


@pytest.mark.parametrize("key", ["c2hvcnQ=", "A" * 43 + "=", "not base64 at all, but long enough, 123"])
def test_a_snapshot_key_that_is_none_is_refused(key: str) -> None:
    from storage.key_wrap import key_wrap_from

    with pytest.raises(ConfigError, match="SNAPSHOT_KEY") as refused:
        key_wrap_from(key)
    assert "openssl rand -base64 32" in str(refused.value)


def test_what_openssl_makes_is_a_secret() -> None:
    assert all(problems_of("POOL_SECRET", secrets.token_hex(32)) == [] for _ in range(1000))
    assert all(problems_of("POOL_SECRET", secrets.token_urlsafe(32)) == [] for _ in range(1000))


def test_of_two_secrets_the_first_signs() -> None:
    config = FunctionsConfig.from_env({"POOL_SECRET": f"{GOOD}, {NEW}", "SECRET_KEY": NEW})
    assert (config.pool_secret, config.pool_secrets) == (GOOD, (GOOD, NEW))
    assert PoolConfig.from_env({"POOL_SECRET": f"{NEW},{GOOD}"}).pool_secret == NEW
    assert split_secrets("") == ("",)


def test_no_document_of_ours_holds_a_secret_that_would_be_taken() -> None:
    """What is copied from a document must not start."""
    documents = [ROOT / ".env.example", *ROOT.glob("*.md"), *Path(ROOT / "docs").glob("*.md")]
    for path in documents:
        for name, value in re.findall(
            r"\b(POOL_SECRET|SECRET_KEY|SNAPSHOT_KEY)=['\"]?([^\s'\"`$]{8,})", path.read_text()
        ):
            assert problems_of(name, value), f"{path.name} shows a {name} that would be taken"
