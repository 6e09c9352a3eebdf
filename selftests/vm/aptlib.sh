# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Debian packages of a suite this machine does not use: same mirror, same keys,
# an apt state of our own in the cache.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/kssl

# The Debian mirror that this machine is set up with.
mirror() {
	local m
	m=$(apt-get indextargets --format "\$(REPO_URI)" 'Created-By: Packages' 'Component: main' \
		2>/dev/null | grep '/debian/*$' | head -n 1)
	[ -n "$m" ] || m=$(grep -rhoE '(URIs: *|deb +)[a-z]+://[^ ]*/debian/?' /etc/apt |
		grep -oE '[a-z]+://.*' | head -n 1)
	echo "$m"
}

# apt_of SUITE: sets opts for apt-get and apt-cache, and reads the lists
apt_of() {
	local top=$cache/apt/$1
	mkdir -p "$top"/{lists/partial,archives/partial,etc}
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $1 main" \
		>"$top/etc/sources.list"
	opts=(-o "Dir::Etc::sourcelist=$top/etc/sources.list" -o Dir::Etc::sourceparts=-
		-o "Dir::State::lists=$top/lists" -o "Dir::Cache::archives=$top/archives"
		-o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=")
	apt-get -q "${opts[@]}" update >&2
}

# unpack DIR PACKAGE...: download and unpack, install nothing
unpack() {
	local dir=$1 tmp deb
	shift
	tmp=$(mktemp -d)
	(cd "$tmp" && apt-get -q ${opts[@]+"${opts[@]}"} download "$@" >&2)
	mkdir -p "$dir"
	for deb in "$tmp"/*.deb; do dpkg -x "$deb" "$dir"; done
	rm -rf "$tmp"
}
