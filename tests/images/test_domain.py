import numpy as np
import pytest
import torch
from PIL import Image

from sicore.errors import InputError, UnknownName
from sicore.files import write_atomically
from sicore_images.domain import Images
from sicore_images.pictures import read_picture, to_pillow, write_picture


def test_states_are_standardised(domain, clothes):
    x = domain.encode(clothes.pictures)
    assert x.dtype == torch.float32
    assert x.mean().item() == pytest.approx(0, abs=1e-4)
    assert x.std().item() == pytest.approx(1, abs=1e-4)


def test_each_channel_has_its_own_moments(colour_domain):
    x = torch.zeros(1, 3, 2, 2)
    pictures = colour_domain.decode(x)
    assert pictures[0, :, 0, 0].tolist() == pytest.approx([0.2, 0.4, 0.6])
    assert (colour_domain.decode(x + 1) - pictures)[0, :, 0, 0].tolist() == pytest.approx(
        [0.1, 0.2, 0.3]
    )


def test_decode_undoes_encode_for_bytes_floats_and_arrays(colour_domain):
    items = torch.randint(0, 256, (4, 3, 16, 24), dtype=torch.uint8)
    back = colour_domain.decode(colour_domain.encode(items))
    assert torch.equal((back * 255).round().to(torch.uint8), items)
    assert torch.allclose(colour_domain.encode(items / 255), colour_domain.encode(items), atol=1e-6)
    assert torch.equal(colour_domain.encode(items.numpy()), colour_domain.encode(items))


def test_decode_clips(domain):
    assert domain.decode(torch.full((1, 1, 28, 28), 50.0)).max() == 1
    assert domain.decode(torch.full((1, 1, 28, 28), -50.0)).min() == 0


def test_small_pictures_are_encoded_too(domain):
    assert domain.encode(torch.zeros(2, 1, 7, 7, dtype=torch.uint8)).shape == (2, 1, 7, 7)


def test_wrong_channels(domain):
    with pytest.raises(InputError, match=r"expected shape \(B, 1, H, W\), got \(2, 3, 28, 28\)"):
        domain.encode(torch.zeros(2, 3, 28, 28))


@pytest.mark.parametrize(
    ("shape", "mean", "std"),
    [
        ((28, 28), (0.5,), (0.5,)),
        ((1, 28, 28), (0.5, 0.5), (0.5,)),
        ((1, 28, 28), (0.5,), (0.0,)),
    ],
)
def test_a_domain_that_does_not_fit_itself(shape, mean, std):
    with pytest.raises(InputError, match=r"domain\."):
        Images(shape, mean, std)


def test_classes(domain):
    assert domain.conditions["class"].index("ankle boot") == 9
    with pytest.raises(UnknownName, match="Sneaker"):
        domain.conditions["class"].index("sneeker")
    assert Images((1, 8, 8), (0.5,), (0.5,)).conditions == {}


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp"])
def test_read_files_of_any_kind(domain, tmp_path, suffix):
    path = tmp_path / f"p.{suffix}"
    Image.fromarray(np.full((28, 28), 90, np.uint8)).save(path)
    picture = domain.read(path)
    assert picture.shape == (1, 1, 28, 28)
    assert picture.dtype == torch.uint8
    assert (picture.int() - 90).abs().max() <= 2


def test_read_converts_between_grey_and_colour(domain, colour_domain, tmp_path):
    colour = np.zeros((28, 28, 3), np.uint8)
    colour[..., 1] = 200
    Image.fromarray(colour).save(tmp_path / "green.png")
    assert domain.read(tmp_path / "green.png").float().mean().item() == pytest.approx(117, abs=1)
    Image.fromarray(np.full((16, 24), 50, np.uint8)).save(tmp_path / "grey.png")
    assert (colour_domain.read(tmp_path / "grey.png") == 50).all()
    Image.fromarray(colour[:16, :24]).save(tmp_path / "c.png")
    assert colour_domain.read(tmp_path / "c.png")[0, :, 0, 0].tolist() == [0, 200, 0]


