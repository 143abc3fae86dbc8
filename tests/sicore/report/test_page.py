import re
import subprocess
import sys
import zlib
from html.parser import HTMLParser
from struct import pack

import pytest

from sicore.errors import InputError
from sicore.report import Figure, Page, Player, Section, Table


def png(width=3, height=2):
    """A grey PNG, made without any library."""

    def chunk(kind, data):
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    header = pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.fixture
def page():
    evil = "<script>alert(1)</script>"
    return Page(
        title=f"A page {evil}",
        lead="lead",
        sections=[
            Section(
                "Numbers & pictures",
                text=f"first {evil}\n\nsecond",
                command='sicore sample "a b" --class "T-shirt/top" && ls <x>',
                figures=[Figure(png(), 'a "quoted" caption', description="grey")],
                tables=[Table(("name", "value"), [("a<b", 1.5), ("c", None)], "a table")],
            )
        ],
        footer="end",
    )


def test_everything_is_escaped(page):
    html = page.render()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 3  # heading, document title, paragraph
    assert "a&lt;b" in html
    assert "&lt;x&gt;" in html
    assert "a &#34;quoted&#34; caption" in html


def test_it_loads_nothing(page):
    html = page.render()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    assert policy[1].startswith("default-src 'none'")
    assert "http://" not in html
    assert "https://" not in html
    assert set(re.findall(r'src="([a-z]+:)', html)) == {"data:"}


def test_a_sound_is_in_the_page():
    player = Player(b"fLaC", "audio/flac", "a <sound>")
    html = Page("Sounds", sections=[Section("one", players=[player])]).render()
    assert 'src="data:audio/flac;base64,ZkxhQw=="' in html
    assert "media-src data:" in html
    assert html.count("a &lt;sound&gt;") == 2  # the caption, and the label for screen readers
    with pytest.raises(InputError, match=r"expected audio/.*got 'text/html'"):
        Player(b"", "text/html", "no sound")


def test_charts_are_blended_and_small_pictures_are_not():
    figures = [Figure(png(), "sharp"), Figure(png(), "smooth", smooth=True)]
    assert Page("a", sections=[Section("b", figures=figures)]).render().count('class="smooth"') == 1


def test_tags_are_balanced_and_parts_are_there(page):
    class Balance(HTMLParser):
        open_, text = [], ""

        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "img"):
                self.open_.append(tag)

        def handle_endtag(self, tag):
            assert self.open_.pop() == tag

        def handle_data(self, data):
            self.text += data

    reader = Balance()
    reader.feed(page.render())
    assert not reader.open_
    for part in ("first <script>", "second", "&& ls <x>", "a table", "1.5", "end", "lead"):
        assert part in reader.text
    assert 'width="3" height="2" alt="grey"' in page.render()


def test_it_is_readable_on_a_phone_and_in_the_dark(page):
    html = page.render()
    assert 'name="viewport" content="width=device-width' in html
    assert "prefers-color-scheme: dark" in html
    assert "max-width: 100%" in html


def test_write_replaces_only_when_told(page, tmp_path):
    path = tmp_path / "deep" / "index.html"
    page.write(path)
    assert path.read_text() == page.render()
    with pytest.raises(InputError, match="--overwrite"):
        Page("other").write(path)
    assert path.read_text() == page.render()
    Page("other").write(path, overwrite=True)
    assert "<h1>other</h1>" in path.read_text()
    assert [p.name for p in path.parent.iterdir()] == ["index.html"]


def test_a_figure_must_be_a_png():
    with pytest.raises(InputError, match="PNG"):
        Figure(b"GIF89a", "x")


def test_no_torch_is_imported():
    code = "import sicore.report, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
