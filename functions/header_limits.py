"""How large and how many header fields may be, said by name. The server in front refuses what is absurd."""

from __future__ import annotations

from flask import request

from functions.problems import FieldError, Problem


def check_headers(largest: int, most: int) -> None:
    """Raises Problem."""
    number = 0
    for name, value in request.headers:
        number += 1
        if len(name) + len(value) > largest:
            message = f"has {len(value)} bytes; with its name it may have {largest}"
            error = FieldError(field=name[:100], message=message)
            raise Problem(431, "headers_too_large", f"{name[:100]}: {message}", [error])
    if number > most:
        raise Problem(431, "headers_too_large", f"there are {number} header fields; send at most {most}")
