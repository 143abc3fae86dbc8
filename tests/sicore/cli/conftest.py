import os
import subprocess
import sys

import pytest


@pytest.fixture
def sicore(tmp_path):
    """Run the command line in a folder of its own: (status, stdout, stderr)."""

    def running(*arguments, path=(), **environment):
        paths = os.pathsep.join(map(str, (tmp_path, *path)))
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SICORE_")}
        code = "import sys; from sicore.cli import main; sys.argv[0] = 'sicore'; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=tmp_path,
            env={**inherited, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return running
