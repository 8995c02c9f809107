"""Every setting that a process reads stands in .env.example, and nothing else does."""

import re

from deploy.env_files import SECRET_NAMES, read_env_file
from deploy.settings import ROOT

READERS = (
    "browser_pool/config.py",
    "deploy/settings.py",
    "functions/config.py",
    "functions/gunicorn_conf.py",
)
NOT_SETTINGS = {"PATH", "PYTHONUNBUFFERED"}


def test_every_setting_is_documented() -> None:
    sources = "".join((ROOT / path).read_text() for path in READERS)
    read = set(re.findall(r"[\"']([A-Z][A-Z0-9]*_[A-Z0-9_]+|REGION)[\"']", sources)) | set(SECRET_NAMES)
    assert set(read_env_file(ROOT / ".env.example")) == read - NOT_SETTINGS
