import io

import numpy as np
from PIL import Image

from sicore_images.rendering import colour_map, contact_sheet, grid, heat_map, magnified, png_bytes


def numbered(n, channels=1, size=(3, 5)):
    """Picture k is all k."""
    pictures = np.arange(n, dtype=np.uint8)[:, None, None, None]
    return np.broadcast_to(pictures, (n, channels, *size))


def test_grid_puts_pictures_row_by_row():
    sheet = np.asarray(grid(numbered(5), columns=3, zoom=2, gap=1, paper=99))
    assert sheet.shape == (2 * 7 + 1, 3 * 11 + 1)
    assert [[sheet[4 + 7 * r, 5 + 11 * c] for c in range(3)] for r in range(2)] == [
        [0, 1, 2],
        [3, 4, 99],  # the empty place is paper
    ]
    assert (sheet[0] == 99).all()
    assert (sheet[:, 11] == 99).all()


def test_grid_in_colour_and_from_floats():
    pictures = np.zeros((2, 3, 4, 4))
    pictures[1, 1] = 1.0
    sheet = grid(pictures, columns=2, zoom=1, gap=0)
    assert sheet.mode == "RGB"
    assert sheet.getpixel((5, 2)) == (0, 255, 0)


def test_contact_sheet_is_limited_and_squarish():
    sheet = contact_sheet(numbered(50, size=(28, 28)), limit=16)
    assert sheet.size == (4 * 58 + 2, 4 * 58 + 2)


def test_large_pictures_are_not_magnified():
    assert magnified((512, 300)) == 1
    assert magnified((28, 28), 140) == 5


def test_colour_map_rises_evenly_in_lightness():
    colours = colour_map(np.linspace(0, 1, 101)).astype(float) / 255
    linear = np.where(colours > 0.04045, ((colours + 0.055) / 1.055) ** 2.4, colours / 12.92)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    lightness = np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)
    steps = np.diff(lightness)
    assert (steps > 0).all()
    assert steps.max() < 2.5 * steps.mean()
    assert lightness[0] < 5
    assert lightness[-1] > 95
    assert colour_map(np.array([np.nan, -1.0])).max() <= 4


def test_heat_map_shows_values_and_a_bar():
    values = np.zeros((6, 6))
    values[2, 3] = 0.5
    picture = heat_map(values, 0.5, zoom=10)
    assert picture.height == 60
    assert picture.width > 60
    bright, dark = picture.getpixel((35, 25)), picture.getpixel((5, 5))
    assert sum(bright) > 600
    assert sum(dark) < 10
    bar = [picture.getpixel((64, y)) for y in (2, 30, 57)]
    assert sum(bar[0]) > sum(bar[1]) > sum(bar[2])


def test_heat_map_of_nothing():
    assert sum(heat_map(np.zeros((4, 4)), 0.0).getpixel((1, 1))) < 10


def test_png_bytes_can_be_read_again():
    picture = Image.new("L", (3, 2), 7)
    assert Image.open(io.BytesIO(png_bytes(picture))).getpixel((2, 1)) == 7
