"""C is compiled once for a processor, and what keeps it from that is said in a line."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.support.compiler import require_compiler
from tui_balancer.cache import CACHE_VARIABLE
from tui_balancer.process import compiled as compiling
from tui_balancer.process.compiled import NotCompiled, compiled


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    require_compiler()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))

    def write(text: str) -> Path:
        path = tmp_path / "source.c"
        path.write_text(text)
        return path

    return write


def _no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)


def test_what_was_compiled_once_needs_no_compiler(
    source: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source("int answer(void) { return 42; }")
    assert compiled(path).answer() == 42
    _no_compiler(monkeypatch)
    assert compiled(path).answer() == 42


@pytest.mark.parametrize("damage", ["empty", "cut", "other"])
def test_a_damaged_library_is_compiled_again(
    source: Callable[[str], Path], tmp_path: Path, damage: str
) -> None:
    path = source("int answer(void) { return 42; }")
    assert compiled(path).answer() == 42
    (library,) = (tmp_path / "cache" / "compiled").iterdir()
    whole = library.read_bytes()
    changed = {"empty": b"", "cut": whole[: len(whole) // 2], "other": whole[:-1] + b"x"}
    # The one that is loaded stays as it is.
    library.unlink()
    library.write_bytes(changed[damage])
    assert compiled(path).answer() == 42
    assert library.read_bytes() == whole


@pytest.mark.parametrize("change", ["source", "header", "processor"])
def test_a_changed_source_or_processor_is_compiled_anew(
    source: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = source('#include "answer.h"\nint answer(void) { return ANSWER; }')
    path.with_name("answer.h").write_text("#define ANSWER 42")
    assert compiled(path).answer() == 42
    if change == "source":
        source("int answer(void) { return 43; }")
    elif change == "header":
        path.with_name("answer.h").write_text("#define ANSWER 43")
    else:
        monkeypatch.setattr(compiling, "_processor", lambda: "another")
    _no_compiler(monkeypatch)
    with pytest.raises(NotCompiled, match="no C compiler: none of cc, gcc, clang is there"):
        compiled(path)


def test_what_a_compiler_refuses_is_said_in_one_line(
    source: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(NotCompiled, match="too old") as refused:
        compiled(source('#error "this processor is too old"\n#error "much"'))
    assert "\n" not in str(refused.value)
    assert list((tmp_path / "cache" / "compiled").iterdir()) == []


def test_the_reason_is_found_whatever_language_the_user_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text(
        "#!/bin/sh\n"
        '[ "$LC_ALL" = C ] && echo "x.c:1: error: no such vector" >&2 || echo "Fehler: \\304" >&2\n'
        "exit 1\n"
    )
    compiler.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(compiler))
    monkeypatch.setenv("LC_ALL", "de_DE.ISO-8859-1")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    (tmp_path / "source.c").touch()
    with pytest.raises(NotCompiled, match="error: no such vector"):
        compiled(tmp_path / "source.c")


def test_a_compiler_that_hangs_is_killed_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler, child = tmp_path / "cc", tmp_path / "child"
    os.mkfifo(child)
    # As gcc, which waits for a compiler behind it; both hold the pipe.
    compiler.write_text(f"#!/bin/sh\nsleep 3000 > {child} &\nwait\n")
    compiler.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(compiler))
    communicate = subprocess.Popen[bytes].communicate
    alive: list[BinaryIO] = []

    def once_both_have_begun(process: subprocess.Popen[bytes], timeout: float) -> object:
        alive.append(child.open("rb"))
        return communicate(process, timeout=timeout)

    monkeypatch.setattr(subprocess.Popen, "communicate", once_both_have_begun)
    monkeypatch.setattr(compiling, "_COMPILING_SECONDS", 0.0)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    (tmp_path / "source.c").touch()
    with pytest.raises(NotCompiled, match="takes too long"):
        compiled(tmp_path / "source.c")
    with alive[0] as end:
        # Comes when nobody holds the other end.
        assert end.read() == b""


def test_a_folder_that_others_write_to_is_not_run_from(
    source: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = tmp_path / "cache" / "compiled"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    assert compiled(source("int answer(void) { return 42; }")).answer() == 42
    assert list(folder.iterdir()) == []


def test_without_a_cache_each_process_compiles_for_itself(
    source: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file is in its place")
    assert compiled(source("int answer(void) { return 42; }")).answer() == 42


def test_what_cannot_be_read_is_a_reason(tmp_path: Path) -> None:
    with pytest.raises(NotCompiled, match="No such file"):
        compiled(tmp_path / "none.c")
