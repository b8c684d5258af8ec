"""The paper's detector: Cascade Mask R-CNN, ResNet-50-FPN from DINO, on ImageNet's pseudo-labels (method 1.8).

Command:   torchrun --nproc-per-node 8 -m training.train --recipe paper_r50 --photos /data/imagenet/train \
               --labels labels.json --out runs/paper_r50
Needs:     DINO's ResNet-50 as dino_resnet50.pth in $CUTS3D_WEIGHTS
Hardware:  8 GPUs with 24 GB
Time:      not measured here
Should reach: the paper's 10.7 mask AP on COCO val2017 after three rounds (10.2 before them); not run here
"""

from cuts3d.detector.config import NetworkConfig
from training.recipes.recipe import Recipe

RECIPE = Recipe(network=NetworkConfig(), iterations=160_000, batch=16, bf16=True, workers=4)
