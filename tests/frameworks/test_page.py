"""What docs/frameworks.md says runs as it stands: `pytest -m frameworks`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "frameworks.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SAID = {  # what each of them has made by then
    "torch": "assert model.W_f.grad.shape == (64, 64) and out.loss is None and out.yhat.shape == (50, 16, 4)",
    "jax": "assert grads['W_f'].shape == (64, 64) and result['outputs']['yhat'].shape == (50, 16, 4)",
}
CLUSTER = """
import numpy as np
import derive
if __name__ == "__main__":
    rng = np.random.default_rng(0)
    def draw():
        return {v.name: rng.normal(size=[{"I": 2, "H": 3, "O": 4}[str(n)] for n in v.shape])
                for v in derive.load("elman").program.parameters}
    params, others = draw(), draw()
    inputs = {"x": rng.normal(size=(5, 2, 2)), "y": np.full((5, 2, 4), 0.25)}
    batches = [{"inputs": inputs, "initial": {"h": rng.normal(size=(2, 3))}} for _ in range(2)]
"""

pytestmark = pytest.mark.frameworks


def run(script: str, folder: Path) -> None:
    (folder / "script.py").write_text(script, "utf-8")
    done = subprocess.run([sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("target", SAID)
def test_a_module_is_used_as_the_page_says(target: str, tmp_path: Path) -> None:
    (command,) = re.findall(rf"`derive code (lstm --to {target} -o \.)`", PAGE)
    subprocess.run([sys.executable, "-m", "derive", "code", *command.split()], cwd=tmp_path, check=True)
    (block,) = (b for b in BLOCKS if f"lstm_{target}" in b)
    run(f"{block}\n{SAID[target]}\n", tmp_path)


def test_a_cluster_is_used_as_the_page_says(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "derive", "new", "mine", "--like", "elman"], cwd=tmp_path, check=True)
    (block,) = (b for b in BLOCKS if "dask" in b)
    here = "Client(n_workers=2, dashboard_address=None, host='127.0.0.1')"
    local = block.replace('Client("tcp://scheduler:8786")', here)
    assert here in local
    indented = "".join(f"    {line}\n" for line in local.splitlines())
    said = "    assert result.grads['W'].shape == (3, 3) and len(results) == 2\n    client.close()\n"
    run(CLUSTER + indented + said, tmp_path)
