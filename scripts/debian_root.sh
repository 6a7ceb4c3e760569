# For scripts that try something on a clean Debian, to be sourced: a Debian in a folder, and commands run in it. Needs root
# and debootstrap. Packages come from the mirror that apt uses here, with what apt and npm are configured with here.
#
#   make_debian_root bookworm "$folder"
#   in_debian_root "$folder" apt-get install -y hello
#   remove_debian_root "$folder"

make_debian_root() {
  local suite=$1 root=$2 mirror
  ((EUID == 0)) || { echo "A Debian in a folder needs root, as chroot does." >&2; return 1; }
  command -v debootstrap > /dev/null || { echo "A Debian in a folder needs debootstrap, which is not installed." >&2; return 1; }
  # The first source of Debian's own packages, without what apt has said about it.
  mirror=$(apt-get indextargets --format '$(SITE) $(LABEL)' 'Created-By: Packages' | awk '$2 == "Debian" {print $1; exit}')
  [[ -n $mirror ]] || { echo "apt has no source of Debian's packages here." >&2; return 1; }
  mkdir -p "$root"
  debootstrap --variant=minbase "$suite" "$root" "$mirror" > "$root.log" || { tail "$root.log" >&2; return 1; }
  rm -f "$root.log"
  mount -t proc proc "$root/proc"
  mkdir -p "$root/dev/shm"
  mount -t tmpfs tmpfs "$root/dev/shm"
  cp -L /etc/resolv.conf "$root/etc/" 2> /dev/null || true
  for file in /etc/apt/apt.conf.d/*; do
    grep -qE '^ *(Acquire|APT::Acquire)' "$file" && cp "$file" "$root/etc/apt/apt.conf.d/"
  done
  for file in /etc/npmrc "$HOME/.npmrc"; do
    [[ -f $file ]] && grep -hE 'registry|cafile' "$file" >> "$root/root/.npmrc"
  done
  if [[ -f /etc/ssl/certs/ca-certificates.crt ]]; then  # a proxy's certificate may be among them
    mkdir -p "$root/usr/local/share/host"
    cp /etc/ssl/certs/ca-certificates.crt "$root/usr/local/share/host/"
  fi
}

in_debian_root() {
  local root=$1
  shift
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive NODE_EXTRA_CA_CERTS=/usr/local/share/host/ca-certificates.crt "$@"
}

remove_debian_root() {
  local root=$1
  umount "$root/dev/shm" "$root/proc" 2> /dev/null || true
  rm -rf --one-file-system "$root" "$root.log"
}
