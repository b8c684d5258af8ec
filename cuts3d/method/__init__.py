"""The method (docs/method.md, section 1): one file per stage, from affinity to score."""
