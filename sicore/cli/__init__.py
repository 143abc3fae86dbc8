"""The command line: ``sicore …``. Commands are registered, and imported when they run."""

from sicore.cli.root import main, root, run

__all__ = ["main", "root", "run"]
