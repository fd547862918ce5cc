"""The board as a node sees it: what goes up when, and which order holds."""

from __future__ import annotations

import threading

import pytest

from tui_balancer.engines.remote.messages import Answer, Ordered, Said, Word
from tui_balancer.engines.remote.node_proxy import AppGone, NodeProxy
from tui_balancer.leases import Directive, Progress
from tui_balancer.workers.wire.protocol import TaskProgress, WorkerId

WORKER = WorkerId("node-1/cuda:0", 1)


class Post:
    """What a board sends, and a clock that stands still."""

    def __init__(self) -> None:
        self.sent: list[tuple[Word, ...]] = []
        self.called = threading.Event()
        self.now = 100.0
        self.board = NodeProxy(WORKER, self.send, clock=lambda: self.now)

    def send(self, words: tuple[Word, ...]) -> None:
        self.sent.append(words)
        if any(isinstance(word, Said) and word.call for word in words):
            self.called.set()

    def progress(self, batch: int, *, computed: bool = False) -> Directive:
        return self.board.progress(
            WORKER, TaskProgress(7, 1, Progress(batch, batch, 1.0), computed, batch)
        )

    def order(self, number: int, order: Directive, epoch: int = 1) -> None:
        self.board.deliver(Ordered(WORKER, number, 7, epoch, order))


def test_quick_batches_go_up_together_and_none_is_left_out() -> None:
    post = Post()
    for batch in range(3):
        post.progress(batch)
    assert [len(words) for words in post.sent] == [1]
    post.progress(3, computed=True)
    assert [len(words) for words in post.sent] == [1, 3]
    batches = [word.args[0].batch for words in post.sent for word in words]  # type: ignore[union-attr]
    assert batches == [0, 1, 2, 3]
    post.now += 1
    post.progress(4)
    assert len(post.sent) == 3


def test_the_newest_order_holds_once_and_only_for_its_lease() -> None:
    post = Post()
    post.order(2, Directive.PAUSE)
    post.order(1, Directive.ABANDON)
    assert post.progress(0) is Directive.PAUSE
    assert post.progress(1) is Directive.CONTINUE
    post.order(3, Directive.ABANDON, epoch=2)
    assert post.progress(2) is Directive.CONTINUE


def test_a_pause_lasts_until_another_order_comes() -> None:
    post = Post()
    post.progress(0)
    post.order(1, Directive.PAUSE)
    assert post.board.wait_while_paused(WORKER, 0.0) is Directive.PAUSE
    post.order(2, Directive.CONTINUE)
    assert post.board.wait_while_paused(WORKER, 0.0) is Directive.CONTINUE


def test_a_question_waits_for_its_own_answer() -> None:
    post = Post()
    asked: list[object] = []
    thread = threading.Thread(target=lambda: asked.append(post.board.share(WORKER, 7, 1)))
    thread.start()
    assert post.called.wait(60)
    post.board.deliver(Answer(WORKER, 99, "for somebody else"))
    post.board.deliver(Answer(WORKER, 1, None))
    thread.join(60)
    assert asked == [None]


def test_a_closed_slot_says_nothing_and_gives_up_what_it_does() -> None:
    post = Post()
    post.board.close()
    assert post.progress(0) is Directive.ABANDON
    assert post.sent == []
    with pytest.raises(AppGone):
        post.board.part_done(WORKER, 7, 1, 1.0)
