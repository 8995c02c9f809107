"""Lambda: the operator's command line, for a registry that only Lambdas reach. A composition root.

Rule: IAM decides who may invoke it, and no address leads to it. It takes {"argv": ["workspaces", "list"]}.
"""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from storage import logs
from storage.cli import main

logs.configure()


def handler(event: object, context: object) -> dict[str, Any]:
    """Exit code and output of one command. Secrets that it makes are in the answer, not in the log."""
    argv = event.get("argv") if isinstance(event, dict) else None
    if not isinstance(argv, list) or not all(isinstance(one, str) for one in argv):
        return {
            "exit_code": 2,
            "stdout": "",
            "stderr": 'send {"argv": ["registry", "migrate"]}, for example\n',
        }
    output, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        code = _run(argv)
    return {"exit_code": code, "stdout": output.getvalue(), "stderr": errors.getvalue()}


def _run(argv: list[str]) -> int:
    try:
        main(argv)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    return 0