def test_depth_transparency_palette_and_orientation(tmp_path):
    deep = np.linspace(0, 65535, 64).reshape(8, 8).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert np.abs(read_picture(tmp_path / "deep.png", 1)[0] - deep / 257.0).max() <= 1
    clear = np.zeros((4, 4, 4), np.uint8)
    clear[:2, :, 3] = 255  # the upper half is black, the lower one transparent
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert read_picture(tmp_path / "clear.png", 1)[0, :, 0].tolist() == [0, 0, 255, 255]
    Image.fromarray(np.full((4, 4, 3), 77, np.uint8)).quantize().save(tmp_path / "palette.png")
    assert (read_picture(tmp_path / "palette.png", 3) == 77).all()
    photo = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6))
    tags = Image.Exif()
    tags[0x0112] = 6  # turn a quarter right
    photo.save(tmp_path / "turned.png", exif=tags)
    assert read_picture(tmp_path / "turned.png", 1).shape == (1, 6, 4)


def test_read_of_a_wrong_size_says_both_sizes_and_resize(domain, tmp_path):
    path = tmp_path / "big.png"
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(path)
    with pytest.raises(InputError, match=r"40×60 .*28×28.*--resize"):
        domain.read(path)
    assert domain.read(path, resize=True).shape == (1, 1, 28, 28)
    assert domain.read(path, size=(40, 60)).shape == (1, 1, 40, 60)


def test_resize_keeps_proportions(tmp_path):
    """A disc in a wide picture stays round: the middle is cut out."""
    y, x = np.mgrid[:40, :80]
    disc = (((y - 20) ** 2 + (x - 40) ** 2) < 15**2).astype(np.uint8) * 255
    Image.fromarray(disc).save(tmp_path / "disc.png")
    seen = read_picture(tmp_path / "disc.png", 1, (20, 20))[0] > 127
    assert abs(seen.any(0).sum() - seen.any(1).sum()) <= 1


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n broken"])
def test_files_that_are_no_pictures(domain, tmp_path, content):
    path = tmp_path / "p.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"p\.png"):
        domain.read(path)


def test_a_cut_off_file(domain, tmp_path):
    path = tmp_path / "p.png"
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(InputError, match="cannot be read"):
        domain.read(path)


def test_missing_file_and_folder(domain, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        domain.read(tmp_path / "none.png")
    with pytest.raises(InputError):
        domain.read(tmp_path)


def test_save_and_read_again(domain, clothes, tmp_path):
    pictures = clothes.pictures[:5] / 255
    paths = domain.save(pictures, tmp_path / "new", stem="shoe")
    assert [p.name for p in paths] == [f"shoe-{i:04d}.png" for i in range(5)] + ["shoes.png"]
    assert torch.equal(torch.cat([domain.read(p) for p in paths[:5]]), clothes.pictures[:5])
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == sorted(p.name for p in paths)


def test_colour_pictures_are_saved_in_colour(colour_domain, tmp_path):
    picture = torch.rand(1, 3, 16, 24)
    path = colour_domain.save(picture, tmp_path)[0]
    assert torch.equal(colour_domain.read(path), (picture * 255).round().to(torch.uint8))


def test_a_failed_write_leaves_nothing(tmp_path):
    def fail(path):
        path.write_text("half")
        raise RuntimeError("full")

    write_picture(to_pillow(np.zeros((1, 2, 2))), tmp_path / "p.png")
    before = (tmp_path / "p.png").read_bytes()
    with pytest.raises(RuntimeError):
        write_atomically(tmp_path / "p.png", fail)
    assert [p.name for p in tmp_path.iterdir()] == ["p.png"]
    assert (tmp_path / "p.png").read_bytes() == before


def test_pictures_that_are_not_finite_are_still_drawn():
    assert to_pillow(np.full((1, 2, 2), np.nan)).getpixel((0, 0)) == 0
