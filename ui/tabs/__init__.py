"""The tabs of the page, one file each, in the order of the page."""

from ui.tabs.affinity import AFFINITY
from ui.tabs.cloud import CLOUD
from ui.tabs.confidence import CONFIDENCE
from ui.tabs.depth import DEPTH
from ui.tabs.detector import DETECTOR
from ui.tabs.export import EXPORT
from ui.tabs.instances import INSTANCES
from ui.tabs.methods import METHODS
from ui.tabs.ncut import NCUT
from ui.tabs.pipeline import PIPELINE
from ui.tabs.tab import Tab

TABS: tuple[Tab, ...] = (*(PIPELINE, AFFINITY, NCUT, CLOUD, DEPTH, CONFIDENCE, INSTANCES, METHODS, EXPORT, DETECTOR),)
OVERVIEW = PIPELINE  # drawn at every change, whichever tab is active
BY_ID: dict[str, Tab] = {tab.id: tab for tab in TABS}
DRAWN: tuple[str, ...] = tuple(name for tab in TABS for name in tab.outputs)  # all that drawing a photo may change
