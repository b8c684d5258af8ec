"""Training: the embedded depth head now, the detector later. Never imported by `cuts3d`."""
