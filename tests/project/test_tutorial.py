"""The notebook of the documents: it runs from its first cell to its last, and shows what it speaks of."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from helpers import REPO
from nbclient import NotebookClient

PATH = REPO / "docs" / "tutorial.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """The notebook after its run; nothing is written into the checkout or the user's folders."""
    folder = tmp_path_factory.mktemp("jupyter")
    notebook = nbformat.read(PATH, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "TMPDIR"):
            Path(folder, variable).mkdir()
            patch.setenv(variable, str(folder / variable))
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(REPO)}}).execute()
    return notebook


def test_the_notebook_in_the_checkout_is_valid_and_has_no_outputs():
    notebook = nbformat.read(PATH, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


def test_every_figure_is_drawn(executed):
    cells = [cell for cell in executed.cells if cell.cell_type == "code"]
    drawn = [kind for cell in cells for output in cell.outputs for kind in output.get("data", {})]
    called = sum(cell.source.splitlines()[-1].partition("(")[0].endswith("_figure") for cell in cells)
    assert drawn.count("application/vnd.plotly.v1+json") == called == 5


def test_the_result_shows_its_masks(executed):
    html = next(output.data["text/html"] for cell in executed.cells for output in cell.get("outputs", ()))
    assert "data:image/" in html
    assert "instances</b>" in html


def test_the_folder_is_labelled_and_evaluated(executed):
    said = "".join(output.get("text", "") for cell in executed.cells for output in cell.get("outputs", ()))
    assert "mask AP50" in said
    assert "'segmentation'" in said or "'local_cut'" in said  # what another τ_knn costs
