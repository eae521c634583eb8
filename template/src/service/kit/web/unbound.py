# kit: updated by the template; extend it from app.py
"""Says what to write in place of what FastAPI understands, and this service does not."""

import inspect
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any, get_args, get_origin, is_typeddict

from pydantic import BaseModel

from service.kit.work.arguments import unwrap_type

FORM = "write `form: Form[NewPicture]`, a Struct whose files are fields of the type Upload"
META = "write its limits as `Annotated[int, Meta(ge=1)]`, and its default alone"

INSTEAD: Mapping[str, str] = {
    "BackgroundTasks": "enqueue a job: `await enqueue(connection, job, argument)`",
    "Body": "leave it out: a Struct is the body",
    "Cookie": "read it from `request: Request`",
    "Depends": "add its function to `provide` in app.py, and ask for the type that it returns",
    "File": FORM,
    "Form": FORM,
    "Header": "read it from `request: Request`",
    "Path": META,
    "Query": META,
    "Response": "return `Reply(body, status, headers)`",
    "Security": "write `access=Needs('admin')` on the route, and ask for `caller: Caller`",
    "UploadFile": FORM,
    "dependencies": "write `access=`, or ask for what app.py provides",
    "description": "write it into the docstring of the function",
    "response_model": "annotate the function with what it returns",
    "status_code": "write `status=`",
    "tags": "give them to Routes",
}
"""What to write, by the name of a class or an option of FastAPI."""


def advise_on_parameter(parameter: inspect.Parameter, hint: Any) -> str | None:
    """Return what to write for a parameter that nothing fills, if it tells what was meant."""
    kind = unwrap_type(hint)
    for part in (kind, type(parameter.default), *map(type, get_args(hint))):
        is_foreign = getattr(part, "__module__", "").startswith(("fastapi.", "starlette."))
        if is_foreign and part.__name__ in INSTEAD:
            return INSTEAD[part.__name__]
    if get_origin(kind) in (set, frozenset, tuple):
        return "write a list; it may be given several times in the query string"
    advice = f"a body is a Struct of msgspec: `class {getattr(kind, '__name__', '')}(Struct)`"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"{advice}; a group of settings belongs into `provide` in app.py"
    return advice if is_dataclass(kind) or is_typeddict(kind) else None
