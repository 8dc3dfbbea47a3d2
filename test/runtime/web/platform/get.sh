#!/usr/bin/env bash
# Gets a release of the Web Platform Tests into dist/platform-tests: the one that Debian ships in the source of its nodejs package (BSD-3-Clause).
# Needs apt-get and root, or a folder of tests as its argument.
set -euo pipefail
cd "$(dirname "$0")/../../../.."
into=dist/platform-tests
rm -rf "$into"
mkdir -p dist
if [ "$#" -gt 0 ]; then
  cp -r "$1" "$into"
  echo 'a folder of its own' >"$into/RELEASE"
  exit
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial"
# The sources of the packages that this machine gets from Debian anyway; nothing of its own settings is changed.
sed 's/^Types: .*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$work/src.sources"
options=(-qq -o "Dir::Etc::sourcelist=$work/src.sources" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$work/lists")
apt-get "${options[@]}" update
(cd "$work" && apt-get "${options[@]}" source --download-only --tar-only nodejs)
archive="$(ls "$work"/nodejs_*.orig.tar.*)"
mkdir "$work/tests"
tar xf "$archive" -C "$work/tests" --strip-components=4 --wildcards '*/test/fixtures/wpt/*'
mv "$work/tests" "$into"
basename "$archive" | sed 's/nodejs_\([0-9.]*\).*/nodejs \1/' >"$into/RELEASE"
