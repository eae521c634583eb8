# kit: updated by the template; extend it from app.py
"""Every error of a handler, or of the framework before it, becomes a problem."""

from typing import NoReturn

from litestar import Request
from litestar.exceptions import HTTPException, ValidationException

from service.kit.db import Constraints, explain
from service.kit.edge import InvalidField, Problem


def raise_problem(constraints: Constraints, _: Request, error: Exception) -> NoReturn:
    """Raise the problem that describes an error, or the error itself, which the edge answers with 500."""
    match error:
        case ValidationException():
            raise misfit(error) from None
        case HTTPException():
            raise rejection(error) from None
        case _:
            if problem := explain(error, constraints):
                raise problem from error
            raise error


def misfit(error: ValidationException) -> Problem:
    """Return the problem of parameters that do not fit the handler's signature."""
    faults = [fault for fault in error.extra or () if isinstance(fault, dict)]
    fields = [InvalidField(str(fault.get("key", "")), str(fault["message"])) for fault in faults]
    if any(field.field == "data" for field in fields):
        return Problem(400, "malformed", "The request needs a JSON body.")
    return Problem(422, "invalid", "; ".join(f"{field.field}: {field.detail}" for field in fields), *fields)


def rejection(error: HTTPException) -> Problem:
    """Return the problem of a request that the framework refuses before a handler sees it."""
    known = {
        404: ("not-found", "Nothing is at this path."),
        405: ("method-not-allowed", "This path does not answer that method; the header Allow lists what it answers."),
    }
    kind, detail = known.get(error.status_code, ("rejected", error.detail))
    return Problem(error.status_code, kind, detail, headers=dict(error.headers or {}))
