"""The environment of a node: every problem at once, no default for a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from browser_pool.config import OnStop, PoolConfig
from storage.errors import ConfigError

SECRET = {"POOL_SECRET": "0123456789abcdef" * 2}


def test_defaults_point_at_the_real_site_and_this_machine() -> None:
    config = PoolConfig.from_env(SECRET)
    assert config.whatsapp_web_url == "https://web.whatsapp.com/"
    assert (config.pool_port, config.functions_url) == (8100, "http://127.0.0.1:8000")
    assert config.start_concurrency == 3
    assert config.on_stop is OnStop.CLOSE
    assert config.chromium_sandbox
    assert config.data_dir == Path("data").absolute()


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        PoolConfig.from_env(
            {"POOL_PORT": "99999", "ON_STOP": "maybe", "QR_TIMEOUT_SECONDS": "soon", "POOL_URL": "ftp://x"}
        )
    told = str(error.value)
    for name in ("POOL_SECRET", "POOL_PORT", "ON_STOP", "QR_TIMEOUT_SECONDS", "POOL_URL"):
        assert name in told


@pytest.mark.parametrize("secret", ["", "short", "change-me-change-me-change-me-change-me"])
def test_no_process_starts_with_a_guessable_secret(secret: str) -> None:
    with pytest.raises(ConfigError, match="POOL_SECRET"):
        PoolConfig.from_env({"POOL_SECRET": secret})


def test_the_first_qr_may_take_no_longer_than_a_scan() -> None:
    config = PoolConfig.from_env({**SECRET, "QR_TIMEOUT_SECONDS": "5"})
    assert config.first_qr_timeout.total_seconds() == 5
