# kit: updated by the template; extend it from app.py
"""Slow clients: the seven places that cut them off, and what they are told.

| a client is slow to | it is cut off in | by |
|---|---|---|
| send its headers, or a next request | `http_server.py`: `make_server` | `SERVER_IDLE_TIMEOUT` |
| send its body | `bodies.py`: `Bodies.read_body` | `EDGE_BODY_GRACE`, `EDGE_BODY_RATE` |
| send an upload | `uploads.py`: `IncomingUpload.receive` | these two, and `EDGE_STALL_TIMEOUT` |
| read a stream | `response.py`: `Exchange.send_bytes` | `EDGE_STALL_TIMEOUT` |
| read a WebSocket | `sockets.py`: `Socket.send_message` | `EDGE_STALL_TIMEOUT` |
| stop sending what was refused | `response.py`: `Exchange.discard_body` | `LINGER_SECONDS` |
| take or acknowledge anything else | `http_server.py`: `limit_sending` | `SERVER_SEND_TIMEOUT` |

The second to fourth are deadlines of `work/limits.py`, like `EDGE_REQUEST_TIMEOUT`, which ends a
slow handler. They cancel the task of the request, and `Edge.serve` raises the problem from here.
"""

from math import inf

from service.kit.edge.response import Exchange
from service.kit.work.problems import Problem


def explain_cut_off(exchange: Exchange) -> Problem:
    """Return the problem for a request that ran out of time."""
    if exchange.status:
        return Problem(504, "stalled", "The client stopped reading the response.")
    if exchange.ends_at == inf:
        return Problem(408, "too-slow", "The body arrived too slowly.")
    detail = "The request took too long. Check whether it took effect before retrying."
    return Problem(504, "timeout", detail)
