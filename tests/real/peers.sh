#!/usr/bin/env bash
# Lets mail servers whose packages exclude each other live side by side, each in a root of its own: a
# copy-on-write view of this machine, in which nothing that is installed or written touches the machine.
#
#   peers.sh make LAYERS PACKAGE[,MORE]...            install each into a layer of its own
#   peers.sh run LAYERS PACKAGE FOLDER COMMAND...     run a command above the layer of a package
#   peers.sh unmake LAYERS                            throw all layers away
#
# What is joined by commas shares a layer, named after the first. LAYERS is an empty folder; a file system in
# memory is mounted on it, which `unmake` takes away. A command that is run sees this machine's network,
# FOLDER and the folder of this script; whatever else it writes is gone with it. It has process ids of its
# own: end this script, and all that was started has ended.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

usage() {
    sed -n '5,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

make() {
    local layers=$1 packages package
    shift
    mkdir -p "$layers"
    mount -t tmpfs -o size=2g,mode=755 mailrun-peers "$layers"
    for packages in "$@"; do
        package=${packages%%,*}
        mkdir -p "$layers/$package"/{upper,work,root}
        if ! unshare --mount "$0" inside-make "$layers" "$packages" >"$layers/$package.log" 2>&1; then
            tail -n 30 "$layers/$package.log" >&2
            echo "peers.sh: $package could not be installed in $layers" >&2
            exit 1
        fi
    done
}

unmake() {
    umount -l "$1"
    rmdir "$1"
}

run() {
    local layers=$1 package=$2
    if [[ ! -d $layers/$package/upper ]]; then
        echo "peers.sh: there is no layer of $package in $layers: make one first" >&2
        exit 1
    fi
    exec unshare --mount --pid --fork --kill-child "$0" inside-run "$@"
}

# From here on: inside a mount namespace of our own, so that every mount goes with the last process.

inside_make() {
    local layers=$1 package=${2%%,*} packages
    IFS=, read -ra packages <<<"$2"
    enter "$layers/$package/root" "lowerdir=/,upperdir=$layers/$package/upper,workdir=$layers/$package/work"
    # Installing must start nothing.
    printf '#!/bin/sh\nexit 101\n' >"$layers/$package/root/usr/sbin/policy-rc.d"
    chmod 755 "$layers/$package/root/usr/sbin/policy-rc.d"
    export DEBIAN_FRONTEND=noninteractive
    chroot "$layers/$package/root" apt-get -q update
    chroot "$layers/$package/root" apt-get -q install -y --no-install-recommends "${packages[@]}"
    chroot "$layers/$package/root" sh -c 'apt-get clean && rm -rf /var/lib/apt/lists/*'
}

inside_run() {
    local layers=$1 package=$2 folder=$3 shown root=$1/$2/root
    shift 3
    # Where nobody else sees it, so two commands may run above one layer.
    mount -t tmpfs mailrun-peer "$layers/$package/work"
    mkdir "$layers/$package/work"/{upper,work}
    enter "$root" "lowerdir=$layers/$package/upper:/,upperdir=$layers/$package/work/upper,workdir=$layers/$package/work/work"
    for shown in "$folder" "$here"; do
        mkdir -p "$root$shown"
        mount --bind "$shown" "$root$shown"
    done
    # This shell stays process 1: should it end, by a signal or because whoever started it was killed, the
    # kernel ends all the rest. Exim could not: it is set-user-id, and the kernel tells those of no death.
    trap 'exit 143' TERM
    chroot "$root" "$@" &
    wait "$!"
}

# Mounts a root over `/`, with what programs expect to find in one.
enter() {
    local root=$1 layers=$2
    mount --make-rprivate /
    mount -t overlay -o "$layers" mailrun-peer "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
    mkdir -p "$root/run/lock"
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
}

case "${1:-}" in
    make) [[ $# -ge 3 ]] || usage; make "${@:2}" ;;
    unmake) [[ $# == 2 ]] || usage; unmake "$2" ;;
    run) [[ $# -ge 5 ]] || usage; run "${@:2}" ;;
    inside-make) inside_make "${@:2}" ;;
    inside-run) inside_run "${@:2}" ;;
    *) usage ;;
esac
