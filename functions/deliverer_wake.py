"""Wakes the deliverer where it is a Lambda that sleeps: after a request that owed somebody a webhook.

Rule: only the fast path, after the answer is made. A wake-up that fails is made good by the schedule within a
minute, so it is logged and never an error of the request.
"""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)

WITHIN_SECONDS = 2
"""Lambda takes an asynchronous call within 20 ms, or something is wrong with it."""


class DelivererWake:
    """One for each Lambda. `owed` is called inside transactions, `wake` when the request is over."""

    def __init__(self, function: str) -> None:
        self._function = function
        self._is_owed = False
        self._client: Any = None

    def owed(self) -> None:
        """Something is owed; if the transaction fails after all, the deliverer looks once in vain."""
        self._is_owed = True

    def wake(self) -> None:
        """Invoke the deliverer, without waiting for it, when something has become owed."""
        if not self._is_owed:
            return
        self._is_owed = False
        try:
            self._lambda().invoke(FunctionName=self._function, InvocationType="Event", Payload=b"{}")
        except Exception as error:  # of boto3, which has many, made at run time
            log.warning("deliverer_not_woken", extra={"function": self._function, "error": str(error)})

    def _lambda(self) -> Any:
        if self._client is None:
            import boto3  # 300 ms of CPU: spent on the first event, not on every cold start
            from botocore.config import Config

            once = Config(
                connect_timeout=WITHIN_SECONDS, read_timeout=WITHIN_SECONDS, retries={"max_attempts": 0}
            )
            self._client = boto3.client("lambda", config=once)
        return self._client
