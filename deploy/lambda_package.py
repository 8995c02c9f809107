"""`python -m deploy.lambda_package [OUTPUT]`: the functions as one archive for AWS Lambda.

Rule: the same commit and the same minor version of Python give the same bytes, on every machine: pinned
wheels for Lambda's platform, names sorted, times fixed. What only the browser pool needs stays out.

Bytecode is in it: Lambda's disk is read-only, and a cold start that compiles first takes three times the CPU.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "dist" / "functions.zip"
REQUIREMENTS = "requirements-lambda.txt"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The one that compiles here. Lambda has 3.11 to 3.14; serverless.yml reads the archive's from RUNTIME."""

RUNTIME = "runtime.json"
"""Beside the archive."""

ON_LAMBDA = "/var/task"
"""Where tracebacks will find the sources."""

PLATFORMS = ("manylinux_2_28_{machine}", "manylinux2014_{machine}", "manylinux_2_17_{machine}")
"""Of wheels that run on Amazon Linux 2023 (glibc 2.34)."""

SOURCES = ("functions", "storage", "templates")

NOT_FOR_FUNCTIONS = (
    "storage/sealing.py",
    "storage/key_wrap.py",
    "storage/kms_key_wrap.py",
    "storage/keyring.py",
    "storage/capture*.py",
    "storage/profile_*.py",
    "storage/pack_plan.py",
    "storage/manifest.py",
    "storage/vault.py",
    "storage/snapshot_*.py",
    "storage/session_objects.py",
    "storage/object*.py",
    "storage/directory_*.py",
    "storage/s3_errors.py",
    "storage/drill_process.py",
    "storage/registry_rebuild.py",
    "storage/cli_restore.py",
    "storage/cli_rebuild.py",
    "storage/cli_snapshot*.py",
    "storage/cli_vault.py",
    "functions/gunicorn_conf.py",
)
"""Patterns of files that only nodes and gunicorn use."""

LEFT_OUT = (
    "*/tests/*",
    "*.dist-info/RECORD",
    "*.dist-info/direct_url.json",
    "bin/*",
)
"""Of packages: what differs between two installations, and what nobody imports."""

NOT_ASKED_FOR = ("phonenumbers/geodata", "phonenumbers/carrierdata", "phonenumbers/tzdata")
"""Where a number is from and whose it is: half of the archive, and imported by nobody here."""

_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip can name."""


class PackageFailed(Exception):
    """The archive was not written; the message says why."""


def build(output: Path, *, python: str = PYTHON, machine: str = "x86_64") -> Path:
    """Write the archive. Raises PackageFailed."""
    with tempfile.TemporaryDirectory(prefix="linkpool-lambda-") as directory:
        content = Path(directory) / "content"
        _install(content, python, machine)
        for name in NOT_ASKED_FOR:
            shutil.rmtree(content / name)
        _copy_sources(content)
        if python == PYTHON:
            _compile(content)
        output.parent.mkdir(parents=True, exist_ok=True)
        unfinished = output.with_suffix(".partial")
        _write(content, unfinished)
        unfinished.replace(output)
        output.with_name(RUNTIME).write_text(json.dumps({"runtime": f"python{python}"}) + "\n")
    return output


def _install(content: Path, python: str, machine: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--require-hashes", "--no-deps", "--no-compile", "--only-binary", ":all:"]
    command += ["--implementation", "cp", "--python-version", python, "--target", str(content)]
    for platform in PLATFORMS:
        command += ["--platform", platform.format(machine=machine)]
    done = subprocess.run(
        [*command, "-r", REQUIREMENTS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise PackageFailed(f"pip could not install {REQUIREMENTS}:\n{done.stderr[-2000:]}")


def _copy_sources(content: Path) -> None:
    for source in source_files():
        target = content / source
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, target)


def _compile(content: Path) -> None:
    """By hash and unchecked: times are fixed, and nobody changes a file there."""
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(content), "-p", ON_LAMBDA, str(content)]
    done = subprocess.run(command, env={"PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PackageFailed(f"what was installed does not compile:\n{(done.stdout + done.stderr)[-2000:]}")


def source_files() -> Iterator[Path]:
    """Our own files that go into the archive, relative to the root."""
    for name in SOURCES:
        for path in sorted((ROOT / name).rglob("*")):
            relative = path.relative_to(ROOT)
            compiled = "__pycache__" in relative.parts or relative.suffix == ".pyc"
            if path.is_file() and not compiled and not _matches(relative, (*NOT_FOR_FUNCTIONS, *LEFT_OUT)):
                yield relative


def _matches(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(path.match(pattern) for pattern in patterns)


def _write(content: Path, output: Path) -> None:
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(path for path in content.rglob("*") if path.is_file()):
            relative = path.relative_to(content)
            if _matches(relative, LEFT_OUT) or relative.parts[0] == "bin" or "tests" in relative.parts[:-1]:
                continue
            entry = zipfile.ZipInfo(relative.as_posix(), _FIXED_TIME)
            entry.external_attr = (0o100755 if path.suffix == ".so" else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, or the modes are not read
            archive.writestr(entry, path.read_bytes())


def main() -> None:
    """Build, and say how large it is."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.lambda_package", description=__doc__.splitlines()[0]
    )
    parser.add_argument("output", nargs="?", type=Path, default=OUTPUT)
    parser.add_argument("--python", default=PYTHON, help=f"version of Lambda's Python ({PYTHON})")
    parser.add_argument("--machine", default="x86_64", choices=("x86_64", "aarch64"))
    chosen = parser.parse_args()
    try:
        output = build(chosen.output, python=chosen.python, machine=chosen.machine)
    except PackageFailed as error:
        sys.exit(str(error))
    with zipfile.ZipFile(output) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    size = f"{output.stat().st_size / 1e6:.1f} MB, {unpacked / 1e6:.1f} MB unpacked"
    print(f"{output}: {size}, Python {chosen.python}")
    if chosen.python != PYTHON:
        print(
            f"no bytecode in it, because this is Python {PYTHON}: cold starts will take three times the CPU"
        )


if __name__ == "__main__":
    main()
