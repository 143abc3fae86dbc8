"""Importing torchaudio, whether or not its compiled part can be loaded.

The wheels on PyPI for Linux are built for CUDA: beside a build of torch without it, ``import
torchaudio`` ends in an OSError. What this plugin uses (resampling, data sets) is written in Python,
and works with a stand-in for the compiled part, which torchaudio itself foresees. Forced alignment
and the RNN-T loss then do not work.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from sicore.errors import PluginError

EXTENSION = "torchaudio._extension"


@cache
def torchaudio() -> Any:
    """The module torchaudio.

    Raises:
        PluginError: when it is not installed, or cannot be imported for another reason.
    """
    try:
        return import_module("torchaudio")
    except ModuleNotFoundError:
        raise PluginError(
            "torchaudio is not installed; pip install --no-deps torchaudio (its wheels need no "
            "other package than torch, and --no-deps keeps the build of torch that you have)"
        ) from None
    except OSError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
    sys.modules[EXTENSION] = _stand_in()
    try:
        return import_module("torchaudio")
    except (ImportError, OSError, AttributeError) as error:
        del sys.modules[EXTENSION]
        raise PluginError(
            f"torchaudio cannot be imported ({error}); install the version that belongs to your "
            "torch, from the same place"
        ) from None


def _stand_in() -> ModuleType:
    """What ``torchaudio._extension`` says when there is no compiled part."""
    module: Any = ModuleType(EXTENSION)
    module._IS_TORCHAUDIO_EXT_AVAILABLE = False
    module._IS_ALIGN_AVAILABLE = False
    module._check_cuda_version = lambda: None
    module.fail_if_no_align = _absent
    return module


def _absent(function: Any) -> Any:
    def call(*args: Any, **options: Any) -> Any:
        raise PluginError(
            f"torchaudio.{function.__name__} is compiled, and cannot be loaded beside this torch"
        )

    return call
