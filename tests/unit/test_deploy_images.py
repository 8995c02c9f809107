"""The images hold what they need and no more, and what runs in them is not root.

Nothing is built here: their steps are read, and every file, pin and import in them is looked for.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from fnmatch import fnmatch
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

from deploy.settings import ROOT
from tests.dockerfile import Stage, read_dockerfile

DOCKERFILES = sorted((ROOT / "deploy" / "docker").glob("*.Dockerfile"))
PACKAGES = {"functions": ("functions", "storage"), "pool": ("browser_pool", "storage")}
NOT_IN_IMAGE = {
    "functions": {"apig_wsgi"},  # for Lambda, whose package has its own list
    "pool": {"psycopg"},  # storage's door to PostgreSQL; a node has no registry
}
HADOLINT = Path(sys.executable).with_name("hadolint")


def image_of(path: Path) -> str:
    return path.name.partition(".")[0]


def pins(path: Path) -> dict[str, str]:
    found = re.findall(r"(?m)^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==(\S+)", path.read_text())
    return {name.lower(): version for name, version in found}


def copied(stage: Stage) -> list[str]:
    return [
        source
        for one in stage.all("COPY")
        if not one.words[0].startswith("--from=")
        for source in one.words[:-1]
    ]


@pytest.fixture(params=DOCKERFILES, ids=image_of)
def dockerfile(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_there_is_an_image_for_each_part() -> None:
    assert {image_of(path) for path in DOCKERFILES} == set(PACKAGES)


def test_hadolint_finds_nothing(dockerfile: Path) -> None:
    done = subprocess.run([HADOLINT, dockerfile], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_everything_that_is_copied_is_there_and_reaches_the_builder(dockerfile: Path) -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    stages = read_dockerfile(dockerfile)
    for number, stage in enumerate(stages):
        for source in copied(stage):
            assert (ROOT / source).exists(), source
            assert source in let_in, f"{source} is not let in by .dockerignore"
        for one in stage.all("COPY"):
            name = one.words[0].removeprefix("--from=")
            assert name == one.words[0] or name in {earlier.name for earlier in stages[:number]}


def test_nothing_private_reaches_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = [line[1:] for line in lines if line.startswith("!")]
    for private in (".env", ".git", "data", ".venv", "tests"):
        assert not any(fnmatch(private, rule) for rule in let_in), private
    assert set(let_in) == {
        source for path in DOCKERFILES for stage in read_dockerfile(path) for source in copied(stage)
    }


def test_packages_are_those_of_every_other_installation_with_their_hashes(dockerfile: Path) -> None:
    builder = read_dockerfile(dockerfile)[0]
    (install,) = [one.text for one in builder.all("RUN") if "pip install" in one.text]
    asked = re.search(r"--require-hashes -r (\S+)", install)
    assert asked is not None
    assert copied(builder) == [asked[1]]
    ours, everywhere = pins(ROOT / asked[1]), pins(ROOT / "requirements.txt")
    assert len(ours) > 10
    assert {name: everywhere.get(name) for name in ours} == ours


def test_everything_that_is_imported_in_an_image_is_installed_in_it(dockerfile: Path) -> None:
    image = image_of(dockerfile)
    parts = PACKAGES[image]
    assert set(parts) <= set(copied(read_dockerfile(dockerfile)[-1]))
    installed = set(pins(ROOT / f"requirements-{image}.txt"))
    distributions = metadata.packages_distributions()
    missing = set()
    for path in (found for part in parts for found in (ROOT / part).rglob("*.py")):
        for name in imported(path) - sys.stdlib_module_names - set(parts) - NOT_IN_IMAGE[image]:
            names = {re.sub(r"[_.]", "-", one.lower()) for one in distributions.get(name, [name])}
            if not names & installed:
                missing.add(f"{path.relative_to(ROOT)}: {name}")
    assert missing == set()


def imported(path: Path) -> set[str]:
    """The packages that a module imports when it runs."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names if name}


def test_functions_know_nothing_of_playwright_and_a_node_nothing_of_flask() -> None:
    assert not {"playwright", "aiohttp"} & set(pins(ROOT / "requirements-functions.txt"))
    assert not {"flask", "gunicorn", "psycopg"} & set(pins(ROOT / "requirements-pool.txt"))


def test_it_runs_as_nobody_under_an_init_process_and_says_how_it_is(dockerfile: Path) -> None:
    final = read_dockerfile(dockerfile)[-1]
    assert final.last("USER").text == "10001:10001"
    assert final.last("ENTRYPOINT").words == ["tini", "--"]
    command = final.last("HEALTHCHECK").text.partition("CMD ")[2]
    assert "deploy/docker/probe.py" in command
    assert "/livez" in command
    assert any("install --directory --owner=10001" in one.text for one in final.all("RUN"))
    assert final.environ["DATA_DIR"].startswith("/var/lib/linkpool/")


def test_what_it_starts_exists(dockerfile: Path) -> None:
    words = read_dockerfile(dockerfile)[-1].last("CMD").words
    if words[:2] == ["python", "-m"]:
        assert find_spec(words[2]) is not None
    else:
        assert words == ["gunicorn", "-c", "functions/gunicorn_conf.py", "functions.app:create_app()"]
        assert (ROOT / words[2]).is_file()
