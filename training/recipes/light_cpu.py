"""The light detector on two processor cores. Round 0 of the shipped detector was made with it, in two parts.

Command:   python -m training.train --recipe light_cpu --photos photos/ --labels labels.json --out runs/light_cpu
Hardware:  two CPU cores, 4 GB
Time:      55 minutes for 2,000 steps while other programs ran; 0.95 s per step when nothing else runs
Should reach: mask AP 2.6 on COCO dev, AP50 6.3, AR100 11.2, from 2,298 photos; in two parts and with two rounds of
           self-training mask AP 3.0
"""

from cuts3d.detector.config import LIGHT
from training.recipes.recipe import Recipe

RECIPE = Recipe(
    network=LIGHT,
    iterations=2000,
    batch=4,
    optimizer="adamw",
    lr=3e-4,
    lr_steps=(0.85,),
    lr_gamma=0.1,
    warmup=100,
    weight_decay=0.02,
    clip_norm=5.0,
    short_sides=(192, 224, 256),
    max_side=384,
    min_score=0.32,
    top_labels=8,
    copy_paste=0.5,
    score_loss=True,
    score_range=(0.3, 0.55),
    detection_score_range=(0.35, 0.58),
    rank_detections=True,
    mix_before=0.5,
    ema=0.995,
    checkpoint_every=100,
    workers=1,
)
