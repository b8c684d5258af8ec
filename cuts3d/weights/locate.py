"""From a `WeightSource` to a file on this machine: the user's own copy, else a download.

A download starts with one request without retries, because the clients of the hub retry for up to a minute before
they report that there is no network. `HF_HUB_OFFLINE`, `HF_HOME` and `HF_ENDPOINT` are honoured.
"""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

import torch

from cuts3d.weights.files import sha256_of
from cuts3d.weights.folders import cache_dir, find_local, local_folder
from cuts3d.weights.source import MODEL_FILE, WeightSource, missing_weights

TIMEOUT = 5.0  # seconds to wait for the first answer


def weights_path(source: WeightSource) -> Path:
    """Path of a network's weights: the user's own copy in `$CUTS3D_WEIGHTS`, else the downloaded file.

    Raises:
        WeightsUnavailableError: There is no copy, and the download failed or is not possible.
    """
    path = local_weights(source)
    if path is not None:
        return path
    if not source.downloads:
        raise missing_weights(source)
    try:
        return download(source)
    except Exception as error:  # the hub's client raises its own types, which change with its versions
        raise missing_weights(source, error) from error


def local_weights(source: WeightSource) -> Path | None:
    """The user's own copy in `$CUTS3D_WEIGHTS`, or None.

    A folder `NAME` as `hf download` writes it comes first, then a file `NAME.safetensors`, `NAME.pth` or `NAME.pt`.
    """
    folder = local_folder(source.name)
    if folder is not None:
        path = next((folder / name for name in (MODEL_FILE, source.file) if (folder / name).is_file()), None)
        if path is not None:
            return path
    return None if source.folder_only else find_local(source.name)


def download(source: WeightSource) -> Path:
    """Download a file once and keep it: in the hub's own cache, or in `cache_dir()`.

    Raises:
        Exception: Whatever the hub's client or the download raises.
    """
    return _from_hub(source) if source.repository else _from_url(source)


def downloads_are_off() -> bool:
    """Whether the user has switched off all downloads by `HF_HUB_OFFLINE`."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _from_hub(source: WeightSource) -> Path:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

    repository, file, revision = source.repository, source.file, source.revision
    cached = try_to_load_from_cache(repository, file, revision=revision)
    if isinstance(cached, str):
        return Path(cached)
    get_hf_file_metadata(hf_hub_url(repository, file, revision=revision), timeout=TIMEOUT)
    return Path(hf_hub_download(repository, file, revision=revision, etag_timeout=TIMEOUT))


def _from_url(source: WeightSource) -> Path:
    path = cache_dir() / source.file
    if path.is_file() and sha256_of(path).startswith(source.sha256):
        return path
    if downloads_are_off():
        raise ConnectionError("downloads are switched off by HF_HUB_OFFLINE")
    urllib.request.urlopen(urllib.request.Request(source.url, method="HEAD"), timeout=TIMEOUT).close()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.hub.download_url_to_file(source.url, str(path), source.sha256, progress=False)
    return path
