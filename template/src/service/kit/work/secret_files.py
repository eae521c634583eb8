# kit: updated by the template; extend it from app.py
"""Secrets in files, as a container gets them mounted: read anew when the file changes.

`DATABASE_URL_FILE=/run/secrets/database` sets DATABASE_URL to what is in that file.
"""

import os
import time
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import structlog
from pydantic import SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from service.kit.work import metrics

log = structlog.get_logger()

SUFFIX = "_FILE"
"""Ends the name of a variable that has the path of a file with the value."""

LOOK_INTERVAL = 1.0
"""Seconds between two looks at a file that is in use."""

MAX_SECRET_BYTES = 65_536
"""More than any secret has: a path to something else, like a log, is refused."""


class SecretFile(SecretStr):
    """The secret in the file that `variable` names. Its value follows the file.

    Each use checks the file, at most once a second. If it cannot be read, or `field` does not
    accept what is in it, the last good value stays in use, and the log says so.
    """

    def __init__(self, variable: str, path: str, field: FieldInfo) -> None:
        self.variable = variable
        self.path = path
        self.field = field
        self.refusal = ""
        self.seen = self.look()
        super().__init__(read_secret(variable, path))

    def get_secret_value(self) -> str:
        if time.monotonic() - self.looked_at >= LOOK_INTERVAL:
            self.refresh()
        return self._secret_value

    def look(self) -> tuple[int, ...]:
        """Return a fingerprint of the file: another one when a link leads elsewhere."""
        self.looked_at = time.monotonic()
        try:
            status = os.stat(self.path)
        except OSError:
            return (0,)
        return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size

    def refresh(self) -> None:
        """Take what is in the file now."""
        seen = self.look()
        if seen == self.seen:
            return
        try:
            text = read_secret(self.variable, self.path)
            check_secret(text, self.field)
        except ValueError as error:
            self.seen = ()  # the reason may lie elsewhere: in permissions, or in another file
            refusal = f"{error}. The last good value stays in use. Correct the file."
            if refusal == self.refusal:
                return
            self.refusal = refusal
            outcome = "refused"
            log.error("secret not changed", variable=self.variable, error=refusal)
        else:
            self.seen = seen
            self.refusal = ""
            if text == self._secret_value:
                return
            self._secret_value = text
            outcome = "taken"
            log.info("secret changed", variable=self.variable)
        metrics.get_metrics().secret_changes.labels(self.variable, outcome).inc()


def read_secret(variable: str, path: str) -> str:
    """Return what is in the file that a variable names, without newlines at its end.

    Raises ValueError, which says what is wrong, and never what the file contains.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path!r} cannot be read: {error.strerror}") from None
    if len(content) > MAX_SECRET_BYTES:
        raise ValueError(f"{path!r} has more than {MAX_SECRET_BYTES:,} bytes, so it is no secret")
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path!r} is not UTF-8") from None
    if not text.strip():
        raise ValueError(f"{path!r} is empty")
    beginning = f"{variable.removesuffix(SUFFIX)}="
    if text.startswith(beginning):
        raise ValueError(f"{path!r} begins with {beginning}; write the value alone")
    return text


def check_secret(text: str, field: FieldInfo) -> None:
    """Raise ValueError unless a field of the settings accepts a secret."""
    annotation: Any = field.annotation
    annotated: Any = Annotated[annotation, field]  # pyright: ignore[reportInvalidTypeForm]
    try:
        TypeAdapter(annotated).validate_python(SecretStr(text))
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def open_secret(name: str, field: FieldInfo) -> SecretFile | ValueError | None:
    """Return the secret of a variable if it comes from a file, or why that cannot be read."""
    path = os.environ.get(name + SUFFIX)
    if not path or not is_secret(field.annotation):
        return None
    if os.environ.get(name):
        return ValueError(f"{name} is set as well; unset one of them")
    try:
        return SecretFile(name + SUFFIX, path, field)
    except ValueError as error:
        return error


def is_secret(annotation: Any) -> bool:
    """Return whether a field of this type has a secret, if only an optional one."""
    annotation = getattr(annotation, "__value__", annotation)  # of `type Key = …`
    if get_origin(annotation) in (Annotated, Union, UnionType):
        return any(is_secret(part) for part in get_args(annotation))
    return annotation is SecretStr
