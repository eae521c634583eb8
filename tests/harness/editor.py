"""An editor that debugs a process, as far as a test needs one."""

import json
import socket
from pathlib import Path
from typing import Any

from tests.harness.terminal import wait_for


class Editor:
    """An editor, as far as it speaks the debug adapter protocol."""

    def __init__(self, port: int) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port))
        self.connection.settimeout(90)
        self.stream = self.connection.makefile("rb")
        self.number = 0

    def ask(self, command: str, **arguments: object) -> None:
        self.number += 1
        request = {"seq": self.number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(request).encode()
        self.connection.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def close(self) -> None:
        self.stream.close()
        self.connection.close()

    def wait(self, name: str) -> dict[str, Any]:
        """Return the next event, or the next response to a command, of this name."""
        while True:
            length = 0
            while (line := self.stream.readline().strip()) or not length:
                if line.lower().startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            message = json.loads(self.stream.read(length))
            if name in (message.get("event"), message.get("command")):
                return message


def connect(port: int, log: Path) -> Editor:
    """Connect to debugpy once it listens."""

    def try_to_connect() -> Editor | None:
        try:
            return Editor(port)
        except ConnectionRefusedError:
            return None

    editor = wait_for(try_to_connect, 90, log.read_text)
    assert editor
    return editor
