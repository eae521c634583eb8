"""How long the body of a response is, for `load.py`."""


def measure_body(head: bytes, received: bytes) -> int | None:
    """Return the length of the body, without the marks of its chunks, or None until all of it has been received."""
    head = head.lower()
    if b"transfer-encoding: chunked" in head:
        return measure_chunks(received)
    length = int(head.partition(b"content-length:")[2].partition(b"\r")[0])
    return length if len(received) >= length else None


def measure_chunks(received: bytes) -> int | None:
    """Return the length of all chunks together, or None until the last one has been received."""
    total = place = 0
    while (line := received.find(b"\r\n", place)) >= 0:
        size = int(received[place:line], 16)
        place = line + 2 + size + 2
        if place > len(received):
            return None
        if not size:
            return total
        total += size
    return None
