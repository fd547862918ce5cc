"""Downloads against a server on this machine: whole or not at all, and never for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tui_balancer.embedding.checkpoints.download import download_checkpoint
from tui_balancer.errors import UserError

BODY = bytes(range(256)) * 10_000


class Server(ThreadingHTTPServer):
    """Serves `BODY` as `good.pt`, half of it as `short.pt`, and of `late.pt` nothing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/models"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = Path(self.path).stem
        if name not in ("good", "short", "late"):
            self.send_error(404)
            return
        if name == "late":
            self.server.release.wait()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY[: len(BODY) // 2] if name == "short" else BODY)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.release.set()
            server.shutdown()
            thread.join()


def test_a_download_arrives_whole_and_tells_how_far_it_is(tmp_path: Path) -> None:
    target = tmp_path / "hub" / "checkpoints" / "good.pt"
    heard: list[tuple[int, int]] = []
    with serving() as server:
        download_checkpoint("good", target, lambda *news: heard.append(news), 30, server.url)
    assert target.read_bytes() == BODY
    assert heard[-1] == (len(BODY), len(BODY))
    assert [received for received, _ in heard] == sorted({received for received, _ in heard})
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", r"^absent: the server answered 404 Not Found for http://.*/absent\.pt"),
        ("short", r"cannot be downloaded \(.*1,280,000 .*\): check the network"),
    ],
)
def test_a_failed_download_is_one_line_and_leaves_nothing(
    name: str, message: str, tmp_path: Path
) -> None:
    with serving() as server, pytest.raises(UserError, match=message) as caught:
        download_checkpoint(name, tmp_path / f"{name}.pt", models_url=server.url)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    with serving() as server, pytest.raises(UserError, match=r"\(no answer within 0\.05 s\)"):
        download_checkpoint("late", tmp_path / "late.pt", None, 0.05, server.url)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_the_line_says_what_else_there_is(tmp_path: Path) -> None:
    with Server() as server:
        url = server.url
    with pytest.raises(UserError, match=r"\(Connection refused\).* take untrained:good$"):
        download_checkpoint("good", tmp_path / "good.pt", models_url=url)


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "good.pt"
    # Writing to this device fails as on a full disk.
    monkeypatch.setattr(Path, "with_name", lambda *_: Path("/dev/full"))
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    with serving() as server, pytest.raises(UserError, match=r"no space left; make room"):
        download_checkpoint("good", target, models_url=server.url)


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "hub").touch()
    with pytest.raises(UserError, match=r"cannot write .*/hub/checkpoints/good\.pt: .*TORCH_HOME"):
        download_checkpoint("good", tmp_path / "hub" / "checkpoints" / "good.pt")
