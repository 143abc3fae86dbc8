"""The recipe: freely obtainable recordings of speech and of noise, and which split each is for.

Speakers, languages and noises of the test split are in no other split. Everything comes from
packages of Debian, and one of PyPI; ``packages.py`` pins them. Light to import: no torch.

Whoever speaks in two packages (the English and the Spanish voice is one person) is one split.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fnmatch import fnmatch

SPLITS = ("train", "validation", "test")

VALIDATION_NOISES = (
    "*/sand-city.ogg",
    "*/wind_turbine.ogg",
    "*/reno_project-system.g722",
    "*/seagulls.wav",
    "*/ambient/ship.ogg",
    "*/loop_3d_printer.flac",
)
TEST_NOISES = (
    "*/assets/water.wav",
    "*/arcticwind.ogg",
    "*/minepump03.ogg",
    "*/city_abnd_ufoai_atm.ogg",
    "*/helicopter_engine_start.wav",
    "*/manolo_camp-morning_coffee.g722",
    "*/tree-cutting.wav",
)
LEFT_OUT = (
    "*/player/*",
    "*/voices/*",
    "*/soldiers/*",
    "*/civilians/*",
    "*/human-*",
    "*/radiomessage.ogg",
    "*/tv_newswav.ogg",
    "*laugh*",
    "*/hh60/engine_start.wav",
)
"""Noises in which somebody speaks, and a variant of one of the test split: in no split."""


@dataclass(frozen=True)
class Source:
    """The recordings of one package.

    Args:
        name: what the prepared file is called.
        package: a key of ``packages.PACKAGES``.
        kind: ``speech``, ``noise``, ``keys`` (single key strokes) or ``babble`` (voices for it).
        files: patterns of the files in the package; in one of its archives if ``archive`` is set.
        split: of all but noises, which are split file by file.
        archive: the ending of zip files inside the package.
        minutes: how much is taken at most, spread evenly over the files.
        strict: drop recordings that are clipped, or whose background is above −25 dB.
        leave_out: patterns of files that are not taken.
    """

    name: str
    package: str
    kind: str
    files: tuple[str, ...]
    split: str = ""
    archive: str = ""
    minutes: float = math.inf
    strict: bool = False
    leave_out: tuple[str, ...] = ()

    def takes(self, path: str) -> bool:
        """Whether a file of the package belongs to the source."""
        wanted = any(fnmatch(path, pattern) for pattern in self.files)
        return wanted and not any(fnmatch(path, pattern) for pattern in self.leave_out)


def split_of_noise(path: str) -> str:
    """The split of a noise, by the name of its file."""
    if any(fnmatch(path, pattern) for pattern in TEST_NOISES):
        return "test"
    validation = any(fnmatch(path, pattern) for pattern in VALIDATION_NOISES)
    return "validation" if validation else "train"


def _speech(
    name: str,
    package: str,
    files: str,
    split: str,
    *,
    minutes: float = math.inf,
    strict: bool = False,
) -> Source:
    return Source(name, package, "speech", (files,), split, minutes=minutes, strict=strict)


def _noise(
    name: str, package: str, *files: str, archive: str = "", minutes: float = math.inf
) -> Source:
    return Source(
        name, package, "noise", files, archive=archive, minutes=minutes, leave_out=LEFT_OUT
    )


ARENA = tuple(f"*/{part}/*.wav" for part in ("world", "misc", "items", "weapons", "movers"))
FISH = ("*/fillets-ng/music/*.ogg", "*/sound/share/*.ogg")
RESCUE = ("*/sounds/*.wav", "*/music/in_flight01.wav", "*/music/menus01.wav")

SOURCES = (
    _speech("english", "asterisk-core-sounds-en-g722", "*.g722", "train"),
    _speech("spanish", "asterisk-core-sounds-es-g722", "*.g722", "train"),
    _speech("festvox", "festvox-ru", "*/wav/*.wav", "train", minutes=60),
    _speech("czech", "fillets-ng-data-cs", "*/cs/*.ogg", "train", minutes=60, strict=True),
    _speech("dutch", "fillets-ng-data-nl", "*/nl/*.ogg", "train", minutes=20, strict=True),
    _speech("words", "ktuberling-data", "*/sounds/*/*.*", "train", strict=True),
    _speech("russian", "asterisk-core-sounds-ru-g722", "*.g722", "validation"),
    _speech("french", "asterisk-core-sounds-fr-g722", "*.g722", "test"),
    _speech("italian", "asterisk-core-sounds-it-g722", "*.g722", "test"),
    _noise("battle", "ufoai-sound", "*.ogg", "*.wav", archive=".pk3"),
    _noise("arena", "openarena-data", *ARENA, archive=".pk3"),
    _noise("rescue", "searchandrescue-data", *RESCUE, minutes=15),
    _noise("fantasy", "wesnoth-1.16-data", "*/sounds/*.wav", "*/sounds/*.ogg", minutes=20),
    _noise("transport", "simutrans-pak64", "*.wav"),
    _noise("samples", "sonic-pi-samples", "*.flac"),
    _noise("waiting", "asterisk-moh-opsound-g722", "*.g722"),
    _noise("fish", "fillets-ng-data", *FISH, minutes=15),
    _noise("motor", "xmoto-data", "*.ogg", minutes=10),
    _noise("bath", "onsen", "*/assets/water.wav"),
    Source("typing", "bucklespring-data", "keys", ("*.wav",), "test"),
    Source("letters", "klettres-data", "babble", ("*.ogg",), "test", minutes=30),
)
