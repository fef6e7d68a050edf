"""Streams of zlib data that change library on their way, against zlib; and what is none."""

import random
import subprocess
import sys
import sysconfig
import zlib
from itertools import cycle, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cython_vnc
from cython_vnc.door import Inflater, Rule, isal_there

OK, CORRUPT, ENDED = 0, 1, 2
SLACK_BYTES = 320
EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"
RULES = [Rule.BY_COST, Rule.ZLIB_ONLY, Rule.ISAL_ONLY]
FLUSHES = {
    "sync": zlib.Z_SYNC_FLUSH,
    "full": zlib.Z_FULL_FLUSH,
    "partial": zlib.Z_PARTIAL_FLUSH,
    "none": zlib.Z_NO_FLUSH,
}
needs_isal = pytest.mark.skipif(not isal_there(), reason="ISA-L is not on this machine")


def plain(rng: random.Random, size: int) -> bytes:
    """Bytes that refer back as far as a window reaches, some of few values, some of all."""
    words = [rng.randbytes(rng.randrange(1, 300)) for _ in range(1 + size // 4000)]
    few = bytes(rng.randrange(256) for _ in range(3))
    found = bytearray()
    while len(found) < size:
        found += rng.choice([rng.choice(words), bytes(rng.choices(few, k=20)), rng.randbytes(4)])
    return bytes(found[:size])


def room(data: bytes) -> int:
    return len(data) + SLACK_BYTES


@st.composite
def segments(draw: st.DrawFn) -> list[tuple[int, str, Rule]]:
    """Size of each segment, how it is flushed, and which library is to take it."""
    size = st.one_of(st.integers(1, 200), st.integers(1, 5000), st.integers(30_000, 100_000))
    flush = st.sampled_from([*FLUSHES, "sync", "sync"])
    one = st.tuples(size, flush, st.sampled_from(RULES))
    return draw(st.lists(one, min_size=1, max_size=12))


@settings(deadline=None, max_examples=150)
@given(segments(), st.integers(0, 9), st.sampled_from([9, 12, 15]), st.integers(0, 1 << 32))
def test_segments_are_what_zlib_makes_of_them(
    drawn: list[tuple[int, str, Rule]], level: int, window_bits: int, seed: int
) -> None:
    rng = random.Random(seed)
    compressor = zlib.compressobj(level, wbits=window_bits)
    reference, inflater = zlib.decompressobj(), Inflater()
    for size, flush, rule in drawn:
        deflated = compressor.compress(plain(rng, size)) + compressor.flush(FLUSHES[flush])
        expected = reference.decompress(deflated)
        inflater.follow(rule)
        assert inflater.feed(deflated, room(expected)) == (OK, expected)


@settings(deadline=None, max_examples=60)
@given(segments(), st.integers(0, 1 << 32))
def test_pieces_of_any_size(drawn: list[tuple[int, str, Rule]], seed: int) -> None:
    # What is fed ends anywhere: inside of a symbol, a block's header, or an empty stored block.
    rng = random.Random(seed)
    compressor, reference, inflater = zlib.compressobj(), zlib.decompressobj(), Inflater()
    deflated = b"".join(
        compressor.compress(plain(rng, size)) + compressor.flush(FLUSHES[flush])
        for size, flush, _ in drawn
    )
    for _, _, rule in cycle(drawn):
        if not deflated:
            break
        piece = deflated[: int(2 ** rng.uniform(0, 14))]
        deflated = deflated[len(piece) :]
        expected = reference.decompress(piece)
        inflater.follow(rule)
        assert inflater.feed(piece, room(expected)) == (OK, expected)


@needs_isal
def test_the_library_follows_the_size() -> None:
    rng, compressor, inflater = random.Random(0), zlib.compressobj(), Inflater()
    used = []
    for size in [20] * 40 + [100_000] * 3 + [20] * 40:
        data = plain(rng, size)
        deflated = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
        assert inflater.feed(deflated, room(data)) == (OK, data)
        used.append(inflater.library == "isal")
    assert not any(used[:40])
    assert all(used[40:43])
    assert not used[-1]
    assert used.count(True) < 20
    assert sum(before != after for before, after in pairwise(used)) == 2


@needs_isal
def test_between_segments_of_both_sizes_it_stays() -> None:
    rng, compressor, inflater = random.Random(0), zlib.compressobj(), Inflater()
    used = []
    for size in [50, 9000] * 30:
        data = plain(rng, size)
        deflated = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
        assert inflater.feed(deflated, room(data)) == (OK, data)
        used.append(inflater.library)
    assert len({*used[4:]}) == 1


@needs_isal
def test_without_a_byte_boundary_nothing_changes() -> None:
    compressor, inflater = zlib.compressobj(), Inflater(Rule.ZLIB_ONLY)
    deflated = compressor.compress(b"abc") + compressor.flush(zlib.Z_PARTIAL_FLUSH)
    assert inflater.feed(deflated, 400) == (OK, b"abc")
    inflater.follow(Rule.ISAL_ONLY)
    deflated = compressor.compress(b"def") + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert inflater.feed(deflated, 400) == (OK, b"def")
    assert inflater.library != "isal"
    deflated = compressor.compress(b"ghi") + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert inflater.feed(deflated, 400) == (OK, b"ghi")
    assert inflater.library == "isal"


@pytest.mark.parametrize("rule", RULES)
def test_begun_anew(rule: Rule) -> None:
    inflater = Inflater(rule)
    for _ in range(3):
        compressor = zlib.compressobj()
        for data in (b"long ago " * 9000, b"and here"):
            deflated = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
            assert inflater.feed(deflated, room(data)) == (OK, data)
        inflater.reset()
    # What came before a reset is no history of what comes after it.
    raw = zlib.compressobj(wbits=-15, zdict=b"long ago ")
    deflated = b"\x78\x9c" + raw.compress(b"long ago ") + raw.flush(zlib.Z_SYNC_FLUSH)
    assert inflater.feed(deflated, 400)[0] == CORRUPT


@pytest.mark.parametrize("rule", RULES)
def test_the_header_in_two_pieces(rule: Rule) -> None:
    inflater, compressor = Inflater(rule), zlib.compressobj()
    deflated = compressor.compress(b"header") + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert inflater.feed(b"", 400) == (OK, b"")
    assert inflater.feed(deflated[:1], 400) == (OK, b"")
    assert inflater.feed(deflated[1:2], 400) == (OK, b"")
    assert inflater.feed(deflated[2:], 400) == (OK, b"header")


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("header", ["0000", "7800", "799c", "889c", "78bb", "789d"])
def test_headers_that_are_none(header: str, rule: Rule) -> None:
    assert Inflater(rule).feed(bytes.fromhex(header) + b"\x02", 400) == (CORRUPT, b"")


@pytest.mark.parametrize("rule", RULES)
def test_an_end_is_told(rule: Rule) -> None:
    outcome, data = Inflater(rule).feed(zlib.compress(b"the end " * 1000), 9000)
    assert (outcome, data) == (ENDED, b"the end " * 1000)


@pytest.mark.parametrize("rule", RULES)
def test_no_more_than_there_is_room(rule: Rule) -> None:
    compressor = zlib.compressobj()
    deflated = compressor.compress(bytes(1 << 20)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    for room_bytes in (1, 2, 257, 258, 259, 40_000):
        assert Inflater(rule).feed(deflated, room_bytes) == (OK, bytes(room_bytes))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(8))
def test_damaged_data_does_no_harm(rule: Rule, seed: int) -> None:
    # It may be refused, or make other bytes; never more than there is room for.
    rng = random.Random(seed)
    for _ in range(60):
        compressor = zlib.compressobj(rng.randrange(10))
        inflater = Inflater()
        for number in range(4):
            data = plain(rng, int(2 ** rng.uniform(3, 16)))
            deflated = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
            damaged = bytearray(deflated)
            if number > 1:
                for _ in range(rng.choice([1, 1, 2, 20])):
                    damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            inflater.follow(rule if number else rng.choice(RULES))
            outcome, made = inflater.feed(bytes(damaged), room(data))
            assert len(made) <= room(data)
            assert outcome in (OK, CORRUPT, ENDED)
            if outcome != OK:
                break


@needs_isal
def test_an_empty_stored_block_inside_of_another_is_no_place_to_change() -> None:
    # A stored block whose content ends with what an empty one looks like, cut off there.
    content = b"x" * 3000 + b"\x00\x00\xff\xff"
    size = len(content) + 4
    block = bytes([0, *size.to_bytes(2, "little"), *(size ^ 0xFFFF).to_bytes(2, "little")])
    inflater = Inflater(Rule.ZLIB_ONLY)
    assert inflater.feed(b"\x78\x9c" + block + content, 4000) == (OK, content)
    inflater.follow(Rule.ISAL_ONLY)
    assert inflater.feed(b"rest" + EMPTY_BLOCK, 400) == (OK, b"rest")
    assert inflater.library != "isal"
    assert inflater.feed(b"\x00\x01\x00\xfe\xff!" + EMPTY_BLOCK, 400) == (OK, b"!")
    assert inflater.library == "isal"


def test_only_isal_is_isal() -> None:
    before = isal_there()
    assert not isal_there("libnothing.so.9")
    assert not isal_there("libz.so.1")
    assert isal_there() == before


@needs_isal
def test_what_is_cut_short_is_given_out_at_once() -> None:
    # ISA-L would hold back the last byte; it gets only what ends with a sync flush.
    compressor, reference, inflater = zlib.compressobj(), zlib.decompressobj(), Inflater()
    inflater.follow(Rule.ISAL_ONLY)
    deflated = compressor.compress(plain(random.Random(0), 50_000))
    deflated += compressor.flush(zlib.Z_SYNC_FLUSH)
    for begin in range(0, len(deflated), 99):
        piece = deflated[begin : begin + 99]
        expected = reference.decompress(piece)
        assert inflater.feed(piece, room(expected)) == (OK, expected)


@pytest.mark.integration
def test_a_build_without_isal(tmp_path: Path) -> None:
    # Compiled anew, without the switch that says that ISA-L's headers are there.
    source = Path(cython_vnc.__file__).with_name("inflate.c")
    target = tmp_path / "inflate.so"
    includes = [f"-I{source.parents[1]}", f"-I{sysconfig.get_path('include')}"]
    command = ["cc", "-O0", "-shared", "-fPIC", *includes, str(source), "-lz", "-o", str(target)]
    subprocess.run(command, check=True)
    program = f"""
import importlib.machinery, importlib.util, sys, zlib
loader = importlib.machinery.ExtensionFileLoader("cython_vnc.inflate", {str(target)!r})
spec = importlib.util.spec_from_loader("cython_vnc.inflate", loader)
inflate = importlib.util.module_from_spec(spec)
loader.exec_module(inflate)
sys.modules["cython_vnc.inflate"] = inflate
from cython_vnc.door import Inflater, Rule, isal_there
compressor, inflater = zlib.compressobj(), Inflater(Rule.ISAL_ONLY)
for data in (bytes(range(256)) * 99, b"more"):
    deflated = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert inflater.feed(deflated, 30000) == (0, data)
print(isal_there(), inflater.library)
"""
    said = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE)
    assert said.stdout == b"False zlib\n"
