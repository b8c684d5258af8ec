"""A small training that over-fits a few photos in minutes, to see that all parts work together.

Command:   python -m training.train --recipe light_cpu_smoke --photos photos/ --labels labels.json --out runs/smoke
Hardware:  two CPU cores
Time:      three minutes (measured: 186 s on four photos of 320×240)
Should reach: mask AP50 above 90 on its own four photos (measured on the four synthetic scenes: 100, mask AP 90.8; with
           80 steps at 192 pixels, as in the tests: 100, 88.4, one minute)
"""

from cuts3d.detector.config import LIGHT
from training.recipes.recipe import Recipe

RECIPE = Recipe(
    network=LIGHT,
    iterations=200,
    batch=2,
    optimizer="adamw",
    lr=5e-4,
    lr_steps=(0.8,),
    lr_gamma=0.1,
    warmup=20,
    weight_decay=0.0,
    clip_norm=5.0,
    short_sides=(256,),
    max_side=384,
    copy_paste=0.0,
    mask_loss="plain",
    drop_loss=False,
    checkpoint_every=50,
    workers=0,
)
