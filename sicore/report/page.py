"""One self-contained page: text, commands, pictures, sounds and tables in a single HTML file.

The page holds its pictures and sounds itself, loads nothing, runs nothing (its content policy
forbids both), and everything that it shows is escaped.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from sicore.errors import InputError
from sicore.files import write_text

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Figure:
    """A picture with its caption.

    Args:
        png: a PNG file's bytes.
        caption: shown below.
        description: what is to be seen, for those who cannot see it; the caption when empty.
        smooth: blend pixels where the picture does not fit: for charts, not for small pictures.
    """

    png: bytes
    caption: str
    description: str = ""
    smooth: bool = False

    def __post_init__(self) -> None:
        if self.png[:8] != _PNG or len(self.png) < 24:
            raise InputError(f"figure '{self.caption}': expected the bytes of a PNG file")

    @property
    def alt(self) -> str:
        """The description, or the caption."""
        return self.description or self.caption

    @property
    def uri(self) -> str:
        """The picture as an address that the page can hold."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()

    @property
    def width(self) -> int:
        """Pixels across, from the file's header."""
        return int(struct.unpack(">I", self.png[16:20])[0])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(struct.unpack(">I", self.png[20:24])[0])


@dataclass(frozen=True)
class Player:
    """A sound to listen to, with its caption.

    Args:
        sound: a sound file's bytes, in a format that browsers play: FLAC, WAV, MP3.
        media_type: of the file, ``audio/…``.
        caption: shown below.
    """

    sound: bytes
    media_type: str
    caption: str

    def __post_init__(self) -> None:
        if not self.media_type.startswith("audio/"):
            raise InputError(f"player '{self.caption}': expected audio/…, got '{self.media_type}'")

    @property
    def uri(self) -> str:
        """The sound as an address that the page can hold."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.sound).decode()}"


@dataclass(frozen=True)
class Table:
    """Rows of cells under a header; cells are shown as ``str`` gives them."""

    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A heading with what belongs to it.

    Args:
        title: the heading.
        text: paragraphs, parted by empty lines.
        command: the command line that makes what the section shows.
        figures: shown side by side where there is room.
        tables: shown last.
        players: sounds, shown before the figures.
    """

    title: str
    text: str = ""
    command: str = ""
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    players: Sequence[Player] = ()

    @property
    def paragraphs(self) -> list[str]:
        """The text's paragraphs."""
        return [part.strip() for part in self.text.split("\n\n") if part.strip()]


@dataclass(frozen=True)
class Page:
    """A title, a line or two below it, sections, and a closing line."""

    title: str
    lead: str = ""
    sections: Sequence[Section] = field(default_factory=tuple)
    footer: str = ""

    def render(self) -> str:
        """The HTML."""
        return _template().render(page=self) + "\n"

    def write(self, path: Path, overwrite: bool = False) -> Path:
        """Write the HTML file, whole or not at all.

        Raises:
            InputError: when the file exists and may not be replaced.
        """
        if path.exists() and not overwrite:
            raise InputError(f"{path} exists: add --overwrite to replace it")
        write_text(path, self.render())
        return path


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("sicore.report", ""), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html.j2")
