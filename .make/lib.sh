# Shared by the scripts of this folder: messages and the installation of system packages.

say() { printf 'vegad: %s\n' "$*" >&2; }

# die prints what went wrong, then, indented, what to do about it.
die() {
  say "$1"
  shift
  for line in "$@"; do printf '  %s\n' "$line" >&2; done
  exit 1
}

# as_root runs a command as root, or fails when there is no way to become root.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

# can_be_root tells whether as_root can work: as root, with a password-less sudo, or with somebody to ask.
can_be_root() {
  [ "$(id -u)" = 0 ] && return 0
  command -v sudo >/dev/null || return 1
  sudo -n true 2>/dev/null || [ -t 0 ]
}

installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'; }

# apt_try installs packages without their recommendations; what apt says goes to build/apt.log.
apt_try() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >>build/apt.log 2>&1
}

# apt_install installs those of the packages that are missing.
apt_install() {
  local missing=() package
  for package in "$@"; do installed "$package" || missing+=("$package"); done
  [ ${#missing[@]} -gt 0 ] || return 0

  local command="sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
  can_be_root || die "these system packages are missing: ${missing[*]}" "Type this, then run make again:" "$command"
  mkdir -p build
  say "installing ${missing[*]} (may take minutes; apt writes to build/apt.log)"
  apt_try "${missing[@]}" && return 0
  as_root apt-get update >>build/apt.log 2>&1 || true
  apt_try "${missing[@]}" && return 0
  tail -n 5 build/apt.log >&2
  die "installing the packages failed" "See build/apt.log. To try by hand, type:" "$command"
}

# debian_mirror prints where Debian's packages come from, without /debian: DEBIAN_MIRROR, or what this machine's own apt
# uses.
debian_mirror() {
  local mirror=${DEBIAN_MIRROR:-}
  [ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    sed -n 's#/debian/*$##p' | sort -u | sed -n 1p)
  [ -n "$mirror" ] || die "no mirror of Debian is known here" "Name one, without /debian at the end: DEBIAN_MIRROR=http://HOST make ..."
  printf '%s\n' "$mirror"
}
