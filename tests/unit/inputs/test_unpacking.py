"""What is packed is read to its end, whatever it is packed with, or refused by name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import resource
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from itertools import product

import pytest
from Bio import bgzf

from tests.support.zstandard import zstd
from tui_balancer.inputs.unpacking import (
    BLOCK_BYTES,
    HEAD_BYTES,
    BrokenPacking,
    UnreadableContent,
    unpacked,
)

Pack = Callable[[bytes], bytes]

PACKINGS: dict[str, Pack] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": partial(zstd.compress, options={int(zstd.CompressionParameter.checksum_flag): 1}),
}
ALL = pytest.mark.parametrize("name", PACKINGS)

FASTA = b">a\nMKTAYIAK\n"
LARGE = b">large\n" + bytes(random.Random(1).choices(b"ACDEFGHIKLMNPQRSTVWY", k=BLOCK_BYTES))

SKIPPABLE = b"\x5a\x2a\x4d\x18\x04\0\0\0MKTA"


def content(data: bytes) -> bytes:
    return b"".join(unpacked(io.BytesIO(data)))


def refusal(data: bytes) -> str:
    with pytest.raises(UnreadableContent) as error:
        content(data)
    return str(error.value)


@ALL
@pytest.mark.parametrize(
    "parts",
    [
        [b""],
        [FASTA],
        [FASTA] * 300,
        [b"", FASTA, b"", b""],
        [LARGE, FASTA, LARGE],
        [FASTA * 99_999],
    ],
    ids=["empty", "one", "many", "empty ones", "large ones", "one of many blocks"],
)
def test_all_streams_of_a_file_are_read(name: str, parts: list[bytes]) -> None:
    assert content(b"".join(map(PACKINGS[name], parts))) == b"".join(parts)


@ALL
def test_a_file_that_is_read_in_driblets_is_the_same(name: str) -> None:
    class Driblets(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(1)

    data = PACKINGS[name](FASTA * 90) + PACKINGS[name](FASTA)
    assert b"".join(unpacked(Driblets(data))) == FASTA * 91
    assert len(next(unpacked(Driblets(data)))) >= HEAD_BYTES


@pytest.mark.parametrize(
    ("name", "zeros", "allowed"),
    [
        *product(["gzip", "bzip2"], [1, 4, BLOCK_BYTES + 1], [True]),
        *product(["xz"], [4, BLOCK_BYTES], [True]),
        *product(["xz"], [1, 2, 3, BLOCK_BYTES + 1], [False]),
        *product(["zstd"], [1, 4], [False]),
    ],
)
def test_zeros_pad_streams_as_the_format_has_it(name: str, zeros: int, allowed: bool) -> None:
    packed = PACKINGS[name](FASTA) + bytes(zeros)
    if allowed:
        assert content(packed) == FASTA
        assert content(packed + PACKINGS[name](FASTA)) == FASTA * 2
    else:
        assert refusal(packed) == (
            f"the {name} data is damaged here: copy or download the file again"
        )


@ALL
@pytest.mark.parametrize("flip", [0x01, 0xFF])
def test_damage_to_any_byte_of_a_later_stream_is_an_error_or_does_no_harm(
    name: str, flip: int
) -> None:
    stream = PACKINGS[name](FASTA)
    refused = 0
    for place in range(len(stream)):
        damaged = stream[:place] + bytes((stream[place] ^ flip,)) + stream[place + 1 :]
        try:
            assert content(stream + damaged) == FASTA * 2
        except BrokenPacking:
            refused += 1
    # The header of a gzip member has a time and the name of a system.
    assert refused >= len(stream) - (7 if name == "gzip" else 2)


@ALL
@pytest.mark.parametrize("rest", [b"\n", b">b\nMK\n", b"\0\0\0\0>", b"\x1f", b"\xfd7zX"])
def test_what_follows_the_last_stream_is_an_error(name: str, rest: bytes) -> None:
    assert f"the {name} data " in refusal(PACKINGS[name](FASTA) + rest)


def test_frames_that_zstd_skips_are_no_content_wherever_they_are() -> None:
    frame = zstd.compress(FASTA)
    for first in range(0x50, 0x60):
        skippable = bytes((first,)) + SKIPPABLE[1:]
        assert content(skippable + frame + skippable * 2 + frame + skippable) == FASTA * 2
    assert content(SKIPPABLE) == b""
    assert "cut short here" in refusal(SKIPPABLE + frame + SKIPPABLE[:-1])


def frame_of_window(log: int) -> bytes:
    """Return FASTA in a zstd frame as `zstd --long=LOG` begins it, without a checksum."""
    header = b"\x28\xb5\x2f\xfd\0" + bytes(((log - 10) << 3,))
    return header + (len(FASTA) << 3 | 1).to_bytes(3, "little") + FASTA


@pytest.mark.parametrize("log", [27, 28, 29, 30, 31])
def test_long_windows_of_zstd_are_read(log: int) -> None:
    assert zstd.decompress(frame_of_window(20)) == FASTA
    assert content(frame_of_window(log)) == FASTA


def test_a_window_that_memory_is_too_small_for_is_named() -> None:
    program = f"""
