import pytest

from sicore.plugins import get_registry
from sicore.testing import check_lazy_import, check_plugin
from sicore_molecules import graphs_plugin, plugin

PLUGINS = {"molecules": plugin, "graphs": graphs_plugin}


@pytest.mark.parametrize("module", ["sicore_molecules.plugin", "sicore_molecules.graphs_plugin"])
def test_importing_the_plugins_is_cheap(module):
    for heavy in ("torch", "rdkit", "networkx"):
        check_lazy_import(module, heavy)


def test_the_graphs_plugin_needs_no_chemistry_to_be_seen():
    check_lazy_import("sicore_molecules.data.generated", "rdkit")


@pytest.mark.parametrize("name", PLUGINS)
def test_the_plugins_conform_without_data(name, monkeypatch, tmp_path):
    monkeypatch.setenv("SICORE_DATA", str(tmp_path))
    check_plugin(name)


def test_every_data_set_says_what_it_is():
    registry = get_registry()
    for name, module in PLUGINS.items():
        for short, _, summary in module.DATASETS:
            dataset = registry.resolve("dataset", f"{name}/{short}")
            assert dataset.title and dataset.licence and dataset.source and summary


def test_doctor(monkeypatch, tmp_path):
    monkeypatch.setenv("SICORE_DATA", str(tmp_path))
    checks = {name: (fine, advice) for name, fine, advice in plugin.sicore_doctor()}
    assert checks["RDKit"][0]
    assert not checks["ZINC250k"][0]
    assert "sicore data fetch molecules/zinc250k" in checks["ZINC250k"][1]
    assert "sicore-molecules[pyg]" in graphs_plugin.sicore_doctor()[0][2]
