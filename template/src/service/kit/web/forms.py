# kit: updated by the template; extend it from app.py
"""Forms as structs: text becomes fields, as that of a query string does, and files are `Upload`s.

A form without files arrives whole, like JSON. One with files is parsed as it arrives, by
`uploads.py`, and its files are written to disk.
"""

from math import inf
from typing import Annotated, Any, get_args, get_origin

import msgspec

from service.kit.edge.uploads import IncomingUpload
from service.kit.offload.offload import Offload
from service.kit.web.mismatches import MAX_ERRORS, invalid_fields, read_mismatch
from service.kit.web.query_string import QueryString, convert_parameter, split_query_string
from service.kit.web.uploads import (
    MAX_PARTS,
    MULTIPART,
    Parts,
    Upload,
    malformed,
    parse_content_type,
    too_many_parts,
)
from service.kit.work.arguments import Provided, is_struct, unwrap_type
from service.kit.work.asgi import Receive, Scope
from service.kit.work.problems import InvalidField

type Form[Fields] = Annotated[Fields, "form"]
"""The type of a parameter that is a form: `form: Form[NewPicture]`, where that is a struct.

The fields of the struct are what a query string could have, or `Upload`, or `list[Upload]`.
"""

URL_ENCODED = "application/x-www-form-urlencoded"


class FormBody:
    """The form of a route, as `binder.py` reads it.

    Raises a problem: 400 for what is no form, 413 for what is too large, 415 for another media
    type, 422 for fields that do not fit.
    """

    def __init__(self, kind: Any, provided: Provided) -> None:
        if not is_struct(kind):
            raise TypeError("name the struct of its fields, like Form[NewPicture]")
        self.kind = kind
        self.text = QueryString()
        self.files: dict[str, bool] = {}
        """The names of files, and whether there may be several."""
        self.required: list[str] = []
        for field in msgspec.structs.fields(kind):
            self.add_field(field)
        self.takes_upload = bool(self.files)
        self.media_types = [MULTIPART] if self.files else [MULTIPART, URL_ENCODED]
        self.offload = find_offload(provided) if self.files else None

    def add_field(self, field: msgspec.structs.FieldInfo) -> None:
        """Decide how a field is read. Raises TypeError for one that a form cannot have."""
        name = field.encode_name
        kind = unwrap_type(field.type)
        is_list = get_origin(kind) is list
        item = unwrap_type(get_args(kind)[0]) if is_list else kind
        if item is Upload:
            self.files[name] = is_list
        elif is_struct(item) or (get_origin(item) or item) in (dict, list):
            advice = "a form has text, files, and lists of them; send the rest as JSON"
            raise TypeError(f"its field `{name}`: {advice}")
        else:
            self.text.add(name, field.type, field.required, field.default)
        if field.required:
            self.required.append(name)

    async def read(self, scope: Scope, receive: Receive) -> Any:
        sent = SentForm(self, scope.get("upload"))
        media_type, _ = parse_content_type(scope)
        if media_type == URL_ENCODED and not self.files:
            message = await receive()
            body = message.get("body", b"")
            if body.count(b"&") >= MAX_PARTS:
                raise too_many_parts()
            for name, text in split_query_string(decode_text(body)):
                sent.add_text(name, text)
        else:
            async for part in Parts(scope, receive):
                await sent.add_part(part)
        return sent.convert()


class SentForm:
    """What a client has sent of a form, and what is wrong with it."""

    def __init__(self, form: FormBody, incoming: IncomingUpload | None) -> None:
        self.form = form
        self.incoming = incoming
        self.text_room = incoming.options.body_bytes if incoming else inf
        self.values: dict[str, Any] = {}
        self.errors: list[InvalidField] = []

    async def add_part(self, part: Upload) -> None:
        """Add a field or a file. What nothing is known of is skipped."""
        form = self.form
        if not part.is_file:
            text = await part.read(self.text_room)
            self.text_room -= len(text)
            self.add_text(part.name, decode_text(text))
        elif part.name in form.files and self.incoming and form.offload:
            await part.spool(self.incoming, form.offload)
            if part.size or part.filename:  # else it is an input that was left empty
                self.add_file(part)
        else:
            self.refuse_unwanted(part.name)

    def add_text(self, name: str, text: str) -> None:
        """Add a text. An empty one that does not fit is left out: browsers send it."""
        query = self.form.text
        parameter = query.parameters.get(name)
        if parameter is None and text:
            self.refuse_unwanted(name)
        elif parameter and (text or not convert_parameter(text, parameter.decoder)[1]):
            self.refuse(name, query.read_parameter(name, text, self.values))

    def refuse_unwanted(self, name: str) -> None:
        """Refuse what is no field of the struct only if the struct does so."""
        if name in self.form.files:
            self.refuse(name, "it must be a file")
        elif name in self.form.text.parameters:
            self.refuse(name, "it must be text, not a file")
        elif self.form.kind.__struct_config__.forbid_unknown_fields:
            self.refuse(name, "there is no such field")

    def add_file(self, file: Upload) -> None:
        if self.form.files[file.name]:
            self.values.setdefault(file.name, []).append(file)
        elif file.name in self.values:
            self.refuse(file.name, "it is given twice")
        else:
            self.values[file.name] = file

    def refuse(self, name: str, detail: str | None) -> None:
        if detail and len(self.errors) < MAX_ERRORS:
            self.values.setdefault(name, [])  # it was given
            self.errors.append(InvalidField(name, detail))

    def convert(self) -> Any:
        """Return the struct. Raises a 422 problem that names each field that does not fit."""
        for name in self.form.required:
            if name not in self.values:
                self.refuse(name, "it is required")
        if self.errors:
            raise invalid_fields(self.errors)
        try:
            return msgspec.convert(self.values, self.form.kind)
        except msgspec.ValidationError as error:
            raise invalid_fields([read_mismatch(error, "")]) from None


class PartsBody:
    """The form of a route whose function reads it as it arrives."""

    kind = dict[str, Any]
    takes_upload = True
    media_types = (MULTIPART,)

    async def read(self, scope: Scope, receive: Receive) -> Parts:
        return Parts(scope, receive)


def make_form(kind: Any, provided: Provided) -> FormBody | PartsBody | None:
    """Return the form that a parameter asks for by its type, or None."""
    if kind is Parts:
        return PartsBody()
    if get_origin(kind) is Form:
        [fields] = get_args(kind)
        return FormBody(fields, provided)
    if Upload in (kind, *get_args(kind)):
        advice = "make it a field of a struct, and ask for that: `form: Form[NewPicture]`"
        raise TypeError(f"a file is part of a form; {advice}")
    return None


def find_offload(provided: Provided) -> Offload:
    """Return what writes files in threads."""
    for offer in provided.find(Offload):
        if isinstance(offer, Offload):
            return offer
    raise TypeError("its files are written in threads; add an Offload to what app.py provides")


def decode_text(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise malformed("its text is not UTF-8") from None
