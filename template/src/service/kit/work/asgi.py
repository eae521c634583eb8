# kit: updated by the template; extend it from app.py
"""ASGI: the types of applications, messages and headers."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from service.kit.renamed import find_renamed

type Scope = MutableMapping[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]

type Headers = list[tuple[bytes, bytes]]
"""Headers as ASGI has them: pairs of lower-case name and value. A name may be repeated."""

type Fields = dict[bytes, bytes]
"""Headers by name, each once."""

__getattr__ = find_renamed(__name__)
