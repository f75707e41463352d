#!/usr/bin/env bash
# Installs what a build needs on Debian 12 (OpenMPI, OpenBLAS, HDF5, zlib, zstd, pkg-config, curl); does nothing if all is there.
# Usage: scripts/setup.sh [--for-tests]      the tests also use h5py, network namespaces, SLURM, sshd, shells and Chromium
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need_swift
forget_moved_build

missing=()
command -v pkg-config >/dev/null || missing+=(pkg-config)
has_library() { command -v pkg-config >/dev/null && pkg-config --exists "$1"; }
has_library ompi-c || missing+=(libopenmpi-dev)
has_library openblas || missing+=(libopenblas-dev)
has_library hdf5 || missing+=(libhdf5-dev)
has_library zlib || missing+=(zlib1g-dev)
has_library libzstd || missing+=(libzstd-dev)
command -v mpirun >/dev/null || missing+=(openmpi-bin)
# The corpora are downloaded by curl, over https.
command -v curl >/dev/null || missing+=(curl)
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)

if [ "${1:-}" = --for-tests ]; then
  # Debian's own interpreter: whatever else is called python3 here has its own packages.
  /usr/bin/python3 -c 'import h5py, numpy' 2>/dev/null || missing+=(python3-h5py python3-numpy)
  command -v ip >/dev/null || missing+=(iproute2)
  # Completions and manual pages are tried in what they are for.
  for tool in zsh fish mandoc groff; do command -v "$tool" >/dev/null || missing+=("$tool"); done
  # A SLURM of their own; Debian keeps its daemons in /usr/sbin. sshd: for hosts as network namespaces.
  PATH=$PATH:/usr/sbin:/sbin
  command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v srun >/dev/null || missing+=(slurm-wlm)
  command -v munged >/dev/null || missing+=(munge)
  command -v sshd >/dev/null || missing+=(openssh-server)
  # Pages are looked at as people do; a font, so that they have text.
  command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium fonts-dejavu-core)
fi

if [ "${#missing[@]}" -gt 0 ]; then
  command -v apt-get >/dev/null ||
    die "there is no apt-get here: install ${missing[*]} with your package manager, then run this again"
  say "installing ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q ||
    die "apt-get update failed: check the network and /etc/apt/sources.list"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" ||
    die "apt-get could not install ${missing[*]}"
  pkg-config --exists ompi-c openblas hdf5 zlib libzstd ||
    die "installed, but pkg-config still misses one of ompi-c, openblas, hdf5, zlib, libzstd: try 'pkg-config --print-errors --exists ompi-c openblas hdf5 zlib libzstd'"
fi
