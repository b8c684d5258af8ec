#!/usr/bin/env bash
# Installs the Debian packages listed in the given files where they are missing; without root it says what to run.
set -euo pipefail

command -v dpkg-query >/dev/null || { echo "Not a Debian system: make sure you have what $* list."; exit 0; }
missing=()
for package in $(cat "$@"); do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
  echo "System packages are missing. Run this once, then start again:"
  echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
  exit 1
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
