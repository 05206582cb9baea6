"""The bill: stages by thread clocks against the kernel's own figure."""

import subprocess
import sys
import threading
import time

import pytest

from sessioncast_agent.metrics import AgentMetrics
from sessioncast_agent.usage import UsageMeter

pytestmark = pytest.mark.unit


def burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(500))


def test_stages_are_counted_where_they_run_and_add_up() -> None:
    meter = UsageMeter()
    before = meter.cpu_seconds()

    def encode_thread() -> None:
        meter.own_thread("other")
        with meter.stage("convert"):
            burn(0.1)
        with meter.stage("encode"):
            burn(0.2)
        meter.thread_ended()

    def capture_thread() -> None:
        meter.own_thread("capture")
        burn(0.1)
        meter.thread_ended()

    threads = [threading.Thread(target=job) for job in (encode_thread, capture_thread)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = meter.cpu_seconds()
    spent = {stage: after[stage] - before[stage] for stage in after}
    assert spent["convert"] == pytest.approx(0.1, abs=0.03)
    assert spent["encode"] == pytest.approx(0.2, abs=0.03)
    assert spent["capture"] == pytest.approx(0.1, abs=0.03)
    stages = sum(value for stage, value in spent.items() if stage != "process")
    assert stages == pytest.approx(spent["process"], rel=0.05, abs=0.01)


def test_a_thread_that_nobody_registered_counts_as_publish() -> None:
    meter = UsageMeter()
    before = meter.cpu_seconds()["publish"]
    ready, done = threading.Event(), threading.Event()

    def native() -> None:
        burn(0.1)
        ready.set()
        done.wait(5)

    thread = threading.Thread(target=native)
    thread.start()
    ready.wait(5)
    spent = meter.cpu_seconds()["publish"] - before
    done.set()
    thread.join()
    assert spent == pytest.approx(0.1, abs=0.03)


def test_a_childs_time_counts_to_its_stage_also_after_its_end() -> None:
    meter = UsageMeter()
    code = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdin is not None
    meter.own_child("sound", child.pid)
    child.stdout.readline()
    alive = meter.cpu_seconds()
    assert alive["sound"] == pytest.approx(0.2, abs=0.1)
    assert alive["process"] >= alive["sound"]
    meter.child_ended(child.pid)
    child.kill()
    child.wait(5)
    child.stdin.close()
    child.stdout.close()
    assert meter.cpu_seconds()["sound"] >= alive["sound"]


def test_watched_time_runs_only_while_watched() -> None:
    meter = UsageMeter()
    meter.watched(True)
    time.sleep(0.05)
    meter.watched(False)
    seen = meter.watched_seconds
    time.sleep(0.05)
    assert seen == meter.watched_seconds
    assert 0.04 < seen < 0.5


def test_metrics_are_prometheus_text_with_every_stage() -> None:
    text = AgentMetrics(UsageMeter(), "demo").text().decode()
    for stage in ("capture", "convert", "encode", "publish", "other", "process"):
        assert f'sessioncast_cpu_seconds_total{{session="demo",stage="{stage}"}}' in text
    assert 'sessioncast_frames_total{kind="keyframes",session="demo"} 0.0' in text
