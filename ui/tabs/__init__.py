"""The tabs, one file each."""
