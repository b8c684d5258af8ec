"""The tabs, one file each: `build` lays it out, `draw` says what it shows."""
