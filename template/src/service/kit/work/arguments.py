# kit: updated by the template; extend it from app.py
"""Finds the arguments of functions by type: those of routes, access checks, jobs and providers.

app.py provides objects, which are the same for all requests, and providers: functions whose result
is made for each request or job that asks for it, and once for each. Where an argument comes from
is decided once, at start.
"""

import inspect
from collections.abc import Callable, Iterable
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    NamedTuple,
    TypeAliasType,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import msgspec

type Function = Callable[..., Any]
type Reader = Callable[..., object]
"""Reads an argument from a request or a job: it is passed what `Call.run` is."""

type FindReader = Callable[[str, Any], Reader | None]
"""Returns the reader for a parameter of this name and type, if there is one."""

TOO_WIDE = ("builtins", "collections.abc", "typing")
"""Modules whose types are no sign of a provider: half of all parameters are texts and numbers."""


class Provider(NamedTuple):
    """A function of app.py, and the type of what it returns."""

    function: Function
    kind: Any
    may_be_none: bool


class Provided:
    """What app.py provides. Raises TypeError for a function that does not say what it returns."""

    def __init__(self, provide: Iterable[object]) -> None:
        items = [*provide]
        self.objects = [item for item in items if not inspect.isroutine(item)]
        self.providers = [read_provider(item) for item in items if inspect.isroutine(item)]

    def find(self, kind: Any) -> list[object]:
        """Return the objects that are of a type, and the providers of exactly this type."""
        base = get_origin(kind) or kind
        found: list[object] = [provider for provider in self.providers if provider.kind == kind]
        if isinstance(base, type) and base is not Any and not is_typeddict(base):
            found += [item for item in self.objects if isinstance(item, base)]
        return found


class Call:
    """A function with the sources of its arguments."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.fixed: dict[str, object] = {}
        self.readers: dict[str, Reader] = {}
        self.providers: dict[str, Call] = {}

    async def run(self, *work: Any) -> Any:
        """Call the function, async or not, for a request or a job.

        `work` is passed to readers. Its first part is a dict, which keeps what providers return.
        """
        values = {name: read(*work) for name, read in self.readers.items()}
        values |= await self.provide(*work)
        result = self.function(**self.fixed, **values)
        return await result if inspect.isawaitable(result) else result

    async def provide(self, *work: Any) -> dict[str, object]:
        """Return what providers make for this function, or made before for the same work."""
        made: dict[Function, object] = work[0].setdefault("provided", {})
        for provider in self.providers.values():
            if provider.function not in made:
                made[provider.function] = await provider.run(*work)
        return {name: made[provider.function] for name, provider in self.providers.items()}


class Binder:
    """Binds functions to what app.py provides, and to what `find_reader` finds."""

    def __init__(self, provided: Provided, find_reader: FindReader) -> None:
        self.provided = provided
        self.find_reader = find_reader
        self.unfinished: list[Function] = []

    def bind(self, function: Function, /, **given: Reader) -> Call:
        """Return a function with all of its arguments, some of them given. Raises TypeError."""
        call = Call(function)
        call.readers |= given

        def bind_parameter(parameter: inspect.Parameter, hint: Any) -> None:
            name = parameter.name
            if name not in given and not self.fill(call, name, hint):
                raise TypeError("nothing is of this type; add it to what app.py provides")

        bind_parameters(function, bind_parameter)
        return call

    def fill(self, call: Call, name: str, hint: Any) -> bool:
        """Find one argument. Return whether there is one; raises TypeError if there are several."""
        reader = self.find_reader(name, hint)
        if reader:
            call.readers[name] = reader
            return True
        kind, takes_none = split_none(hint)
        offers = self.provided.find(kind)
        if len(offers) > 1:
            raise TypeError(f"app.py provides {len(offers)} of them; give each a class of its own")
        for offer in offers:
            if not isinstance(offer, Provider):
                call.fixed[name] = offer
            elif offer.may_be_none and not takes_none:
                advice = f"write `{name}: {inspect.formatannotation(kind)} | None`"
                maker = name_function(offer.function)
                raise TypeError(f"{maker} may return None; {advice}, or raise a Problem there")
            else:
                call.providers[name] = self.bind_provider(offer.function)
        return bool(offers)

    def bind_provider(self, function: Function) -> Call:
        if function in self.unfinished:
            circle = " → ".join(map(name_function, [*self.unfinished, function]))
            raise TypeError(f"providers ask for each other: {circle}")
        self.unfinished.append(function)
        call = self.bind(function)
        self.unfinished.pop()
        return call


def bind_parameters(function: Function, bind: Callable[[inspect.Parameter, Any], None]) -> None:
    """Bind each parameter, by its type. Raises TypeError with the function and the parameter."""
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        is_plain = parameter.annotation is parameter.empty
        try:
            if parameter.kind is parameter.POSITIONAL_ONLY:
                raise TypeError("arguments are passed by name; leave out the `/`")
            bind(parameter, Any if is_plain else parameter.annotation)
        except TypeError as error:
            where = f"{name_function(function)}, parameter `{parameter}`"
            raise type(error)(f"{where}: {error}") from None


def read_provider(function: Function) -> Provider:
    """Return a provider with the type of what it returns."""
    hint = get_type_hints(function, include_extras=True).get("return", Any)
    kind, may_be_none = split_none(hint)
    base = get_origin(kind) or kind
    if getattr(base, "__module__", "") in TOO_WIDE:
        advice = "annotate it with what it returns: a class of your own, or that `| None`"
        raise TypeError(f"app.py provides {name_function(function)}; {advice}")
    return Provider(function, kind, may_be_none)


def name_function(function: Any) -> str:
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{function.__module__}.{name}"


def split_none(hint: Any) -> tuple[Any, bool]:
    """Return a type without its alias, its constraints and None, and whether it had None."""
    if isinstance(hint, TypeAliasType):
        return split_none(hint.__value__)
    origin = get_origin(hint)
    parts = [part for part in get_args(hint) if part is not NoneType]
    had_none = origin in (Union, UnionType) and len(parts) < len(get_args(hint))
    if origin is Annotated or (had_none and len(parts) == 1):
        kind, is_optional = split_none(parts[0])
        return kind, had_none or is_optional
    return hint, had_none


def unwrap_type(hint: Any) -> Any:
    """Return a type without its alias, its constraints, and None."""
    kind, _ = split_none(hint)
    return kind


def is_struct(kind: Any) -> bool:
    kind = get_origin(kind) or kind
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
