"""Notebooks run as Jupyter runs them: one after another in one warm kernel, or each in a kernel of its own."""

import os
from pathlib import Path
from types import TracebackType

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests import ROOT

_ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "HF_HUB_OFFLINE": "1",
    "PLOTLY_RENDERER": "json",
    "OMP_NUM_THREADS": "1",
    "JUPYTER_PLATFORM_DIRS": "1",
}


class Kernel:
    """One kernel, in which notebooks run one after another: torch and the model are loaded once."""

    def __init__(self, folder: Path):
        self._client = _client(nbformat.v4.new_notebook(), folder)

    def __enter__(self) -> "Kernel":
        self._client.create_kernel_manager()
        self._client.start_new_kernel(
            env=os.environ | _ENVIRONMENT, cwd=str(self._client.resources["metadata"]["path"])
        )
        self._client.start_new_kernel_client()
        once = "import functools, ioi_core\nioi_core.load_model = functools.cache(ioi_core.load_model)"
        self._client.nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(once)])
        _executed(self._client, keep=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client._cleanup_kernel()

    def run(self, file: bytes) -> str:
        """Run a notebook and return what it printed; AssertionError is its last cell's."""
        self._client.nb = nbformat.reads(file.decode(), as_version=4)
        return _executed(self._client, keep=True)


def run(file: bytes, folder: Path) -> str:
    """Run a notebook in a kernel of its own and return what it printed."""
    client = _client(nbformat.reads(file.decode(), as_version=4), folder)
    return _executed(client, keep=False)


def _client(book: nbformat.NotebookNode, folder: Path) -> NotebookClient:
    return NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}})


def _executed(client: NotebookClient, *, keep: bool) -> str:
    try:
        if keep:
            client.reset_execution_trackers()
            for number, cell in enumerate(client.nb.cells):
                client.execute_cell(cell, number)
        else:
            client.execute(env=os.environ | _ENVIRONMENT)
    except CellExecutionError as error:
        if error.ename == "AssertionError":
            raise AssertionError(error.evalue) from None
        raise
    outputs = [output for cell in client.nb.cells for output in cell.get("outputs", [])]
    return "\n".join(str(output.get("text", "")) for output in outputs)
