"""The packages that the recipe is made of, pinned by version and hash. Light to import: no torch.

Licences are those of the recordings, as the packages' copyright files say; sets under the GPL are
fetched by whoever wants them, and are no part of this package.
"""

from __future__ import annotations

from dataclasses import dataclass

DEBIAN = "https://deb.debian.org/debian/"
PYPI = "https://files.pythonhosted.org/packages/"


@dataclass(frozen=True)
class Package:
    """One file to fetch.

    Args:
        name: of the package.
        url: where it is.
        sha256: hash of the file.
        debian: whether ``apt-get download`` knows it.
    """

    name: str
    url: str
    sha256: str
    debian: bool = True

    @property
    def file(self) -> str:
        """The file's name at that address."""
        return self.url.rsplit("/", 1)[-1]

    def is_file(self, name: str) -> bool:
        """Whether a file of this name is some version of the package."""
        separator = "_" if self.debian else "-"
        return name.startswith(self.name + separator) and name.endswith(self.file[-4:])


def _debian(path: str, sha256: str) -> Package:
    return Package(path.rsplit("/", 1)[-1].split("_")[0], DEBIAN + path, sha256)


_ALL = (
    _debian(
        "pool/main/a/asterisk-core-sounds/asterisk-core-sounds-en-g722_1.6.1-1_all.deb",
        "38c5261820b406dcb0ecb37675720da2b0864850690690352ca52707eb623806",
    ),
    _debian(
        "pool/main/a/asterisk-core-sounds/asterisk-core-sounds-es-g722_1.6.1-1_all.deb",
        "e4e3b4281057d3b81b779298fd6be705f57411513955c518eed1bcaabbd615b8",
    ),
    _debian(
        "pool/main/a/asterisk-core-sounds/asterisk-core-sounds-fr-g722_1.6.1-1_all.deb",
        "7add61d5e42279ecff1bbdf842a5a946ac3644fac9a0fe44384731aa7270c8e0",
    ),
    _debian(
        "pool/main/a/asterisk-core-sounds/asterisk-core-sounds-it-g722_1.6.1-1_all.deb",
        "46b4cf7afc508a5fcfc051b7ea233251c0d195dd4ef83cc4b7facb4c6429b016",
    ),
    _debian(
        "pool/main/a/asterisk-core-sounds/asterisk-core-sounds-ru-g722_1.6.1-1_all.deb",
        "673b4238a6b8269960f055d868c6a11083f7a0d00979167cb01554046b48ed9b",
    ),
    _debian(
        "pool/main/a/asterisk-moh-opsound/asterisk-moh-opsound-g722_2.03-1.1_all.deb",
        "8d6b39d6f2e8feff54a042c4a25e1b72f3e2478d05ee372c92f77446fa0b1671",
    ),
    _debian(
        "pool/main/b/bucklespring/bucklespring-data_1.4.0-2_all.deb",
        "2add9f5583b3afc9c0b528066f4578baff930b74d4a94c8a25d103ef79a444e5",
    ),
    _debian(
        "pool/main/f/festvox-ru/festvox-ru_0.5+dfsg-6_all.deb",
        "21ef3f0f2978ecf2e2eddb367cb0ff4a72572196d28dc69feb84f4177af5e6c4",
    ),
    _debian(
        "pool/main/f/fillets-ng-data/fillets-ng-data-cs_1.0.1-1.1_all.deb",
        "3ecef99b9456f1c80c9625c6f2418642b52d58e7167a46bad7a412db17991b14",
    ),
    _debian(
        "pool/main/f/fillets-ng-data/fillets-ng-data-nl_1.0.1-1.1_all.deb",
        "afb4443fda9ab507dee578b75be857d121718a1cd6017a474f30e0eb13dc9d10",
    ),
    _debian(
        "pool/main/f/fillets-ng-data/fillets-ng-data_1.0.1-1.1_all.deb",
        "25de89afd8b1adf7bcace8290248a6a22c89cd42300317e69000e162c032cf84",
    ),
    _debian(
        "pool/main/k/klettres/klettres-data_22.12.3-1_all.deb",
        "1186d257a19e84230856baea0b0b1ded8be9195080fcdb2588970b5cd937f5a8",
    ),
    _debian(
        "pool/main/k/ktuberling/ktuberling-data_22.12.3-1_all.deb",
        "fba44c875bfa31ea488dadd9263e87a4dcaea0bd47d28817f6c0dc6d2af970ed",
    ),
    _debian(
        "pool/main/o/openarena-data/openarena-data_0.8.5split-14_all.deb",
        "fa68862434f02a826b7ef22008f25f406623abf4e37113c1bfab5460065483c8",
    ),
    _debian(
        "pool/main/s/searchandrescue-data/searchandrescue-data_1.3.0-1.1_all.deb",
        "0036c09a92a90a2ce4ac3dde026bb90cc306cd1964f24749c0229926ff36d1d3",
    ),
    _debian(
        "pool/main/s/simutrans-pak64/simutrans-pak64_121.0-1_all.deb",
        "46c8420e162941e6d87382b43c508b1dbf48015fcd782f0c4425952ba72745cc",
    ),
    _debian(
        "pool/main/s/sonic-pi/sonic-pi-samples_3.2.2~repack-8_all.deb",
        "25f2312d2fae005e6ad0f4726b8ed3084e776006a5a132083506e960224ac79d",
    ),
    _debian(
        "pool/main/u/ufoai-music/ufoai-sound_2.5-2_all.deb",
        "0224308c10e1265581d1829f19eaef031175390fd0eafeb4a1d558ac6561ed4e",
    ),
    _debian(
        "pool/main/w/wesnoth-1.16/wesnoth-1.16-data_1.16.9-1_all.deb",
        "1012b964bd412a6770685e3324ae3b61e176caff7846192d1ee63d55cd621e26",
    ),
    _debian(
        "pool/main/x/xmoto/xmoto-data_0.6.1+repack-9_all.deb",
        "458966c8291579df7dd215a3ebf48cb89fc94e94fe871d124b542eb6233c0e66",
    ),
    Package(
        "onsen",
        PYPI + "e7/e5/6593558bb1372ad5bc34711cd60fd992e46e187fc67e58c0a894e8ae1404/"
        "onsen-0.1.1-py3-none-any.whl",
        "b4e20dfe082ac6434976d06912ea7c096356d8eacfa95ccab61cc37818edc36a",
        debian=False,
    ),
)

PACKAGES = {package.name: package for package in _ALL}
