"""The light detector on one GPU.

Command:   python -m training.train --recipe light_gpu --photos photos/ --labels labels.json --out runs/light_gpu
Hardware:  one GPU with 16 GB, 8 CPU cores for the photos
Time:      not run completely; on an H200 a step of 8 photos took 0.14 s, the first step of each shape of batch 7 s
Should reach: more than `light_cpu`; not measured
"""

from cuts3d.detector.config import LIGHT
from training.recipes.recipe import Recipe

RECIPE = Recipe(
    network=LIGHT,
    iterations=20_000,
    batch=16,
    optimizer="adamw",
    lr=4e-4,
    lr_steps=(0.7, 0.9),
    lr_gamma=0.1,
    warmup=500,
    weight_decay=0.02,
    clip_norm=5.0,
    short_sides=(256, 288, 320, 352, 384, 416),
    max_side=640,
    pad_to=128,
    min_score=0.32,
    top_labels=8,
    score_loss=True,
    score_range=(0.3, 0.55),
    detection_score_range=(0.35, 0.58),
    rank_detections=True,
    mix_before=0.5,
    ema=0.999,
    bf16=True,
    workers=8,
)
