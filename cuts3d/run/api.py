"""`CutS3D`, the entry point of the library: a photo comes in, a `Segmentation` goes out (method 1)."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cuts3d.config import CutS3DConfig
from cuts3d.errors import warn_of
from cuts3d.io.depth_maps import DepthInput
from cuts3d.io.photos import ImageInput
from cuts3d.run.inputs import read_inputs
from cuts3d.run.pipeline import run_pipeline
from cuts3d.run.stages import last_value
from cuts3d.types import DepthKind, Segmentation


class CutS3D:
    """Segments photos with one configuration.

    Example:
        >>> from cuts3d import CutS3D, CutS3DConfig
        >>> result = CutS3D(CutS3DConfig()).segment("photo.jpg")
        >>> result.instances[0].mask, result.instances[0].confidence, result.instances[0].score
    """

    def __init__(self, config: CutS3DConfig | None = None) -> None:
        """Store the configuration. Networks are loaded at the first photo."""
        self.config = config or CutS3DConfig()

    def segment(
        self,
        photo: ImageInput,
        *,
        depth: DepthInput | None = None,
        depth_kind: DepthKind = "relative",
        features: ArrayLike | None = None,
        affinity: ArrayLike | None = None,
    ) -> Segmentation:
        """Find the instances of one photo.

        Args:
            photo: Path, PIL image, or array (uint8 [H, W, 3], or another form that `read_image` accepts).
            depth: Your own depth map, which overrides the estimator: path, array [H', W'] or `DepthMap`.
            depth_kind: Kind of its values.
            features: Patch features of your own, [h, w, C] over the whole photo; no backbone runs. See `read_features`.
            affinity: Cosine similarity of every two patches, [h, w, h, w], in place of features. See `read_affinity`.
                Both belong to the photo as it is seen (EXIF orientation applied). Method 1.11 says what the
                parameters of a backbone mean then.

        Returns:
            Masks at the size of the photo, and the results of all stages.

        Warns:
            InputNote: What was done to the photo or the depth map, or what is strange about it.

        Raises:
            InputError: The photo, the depth map, the features or the affinity cannot be used.
            WeightsUnavailableError: The weights of a network are not available.
        """
        given = read_inputs(photo, depth, depth_kind=depth_kind, features=features, affinity=affinity)
        warn_of(given.notes)
        return last_value(run_pipeline(given.photo.pixels, self.config, depth=given.depth, given=given.features))
