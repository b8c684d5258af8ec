"""From pseudo-labels to batches: reading, resizing, mirroring, copy-paste."""
