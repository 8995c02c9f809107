"""The arrows of ARCHITECTURE.md: who may import whom, and one door for every heavy library."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PARTS = ("functions", "browser_pool", "storage", "deploy")

DOORS = {
    "flask": r"functions/.*",
    "gunicorn": r"functions/gunicorn_(conf|worker)\.py",
    "requests": r"functions/(pool_client|guarded_http|webhook_sender)\.py|deploy/http\.py",
    "urllib3": r"functions/guarded_http\.py|storage/s3_errors\.py",
    "standardwebhooks": r"functions/webhook_sender\.py|deploy/.*",
    "phonenumbers": r"functions/phone_\w+\.py",
    "qrcode": r"functions/qr_image\.py|deploy/.*",
    "PIL": r"functions/qr_image\.py",
    "pydantic": r"functions/.*",
    "prometheus_client": r"functions/prometheus\.py|browser_pool/metrics\.py",
    "sqlite3": r"storage/sqlite_database\.py|browser_pool/(pool_db|call_guard|journal|outbox|workshop)\.py",
    "sqlite_utils": r"storage/sqlite_database\.py|browser_pool/(pool_db|call_guard|drill_book|journal|outbox|workshop)\.py",  # noqa: E501
    "playwright": r"browser_pool/.*|deploy/playwright_shell\.py",
    "aiohttp": r"browser_pool/.*|deploy/.*",
    "click": r"storage/cli(_\w+)?\.py",
    "cryptography": r"storage/(derived_key|key_wrap|sealed_number|sealing)\.py",
    "zstandard": r"storage/sealing\.py",
    "psycopg": r"storage/postgres_(connections|database|errors)\.py",
    "apig_wsgi": r"functions/lambda_adapter\.py",
    "boto3": r"storage/(object_s3|kms_key_wrap)\.py|functions/deliverer_wake\.py",
    "botocore": r"storage/(object_s3|s3_errors|kms_key_wrap)\.py|functions/deliverer_wake\.py",
}
"""Library to the files that may know it."""

READS_ENVIRONMENT = (
    r"functions/(app|deliver|gunicorn_conf|lambda_\w+)\.py|storage/cli(_\w+)?\.py"
    r"|browser_pool/(__main__|drill|driver)\.py|deploy/(docker/)?\w+\.py"
)
"""The composition roots; and the driver, which tells its Node process where temporary files go."""


def sources() -> list[Path]:
    return sorted(
        path for part in PARTS for path in (ROOT / part).rglob("*.py") if "node_modules" not in path.parts
    )


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize(
    ("part", "forbidden"),
    [
        ("functions", {"browser_pool", "deploy", "tests"}),
        ("browser_pool", {"functions", "deploy", "tests"}),
        ("storage", {"functions", "browser_pool", "deploy", "tests"}),
    ],
)
def test_no_part_imports_what_it_must_not_know(part: str, forbidden: set[str]) -> None:
    wrong = [
        f"{name(path)} imports {module}"
        for path in sources()
        if name(path).startswith(f"{part}/")
        for module in imports(path)
        if module.split(".")[0] in forbidden
    ]
    assert wrong == []


@pytest.mark.parametrize("library", sorted(DOORS))
def test_a_library_has_one_door(library: str) -> None:
    wrong = [
        name(path)
        for path in sources()
        if library in {module.split(".")[0] for module in imports(path)}
        and not re.fullmatch(DOORS[library], name(path))
    ]
    assert wrong == []


def test_only_composition_roots_read_the_environment() -> None:
    wrong = [
        name(path)
        for path in sources()
        if re.search(r"os\.(environ|getenv)", path.read_text(encoding="utf-8"))
        and not re.fullmatch(READS_ENVIRONMENT, name(path))
    ]
    assert wrong == []


def test_only_the_lifecycle_sets_a_status() -> None:
    """`replace(session, status=…)` stands in one place."""
    setters = [
        name(path)
        for path in sources()
        if name(path).startswith(("functions/", "storage/"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "replace"
        and any(keyword.arg == "status" for keyword in node.keywords)
    ]
    assert setters == ["storage/lifecycle.py"]


def test_every_module_says_what_it_owns() -> None:
    wrong = [
        name(path)
        for path in sources()
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert wrong == []
