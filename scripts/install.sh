#!/usr/bin/env bash
# Builds the programs and installs them with their manual pages and completions for bash, zsh and fish.
# Usage: scripts/install.sh [--prefix FOLDER] [--uninstall]      the default is ~/.local, where no root is needed
# What was installed is listed in share/microgpt/installed.txt of the prefix; again replaces it, --uninstall removes it.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

prefix=
uninstall=
while [ $# -gt 0 ]; do
  case "$1" in
    --prefix)
      [ $# -ge 2 ] || die "--prefix has no value: give a folder"
      prefix=$2
      shift
      ;;
    --prefix=*) prefix=${1#*=} ;;
    --uninstall) uninstall=yes ;;
    -h | --help)
      sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *) die "unknown option '$1': there are --prefix FOLDER and --uninstall" ;;
  esac
  shift
done
if [ -z "$prefix" ]; then
  [ -n "${HOME:-}" ] || die "HOME is not set: give --prefix FOLDER"
  prefix=$HOME/.local
  # A user may keep such files elsewhere (XDG base directory specification).
  share=${XDG_DATA_HOME:-$prefix/share}
else
  [ -n "${prefix%/}" ] || die "--prefix '$prefix': give a folder, such as ~/.local or /usr/local"
  case "$prefix" in
    /*) ;;
    *) prefix=$PWD/$prefix ;;
  esac
  share=$prefix/share
fi
list=$share/microgpt/installed.txt

# Removes what the last installation wrote, but for the files that are named, and folders that are empty then.
remove_others() {
  local file keep folder
  [ -e "$list" ] || return 0
  while IFS= read -r file; do
    for keep in "$@"; do [ "$file" != "$keep" ] || continue 2; done
    rm -f -- "$file"
    folder=$(dirname "$file")
    while [ "$folder" != "$prefix" ] && rmdir -- "$folder" 2>/dev/null; do folder=$(dirname "$folder"); done
  done <"$list"
}

if [ -n "$uninstall" ]; then
  [ -e "$list" ] || die "nothing is installed in $prefix ($list is not there)"
  count=$(wc -l <"$list")
  remove_others
  rm -f -- "$list"
  for folder in "$share/microgpt" "$share" "$prefix/share"; do rmdir -- "$folder" 2>/dev/null || true; done
  say "removed $count files from $prefix"
  exit 0
fi

declare -A places
for program in gpt-ddp gpt-sample; do
  places[$program]=$prefix/bin/$program
  # Beside bin, where man looks by itself.
  places[$program.man]=$prefix/share/man/man1/$program.1
  places[$program.bash]=$share/bash-completion/completions/$program
  places[$program.zsh]=$share/zsh/site-functions/_$program
  places[$program.fish]=$share/fish/vendor_completions.d/$program.fish
done
# Before anything takes long: what is there is ours, or nothing is.
for place in "${places[@]}"; do
  if [ -e "$place" ] && ! grep -qxF -- "$place" "$list" 2>/dev/null; then
    die "$place is there and is not of an earlier installation: move it away, or give another --prefix"
  fi
done

# MICROGPT_PROGRAMS: a folder with built programs, for tests.
programs=${MICROGPT_PROGRAMS:-}
if [ -z "$programs" ]; then
  "$root/scripts/setup.sh"
  note_commit
  say "building (release)"
  # Installed programs need no Swift. In a folder of its own: every file is compiled otherwise.
  build=(swift build --package-path "$root" --scratch-path "$root/.build/static" -c release --static-swift-stdlib)
  for program in gpt-ddp gpt-sample; do "${build[@]}" --product "$program"; done
  programs=$("${build[@]}" --show-bin-path)
fi

# In one move, so that a program that runs, or a file that is read, stays whole.
put() {
  mkdir -p -- "$(dirname "$3")" || die "cannot make $(dirname "$3"): give another --prefix, or become root"
  install -m "$1" -- "$2" "$3.new" || die "cannot write $3: give another --prefix, or become root"
  mv -f -- "$3.new" "$3"
}
text=$(mktemp)
trap 'rm -f "$text"' EXIT
for program in gpt-ddp gpt-sample; do
  put 755 "$programs/$program" "${places[$program]}"
  "$programs/$program" --print-man >"$text"
  put 644 "$text" "${places[$program.man]}"
  for shell in bash zsh fish; do
    "$programs/$program" --print-completion "$shell" >"$text"
    put 644 "$text" "${places[$program.$shell]}"
  done
done
remove_others "${places[@]}"
printf '%s\n' "${places[@]}" | sort >"$text"
put 644 "$text" "$list"

say "installed in $prefix: $("${places[gpt-ddp]}" --version | head -n 1), gpt-sample, manual pages, completions"
case ":$PATH:" in
  *":$prefix/bin:"*) ;;
  *) say "$prefix/bin is not in PATH: export PATH=\"$prefix/bin:\$PATH\" in your shell's profile" ;;
esac
# Others look there by themselves.
if command -v zsh >/dev/null && ! zsh -ic 'print -l -- $fpath' 2>/dev/null | grep -qxF -- "$share/zsh/site-functions"; then
  say "zsh looks for completions in fpath: fpath+=($share/zsh/site-functions) before compinit in ~/.zshrc"
fi
