#!/usr/bin/env bash
# Makes sure a Chromium is there for the browser tests: the system's own, installed by its package manager where we may.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "No Chromium found; installing it with apt-get …"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
  exit 0
fi
echo "The browser tests need Chromium, and none of chromium, chromium-browser, google-chrome is on the PATH." >&2
echo "Install it and run again, for example:  sudo apt-get install chromium   |   sudo dnf install chromium   |   brew install --cask chromium" >&2
exit 1
