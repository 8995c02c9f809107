"""Every setting that a process reads stands in .env.example, and nothing else does."""

import re

from deploy.env_files import SECRET_NAMES, read_env_file
from deploy.settings import ROOT

READERS = (
    "browser_pool/config.py",
    "browser_pool/setting_reader.py",
    "deploy/registry_mirror.py",
    "deploy/settings.py",
    "functions/config.py",
    "functions/gunicorn_conf.py",
    "storage/number_keys.py",
    "storage/private_tls.py",
)
NOT_SETTINGS = {"PATH", "PYTHONUNBUFFERED", "SSL_CERT_FILE", "SSL_CERT_DIR"}
AMAZONS = "AWS_"
"""Amazon documents its own variables."""


def test_every_setting_is_documented() -> None:
    sources = "".join((ROOT / path).read_text() for path in READERS)
    read = set(re.findall(r"[\"']([A-Z][A-Z0-9]*_[A-Z0-9_]+|REGION)[\"']", sources)) | set(SECRET_NAMES)
    ours = {name for name in read - NOT_SETTINGS if not name.startswith(AMAZONS)}
    assert set(read_env_file(ROOT / ".env.example")) == ours
