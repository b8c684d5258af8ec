"""Where the weights of a network are kept, and the errors for weights that are missing or wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cuts3d.errors import WeightsUnavailableError
from cuts3d.weights.folders import WEIGHTS_VARIABLE

MODEL_FILE = "model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSource:
    """Where the weights of one network are kept, on this machine and online.

    Attributes:
        name: Registry name of the network, and the name of its file or folder in `$CUTS3D_WEIGHTS`.
        title: Name for people.
        repository: Repository on the Hugging Face hub; empty if the weights are not there.
        revision: Commit or branch of the repository. Without one, nothing is downloaded.
        file: The file of the repository, or the name of the file at `url`.
        folder_only: Whether the network needs several files of the repository, so that a single file is not enough.
        url: Address of a file outside the hub; empty if there is none.
        sha256: First hexadecimal digits of the SHA-256 of the file at `url`.
        put: What a person can put into `$CUTS3D_WEIGHTS`; empty for a file or folder named after the network.
        manual: Why nothing is downloaded, after "because"; for sources without `revision` and `url`.
    """

    name: str
    title: str
    repository: str = ""
    revision: str = ""
    file: str = MODEL_FILE
    folder_only: bool = False
    url: str = ""
    sha256: str = ""
    put: str = ""
    manual: str = ""

    @property
    def downloads(self) -> bool:
        """Whether the weights are downloaded when they are needed."""
        return bool(self.url or (self.repository and self.revision))

    @property
    def origin(self) -> str:
        """Where the weights come from, for people; empty where they are only read from `$CUTS3D_WEIGHTS`."""
        return f"{self.repository} on the Hugging Face hub" if self.repository else self.url

    @property
    def local_names(self) -> str:
        """Names that the user's own copy may have, for people."""
        folder = f"a folder '{self.name}'"
        return folder if self.folder_only else f"'{self.name}.safetensors', '{self.name}.pth' or {folder}"

    @property
    def by_hand(self) -> str:
        """What a person can put into `$CUTS3D_WEIGHTS`, as the object of "put"."""
        return self.put or f"'{self.name}.safetensors', '{self.name}.pth' or a copy of the repository as '{self.name}'"

    def label(self, path: Path) -> str:
        """The name of a file of these weights as errors show it: the user's own file, or the origin of a download."""
        if path.parent.name == self.name:
            return f"'{self.name}/{path.name}'"
        return f"'{path.name}'" if path.stem == self.name else self.origin


def missing_weights(source: WeightSource, error: Exception | None = None) -> WeightsUnavailableError:
    """The error for weights that are not on this machine: what is missing, where it was looked for, what to do.

    Args:
        source: The weights.
        error: What the download raised; None where nothing is downloaded.
    """
    if error is None:
        online, advice = f"nothing is downloaded, because {source.manual}", "Put"
    else:
        online, advice = f"the download from {source.origin} failed ({summary(error)})", "Go online once, or put"
    return WeightsUnavailableError(
        f"The weights of {source.title} ('{source.name}') are missing: the folder ${WEIGHTS_VARIABLE} does not contain "
        f"{source.local_names}, and {online}. {advice} {source.by_hand} into a folder and name that folder "
        f"in the environment variable {WEIGHTS_VARIABLE}, or use the embedded models, which need no download."
    )


def wrong_checkpoint(label: str, title: str, reason: str) -> WeightsUnavailableError:
    """The error for a file that holds something else.

    Args:
        label: Name of the file, see `WeightSource.label`.
        title: What the file should be a checkpoint of.
        reason: What is wrong with it.
    """
    return WeightsUnavailableError(
        f"{label} is not a checkpoint of {title}: {reason}. Put the right checkpoint into the folder "
        f"${WEIGHTS_VARIABLE}, or use the embedded models."
    )


def summary(error: Exception) -> str:
    """Kind and first line of an error."""
    first_line = (str(error).splitlines() or [""])[0].rstrip(". ")
    return f"{type(error).__name__}: {first_line}"
