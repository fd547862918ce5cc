"""Metrics as a scraper reads them."""

from __future__ import annotations

import re
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.manual import MONITORING_PAGE, with_metrics
from tests.support.fake_run import FakeRun
from tests.support.pictures import DISK_FULL, PREPARING, RUNNING
from tui_balancer.errors import UserError
from tui_balancer.manual.pages import page
from tui_balancer.monitoring.metrics import METRICS
from tui_balancer.monitoring.metrics_server import Address, MetricsServer, parse_address
from tui_balancer.samples import DeviceSample

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    found = MetricsServer(Address("127.0.0.1", 0))
    yield found
    found.close()


def scraped(server: MetricsServer) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return every sample by its name and the values of its labels."""
    request = urllib.request.Request(str(server.address), headers={"Accept": OPEN_METRICS})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        text = answer.read().decode()
    samples: list[Sample] = [
        sample for family in text_string_to_metric_families(text) for sample in family.samples
    ]
    return {(one.name, tuple(one.labels.values())): one.value for one in samples}


def test_a_scraper_reads_the_numbers_of_the_run(server: MetricsServer) -> None:
    server.serve(FakeRun(RUNNING))
    found = scraped(server)
    assert found["tui_balancer_files", ("done",)] == 1023
    assert found["tui_balancer_files", ("waiting",)] == 179
    assert found["tui_balancer_residues", ("left",)] == 71_000_000 - 57_300_000
    assert found["tui_balancer_efficiency_ratio", ()] == 0.94
    assert found["tui_balancer_device_queued_files", ("cuda:2",)] == 131
    assert found["tui_balancer_device_state", ("cuda:2", "paused")] == 1
    assert found["tui_balancer_device_state", ("cuda:2", "busy")] == 0
    assert found["tui_balancer_device_memory_used_bytes", ("cuda:0",)] == 31 * 2**30
    assert found["tui_balancer_device_stolen_files_total", ("cuda:0",)] == 12
    assert found["tui_balancer_device_restarts_total", ("cuda:0",)] == 0
    assert found["tui_balancer_held", ()] == 0


def test_what_is_not_known_has_no_sample(server: MetricsServer) -> None:
    server.serve(FakeRun(replace(RUNNING, efficiency=None)))
    found = scraped(server)
    assert ("tui_balancer_efficiency_ratio", ()) not in found
    assert ("tui_balancer_device_residues_per_second", ("cuda:3",)) not in found


def test_a_run_that_is_held_or_not_there_yet_is_served_too(server: MetricsServer) -> None:
    assert scraped(server) == {}
    server.serve(FakeRun(PREPARING))
    assert scraped(server)["tui_balancer_phase", ("preparing",)] == 1
    server.serve(FakeRun(DISK_FULL))
    assert scraped(server)["tui_balancer_held", ()] == 1


def test_a_card_s_figures_are_served_once_and_each_worker_s_own(server: MetricsServer) -> None:
    first, second, *_ = RUNNING.devices
    sample = replace(first.sample, process_memory=5)
    server.serve(
        FakeRun(
            replace(
                RUNNING,
                devices=(
                    replace(first, device="cuda:0/0", sample=DeviceSample()),
                    replace(second, device="cuda:0/1", sample=sample),
                    replace(second, device="cuda:0/2", sample=replace(sample, process_memory=7)),
                ),
            )
        )
    )
    found = {key: value for key, value in scraped(server).items() if "memory" in key[0]}
    assert found == {
        ("tui_balancer_device_memory_used_bytes", ("cuda:0",)): 31 * 2**30,
        ("tui_balancer_device_memory_bytes", ("cuda:0",)): 80 * 2**30,
        ("tui_balancer_device_process_memory_bytes", ("cuda:0/1",)): 5,
        ("tui_balancer_device_process_memory_bytes", ("cuda:0/2",)): 7,
    }


def test_every_metric_is_served(server: MetricsServer) -> None:
    first, *others = RUNNING.devices
    first = replace(first, sample=replace(first.sample, process_memory=1))
    server.serve(FakeRun(replace(RUNNING, devices=(first, *others))))
    assert {name for name, _ in scraped(server)} == {one.sample_name for one in METRICS}


def test_the_panels_of_the_manual_use_metrics_that_exist() -> None:
    panels = page("monitoring").partition("## Dashboard")[2]
    used = set(re.findall(r"tui_balancer_\w+", panels))
    assert used <= {one.sample_name for one in METRICS}
    assert len(used) > 10


def test_the_manual_has_the_metrics_and_the_fields_of_the_program() -> None:
    text = MONITORING_PAGE.read_text()
    assert with_metrics(text) == text, "run: python -m tests.manual"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9100", Address("127.0.0.1", 9100)),
        ("0.0.0.0:9100", Address("0.0.0.0", 9100)),
        ("node1:80", Address("node1", 80)),
        ("[::1]:9100", Address("::1", 9100)),
    ],
)
def test_an_address_is_loopback_unless_it_names_a_host(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "host", ":9100", "70000", "host:", "::1:9100", "-1", "9 1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"is not an address: write it as"):
        parse_address(text)


def test_a_port_that_is_taken_is_refused_in_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"cannot serve metrics at 127.0.0.1:{port}: .* in use"):
            MetricsServer(Address("127.0.0.1", port))