import io, resource
from tui_balancer.inputs.unpacking import unpacked
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * {resource.getpagesize()} + (256 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
print(list(unpacked(io.BytesIO({frame_of_window(31)!r}))))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.stderr.rstrip().endswith(
        "BrokenPacking: not enough memory for the zstd data: unpack the file elsewhere"
    )


def as_tar(format_: int) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format_) as tar:
        member = tarfile.TarInfo(">a.faa")
        member.size = len(FASTA)
        tar.addfile(member, io.BytesIO(FASTA))
    return file.getvalue()


def as_zip(*members: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member in members:
            archive.writestr(member, FASTA)
    return file.getvalue()


ARCHIVES = {
    "a tar archive": as_tar(tarfile.USTAR_FORMAT),
    "a tar archive of GNU": as_tar(tarfile.GNU_FORMAT),
    "a tar archive of pax": as_tar(tarfile.PAX_FORMAT),
    "a zip archive": as_zip("a.faa"),
    "a zip archive without a member": as_zip(),
    "a 7z archive": b"7z\xbc\xaf\x27\x1c\0\x04",
    "a rar archive": b"Rar!\x1a\x07\x01\0",
    "a compress (.Z) file": b"\x1f\x9d\x90",
    "a .lzma file": lzma.compress(FASTA, lzma.FORMAT_ALONE),
    "an lz4 file": b"\x04\x22\x4d\x18\x64",
    "a lzip file": b"LZIP\x01\x0c",
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_named(name: str) -> None:
    known = name.partition(" of ")[0].partition(" without ")[0]
    assert refusal(ARCHIVES[name]) == f"{known}: unpack it first"
    for outer, pack in PACKINGS.items():
        packed = f"{known} packed with {outer}: unpack it first"
        assert refusal(pack(ARCHIVES[name])) == packed
        halves = ARCHIVES[name][:100], ARCHIVES[name][100:]
        assert refusal(b"".join(map(pack, halves))) == packed


@pytest.mark.parametrize(("inner", "outer"), product(PACKINGS, PACKINGS))
def test_what_is_packed_twice_is_named(inner: str, outer: str) -> None:
    assert refusal(PACKINGS[outer](PACKINGS[inner](FASTA))) == (
        f"a {inner} file inside a {outer} file: unpack it once"
    )


def test_letters_where_a_tar_archive_has_its_magic_are_no_archive() -> None:
    text = b">a\n".ljust(257, b"M") + b"ustar "
    assert content(text) == text


@pytest.mark.parametrize("blocks", [1, 3])
def test_a_file_of_bgzip_that_is_cut_even_between_its_blocks_is_refused(blocks: int) -> None:
    file = io.BytesIO()
    writer = bgzf.BgzfWriter(fileobj=file)
    for _ in range(blocks):
        writer.write(FASTA)
        writer.flush()
    whole = file.getvalue() + bgzf._bgzf_eof
    assert content(whole) == FASTA * blocks
    assert content(whole + whole) == FASTA * blocks * 2
    assert content(whole + gzip.compress(FASTA)) == FASTA * (blocks + 1)
    for end in range(18, len(whole)):
        with pytest.raises(BrokenPacking):
            content(whole[:end])
