#!/usr/bin/env bash
# Takes pictures of reports and SVG files in Chromium, at the width of a phone and of a desktop, light and dark:
#   tests/browser/look.sh FOLDER
# Nothing is compared: the pictures are there to be looked at. Chromium's smallest window is 500 pixels wide, so a phone
# is a frame of 360 pixels in it.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: $0 FOLDER"; exit 2; }
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
cd "$1"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
  { echo "Chromium is absent: apt-get install chromium"; exit 1; }
cargo build --release --locked --manifest-path "$root/Cargo.toml"
palmnet=${CARGO_TARGET_DIR:-$root/target}/release/palmnet
shot() { # page, name, width, height, theme
  local theme=()
  [ "$5" = light ] || theme=(--force-dark-mode --blink-settings=preferredColorScheme=0)
  timeout 60 "$browser" --headless=new --no-sandbox --disable-gpu --hide-scrollbars "${theme[@]}" \
    --window-size="$3,$4" --screenshot="$2-$5.png" "file://$PWD/$1" 2>/dev/null
}
"$palmnet" train "$root/tests/data/iris.csv" -o iris.safetensors --quiet --report iris.html --plot iris.svg
"$palmnet" demo digits --quiet --report digits.html --plot digits.svg
"$palmnet" demo moons --quiet --report moons.html --plot moons.svg
for name in iris digits moons; do
  frame="width:360px;height:5000px;border:0;background:Canvas"
  echo "<body style='margin:0;color-scheme:light dark'><iframe src='$name.html' style='$frame'></iframe>" >"$name-phone.html"
  for theme in light dark; do
    shot "$name.html" "$name-desktop" 1000 3600 "$theme"
    shot "$name-phone.html" "$name-phone" 500 5000 "$theme"
    shot "$name.svg" "$name-svg" 500 1000 "$theme"
  done
done
ls -- *.png
