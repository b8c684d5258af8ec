"""Numbers of the README and of `docs/` that no benchmark measured: the words around them, and why they need no record.

`benchmarks/readme.py` reads these. When a page changes, words that it no longer contains must be removed here.
"""

README = {
    "ICCV 2025": "a year",
    "the ten stages of a photo": "what a picture shows",
    "all ten stages": "the method's stages",
    "Debian with Python 3.11": "a version",
    "from two additions of ours": "the two that follow",
    "DINOv2 ViT-S/14": "a network's name",
}
INDEX = {
    "ICCV 2025": "a year",
    "the ten stages of a photo": "what a picture shows",
}
LABELS = {
    "the command ends with 1": "an exit code",
    "from 0 to 1: the distinctness": "a range",
    "in 255 steps": "a format",
    "runs in half precision": "a number format",
    "Measured on two cores without a GPU": "the machine",
    "0.04 dollars per core and hour": "an assumption, a constant of `benchmarks/extract.py`",
    "ImageNet-1k, 1.28 M images | images per second, 2 cores": "the size of the data set, the machine",
    "core-hours | days on 16 cores": "what is computed",
}
TRAINING = {
    "eight GPUs, the paper's schedule": "what a recipe is for",
    "two CPU cores and about an hour": "what a recipe is for; the recipe has the measured time",
    "was made with it, in two parts": "as its model card says",
    "four photos and three minutes": "what a recipe is for; the recipe has the measured time",
    "at three sizes": "what a picture shows",
    "in the better half by mean confidence": "a rule",
    "meet no label (IoU ≤ 0.01)": "a rule",
    "(IoU ≥ 0.5) at scores of 0.32 to 0.4": "a definition, and a column of the record",
    "a mask's 28×28 pixels": "what a picture shows",
    "half as long at half the rate": "a rule",
    "two rules are added": "the two that follow",
    "those of 0.5 or more": "the option of the command above it",
    "trained on two cores in an hour and a half": "the machine, and about how long; `benchmarks/detector.md` has it",
    "about three times the AP of its pseudo-labels": "the paper's claim",
    "some thousandths of the paper's": "the ratio of two schedules",
}
DEPLOY = {
    "depth map | 60 MB": "a limit; tests/project/test_docs.py compares it with the code",
    "detector | 400 MB": "a limit, as above",
    "upload | 800 MB": "a limit, as above",
    "photo | 65 megapixels; the command line takes 120": "limits, as above",
    "open photos | 16, or 260 megapixels together, and each for an hour": "limits, as above",
    "uploads leave 500 MB free": "a limit, as above",
    "IndexedDB, at most 150 MB; what is older than 24 hours": "limits, as above",
    "deleted after two hours": "a limit, as above",
    "at once on two cores": "the machine",
    "at 60×60 patches": "a size",
    "the same four": "the endpoints listed before",
}
EVALUATION = {
    '1, 1.0 and "1" are one id': "ids",
    '"01" is another id than 1': "ids",
    'may be 0 or 1 in any writing ("0", "1.0", true)': "values of a flag",
    "a photo that the predictions list twice": "what is repeated",
    "turned by 180° or mirrored": "an angle",
    "(exit code 1)": "an exit code",
    "lie between 0 and 1": "a range",
    "a polygon of two points": "what it lacks",
    "annotation, twice": "what is repeated",
    "at most 100 predictions per image": "COCO's rule",
    "at box IoU ≥ 0.5": "a definition",
    "two members are found (mask IoU ≥ 0.5) by two different masks": "a definition",
    "on COCO dev: 315 images": "the size of the data set",
    "its 19,817 images": "the size of the data set",
}
DEPTH = {
    "such as 65,535": "a value of a file",
    "0 and below are unknown": "a rule",
    "its third dimension": "a figure of speech",
    "DPT (MiDaS 3.0)": "a version",
}
