"""The Hugging Face hub."""

from __future__ import annotations

TIMEOUT = 5.0  # seconds to wait for the hub's first answer


def ask_hub(repository: str, filename: str, revision: str) -> None:
    """Ask the hub once for a file that is not in its cache; raises whatever its client raises.

    The packages' own downloads try again and again, and would let a person wait where there is no network.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache

    if not isinstance(try_to_load_from_cache(repository, filename, revision=revision), str):
        get_hf_file_metadata(hf_hub_url(repository, filename, revision=revision), timeout=TIMEOUT)
