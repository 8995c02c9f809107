"""The named queries."""

import ast
from pathlib import Path

import pytest

from storage.queries import QUERIES, parse_queries

ROOT = Path(__file__).parent.parent.parent


def test_every_query_is_one_statement() -> None:
    assert all(";" not in statement for statement in QUERIES.values())


def test_every_query_is_used_and_every_used_one_exists() -> None:
    used = {
        node.args[0].value
        for path in (ROOT / "storage").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"one", "all", "run"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert used == set(QUERIES)


@pytest.mark.parametrize(
    "text", ["-- name: a\nSELECT 1", "-- name: a\n-- One.\nSELECT 1;\n-- name: a\n-- Two.\nSELECT 2"]
)
def test_a_query_without_a_purpose_or_with_a_taken_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="query a"):
        parse_queries(text)
