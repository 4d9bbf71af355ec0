import os
import subprocess
import sys
from pathlib import Path

from jaxviz.files import compilation_cache

COMPILE = """
import sys, jaxviz
from jaxviz import objectives
from jaxviz.files import compilation_cache
{before}
compilation_cache.enable()
import jax, jax.monitoring
hits = []
jax.monitoring.register_event_listener(lambda event, **_: hits.append(event) if event.endswith("cache_hits") else None)
jaxviz.visualize(jaxviz.default_model(), objectives.channel("conv2d_1"), steps=2)
print(len(hits))
"""


def hits(tmp_path, before="", **environment):
    keep = {name: value for name, value in os.environ.items() if "CACHE" not in name}
    run = subprocess.run(
        [sys.executable, "-c", COMPILE.format(before=before)],
        env=keep | {"XDG_CACHE_HOME": str(tmp_path / "user")} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(run.stdout)


def test_the_second_process_compiles_nothing(tmp_path):
    chosen = {"JAXVIZ_CACHE_DIR": str(tmp_path / "chosen")}
    assert hits(tmp_path, **chosen) == 0
    assert hits(tmp_path, **chosen) >= 1
    assert hits(tmp_path, "import jax", **chosen) >= 1  # as in the experiments, where JAX is there already
    assert list((tmp_path / "chosen").iterdir())
    assert not (tmp_path / "user").exists()


def test_empty_turns_it_off(tmp_path):
    assert hits(tmp_path, JAXVIZ_CACHE_DIR="") == 0
    assert list(tmp_path.iterdir()) == []


def test_it_is_the_user_s_by_default(monkeypatch, tmp_path):
    monkeypatch.delenv("JAXVIZ_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compilation_cache.directory() == tmp_path / "jaxviz-optvis" / "xla"
    monkeypatch.setenv("JAXVIZ_CACHE_DIR", "here")
    assert compilation_cache.directory() == Path("here").absolute()
