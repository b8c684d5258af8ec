"""Files and formats: photos, depth maps, COCO, point clouds."""
