# kit: updated by the template; extend it from app.py
"""The base of all other packages: the current request or job, its limits, and its problems.

`context.py` has the current request or job; `limits.py` ends what takes too long, records where
time goes, and bounds how many run and wait at once. `problems.py` has the errors that clients see,
`command_error.py` the one of commands. `asgi.py`, `headers.py`, `addresses.py` and `responses.py`
have what all packages need of HTTP. `metrics.py`, `tracing.py` with `traces.py`, and `batch.py`
report what happened; `options.py` and `cores.py` help with settings, `resources.py` and
`arguments.py` with what app.py opens and provides. `times.py` gives times in JSON one form. It
imports no other package.
"""

from service.kit.renamed import find_renamed
from service.kit.work import asgi, responses
from service.kit.work.command_error import CommandError
from service.kit.work.context import request_id
from service.kit.work.limits import Span, time_left
from service.kit.work.options import Seconds
from service.kit.work.tracing import configure_traces, trace_headers

__all__ = [
    "CommandError",
    "Seconds",
    "Span",
    "asgi",
    "configure_traces",
    "request_id",
    "responses",
    "time_left",
    "trace_headers",
]

__getattr__ = find_renamed(__name__)
