"""Training of the detector and of the embedded depth head. It imports `cuts3d`, which never imports it."""
