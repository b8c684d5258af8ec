"""Where weights come from: package data, a local folder, a hub. Safetensors or `weights_only` only."""
