# kit: updated by the template; extend it from app.py
"""Makes a function of the team's decide how errors look: `web.build(…, problem=show_error)`.

    class Errors(Struct):
        errors: dict[str, list[str]]

    def show_error(problem: Problem, request_id: str) -> Errors: …

What it is annotated to return is the schema of errors in the description. A `Reply` around it has
another status, or further headers. A subclass of `ProblemDetails` is sent as
`application/problem+json`, anything else as `application/json`.
"""

import inspect
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import structlog

from service.kit.web.binder import Reply
from service.kit.web.inputs import is_described
from service.kit.work.arguments import name_function
from service.kit.work.problems import (
    MEDIA_TYPE,
    EncodedProblem,
    Problem,
    ProblemDetails,
    encode_problem,
)

log = structlog.get_logger()

type ShowProblem = Callable[[Problem, str], object]
"""Returns what clients are sent for a problem of a request with this id."""


class ProblemFormat:
    """How a function shows errors.

    Raises TypeError for one that is not annotated with what it returns.
    """

    def __init__(self, function: ShowProblem) -> None:
        self.function = function
        result = get_type_hints(function).get("return")
        if get_origin(result) is Reply:
            [result] = get_args(result)
        if result is None or inspect.iscoroutinefunction(function) or not is_described(result):
            advice = "write `def show_error(problem: Problem, request_id: str) -> Errors`"
            raise TypeError(f"{name_function(function)}: {advice}, where `Errors` is a Struct")
        self.result: Any = result
        is_details = isinstance(result, type) and issubclass(result, ProblemDetails)
        self.media_type = MEDIA_TYPE if is_details else b"application/json"

    def encode(self, problem: Problem, request_id: str) -> EncodedProblem:
        """Return the response of a problem: the default one, and a log line, if that fails."""
        fields = {**problem.encode_headers(), b"content-type": self.media_type}
        status = problem.status
        try:
            shown = self.function(problem, request_id)
            if isinstance(shown, Reply):
                status = int(HTTPStatus(shown.status or status))
                for name, value in shown.headers.items():
                    fields[name.lower().encode()] = value.encode("latin-1")
                shown = shown.body
            return status, msgspec.json.encode(shown), fields
        except Exception:
            log.exception("the default shape is sent: problem= failed", problem=str(problem))
            return encode_problem(problem, request_id)
