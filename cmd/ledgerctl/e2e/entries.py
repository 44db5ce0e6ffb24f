"""The entries of a stopped node's log, read from its segments by a second reader of ledger-segment(5)."""

import pathlib
import struct


def chain(directory):
    """The segments of the log, oldest first: bytes, and the index of the first entry."""
    segments = {}
    for path in pathlib.Path(directory, "segments").glob("*.seg"):
        data = path.read_bytes()
        number, _, before = struct.unpack_from("<QQQ", data, 48)
        segments[number] = (before, struct.unpack_from("<Q", data, 80)[0], data)
    found = []
    number = max(segments)
    while number:
        before, first, data = segments[number]
        found.append((first, data))
        number = before
    return found[::-1]


def content_crcs(directory):
    """Index, term and content CRC of every entry: what consensus makes equal on all nodes."""
    entries = []
    living = chain(directory)
    for (first, data), (end, _) in zip(living, living[1:] + [(float("inf"), b"")]):
        at = struct.unpack_from("<I", data, 16)[0]
        while first < end and at + 112 <= len(data):
            length, = struct.unpack_from("<I", data, at + 4)
            crc, = struct.unpack_from("<I", data, at + 24)
            index, term = struct.unpack_from("<QQ", data, at + 72)
            if index != first:
                break  # Zeros, up to the end of the newest segment.
            entries.append((index, term, crc))
            at += 112 + length
            first += 1
    return entries
