"""The command line: `cuts3d COMMAND`."""
