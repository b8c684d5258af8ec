"""Peak memory of a process that segments one photo, by the size of the photo and the number of patches."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys, skimage.data
from pathlib import Path
from PIL import Image
from cuts3d import CutS3D, CutS3DConfig
width, height, side = map(int, sys.argv[1:])
photo = Image.fromarray(skimage.data.astronaut()).resize((width, height))
result = CutS3D(CutS3DConfig().replace(image_size=14 * side)).segment(photo)
assert result.instances and result.instances[0].mask.shape == (height, width)
sum(float(i.confidence.mean()) for i in result.instances)
lines = Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))  # getrusage would count the parent's peak
"""
CASES = {
    "512×512 photo, 34×34 patches": (512, 512, 34),
    "512×512 photo, 60×60 patches": (512, 512, 60),
    "24-megapixel photo (6000×4000), 34×34 patches": (6000, 4000, 34),
    "24-megapixel photo (6000×4000), 60×60 patches": (6000, 4000, 60),
}


def run() -> list[str]:
    lines = []
    for name, case in CASES.items():
        command = [sys.executable, "-c", SCRIPT, *map(str, case)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        lines.append(f"| {name} | {int(done.stdout.split()[-1]) / 1e6:.2f} GB |")
    return lines
