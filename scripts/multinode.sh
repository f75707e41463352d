#!/usr/bin/env bash
# Several hosts on one machine: network namespaces joined by a bridge, each with its own hostname and address, so
# that OpenMPI sees a cluster and its faults can be tried. Not a benchmark: all hosts share the cores. Needs root.
#   scripts/multinode.sh up 2                      make host1 and host2
#   scripts/multinode.sh run -np 4 -- PROGRAM …    mpirun on host1, ranks spread over all hosts
#   scripts/multinode.sh run --private DIR …       each host but host1 has an empty DIR of its own: no shared disk
#   scripts/multinode.sh run --mca K V …           options of mpirun go before the --
#   scripts/multinode.sh ssh                       real sshds, and a hostfile: what the README says works as it stands
#   scripts/multinode.sh exec COMMAND…             any command on host1, which reaches the others by ssh
#   scripts/multinode.sh partition host2           cut host2 off; its processes live on
#   scripts/multinode.sh delay host2 50ms          delay (or: loss host2 10%) what host2 sends, and what it is sent
#   scripts/multinode.sh rate host2 10mbit         a slow wire instead, both ways
#   scripts/multinode.sh heal                      undo all of these on all hosts
#   scripts/multinode.sh pids host2                processes on host2
#   scripts/multinode.sh kill host2                kill -9 all of them, as a power cut would
#   scripts/multinode.sh down                      end what runs there and remove every trace
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

state=/run/microgpt-multinode # holds the number of hosts and the agent; exists while the hosts do
bridge=mgpt0
network=10.73.42

usage() {
  sed -n '4,16s/^# *//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

need_root() { [ "$(id -u)" -eq 0 ] || die "needs root: sudo $0 $*"; }
need_up() { [ -e "$state/count" ] || die "there are no hosts: scripts/multinode.sh up 2"; }
hosts() { seq -f 'host%g' 1 "$(cat "$state/count")"; }
need_host() {
  hosts | grep -qx -- "${1:-}" || die "'${1:-}' is not a host; hosts are $(hosts | xargs)"
}
# The end of a host's cable that is plugged into the bridge.
cable() { echo "mgpt-${1#host}"; }

up() {
  local count=${1:-2} host number other
  [[ "$count" =~ ^[1-9][0-9]?$ ]] || die "up '$count': give a number of hosts from 1 to 99"
  command -v ip >/dev/null || die "ip is missing: apt-get install iproute2"
  [ ! -e "$state" ] || die "hosts are up already: scripts/multinode.sh down"
  for number in $(seq "$count"); do
    if ip netns list | grep -qE "^host$number( |$)" || [ -e "/etc/netns/host$number" ]; then
      die "a namespace host$number that is not ours exists: remove it first"
    fi
  done
  mkdir -p "$state"
  echo "$count" >"$state/count"
  # From here on, a failure leaves nothing behind.
  trap 'down' ERR
  ip link add "$bridge" type bridge
  ip link set "$bridge" up
  for number in $(seq "$count"); do
    host=host$number
    ip netns add "$host"
    ip link add "$(cable "$host")" type veth peer name eth0 netns "$host"
    ip link set "$(cable "$host")" master "$bridge" up
    ip -n "$host" address add "$network.$number/24" dev eth0
    ip -n "$host" link set eth0 up
    ip -n "$host" link set lo up
    # `ip netns exec` shows this as /etc/hosts there.
    mkdir -p "/etc/netns/$host"
    {
      echo "127.0.0.1 localhost"
      for other in $(seq "$count"); do echo "$network.$other host$other"; done
    } >"/etc/netns/$host/hosts"
  done
  write_agent
  wait_for_wires
  trap - ERR
  say "up: $(hosts | xargs)"
}

# mpirun starts its daemons with `agent HOST COMMAND…`, as it would call ssh.
write_agent() {
  cat >"$state/agent" <<'AGENT'
#!/bin/sh
host=$1
shift
private=${MICROGPT_PRIVATE_DIR:-}
export host private
exec ip netns exec "$host" unshare -u -m sh -c '
  hostname "$host"
  [ -z "$private" ] || mount -t tmpfs tmpfs "$private"
  eval "$*"' agent "$@"
AGENT
  chmod +x "$state/agent"
}

run() {
  local ranks='' options=() private='' host list='' slots
  while [ $# -gt 0 ]; do
    case "$1" in
      -np | -n)
        ranks=${2:-}
        shift 2
        ;;
      --private)
        private=${2:-}
        [ -d "$private" ] || die "--private '$private' is not a folder"
        private=$(cd "$private" && pwd)
        shift 2
        ;;
      --)
        shift
        break
        ;;
      *)
        options+=("$1")
        shift
        ;;
    esac
  done
  [[ "$ranks" =~ ^[1-9][0-9]*$ ]] || die "run: give the number of ranks: run -np 4 -- PROGRAM"
  [ $# -gt 0 ] || die "run: give the program after --: run -np $ranks -- PROGRAM"
  slots=$(((ranks + $(cat "$state/count") - 1) / $(cat "$state/count")))
  for host in $(hosts); do list+=${list:+,}$host:$slots; done
  # mpirun counts slots, not the cores that the hosts share: it must be told that ranks wait for each other.
  [ "$ranks" -le "$(core_count)" ] || options=(--mca mpi_yield_when_idle 1 ${options[@]+"${options[@]}"})
  allow_mpi_as_root
  export MICROGPT_PRIVATE_DIR=$private
  # All hosts bind to the same cores otherwise; shared memory between them would hide the network.
  exec ip netns exec host1 unshare -u sh -c 'hostname host1; exec "$@"' run \
    mpirun -np "$ranks" --host "$list" --bind-to none \
    --mca plm_rsh_agent "$state/agent" \
    --mca btl_tcp_if_include eth0 --mca oob_tcp_if_include eth0 \
    ${options[@]+"${options[@]}"} "$@"
}

# The kernel notices a plugged cable in its own time: waits until every host's wire carries and the bridge forwards
# it, and drops what was learnt while it did not.
wait_for_wires() {
  local host tries
  for host in $(hosts); do
    for tries in $(seq 100); do
      if ip -n "$host" -brief link show eth0 | grep -q LOWER_UP &&
        [ "$(cat "/sys/class/net/$(cable "$host")/operstate")" = up ] &&
        [ "$(cat "/sys/class/net/$(cable "$host")/brport/state")" = 3 ]; then
        break
      fi
      [ "$tries" -lt 100 ] || die "the wire of $host does not come up"
      sleep 0.05
    done
    ip -n "$host" neighbour flush dev eth0
  done
}

# Real sshds with keys and configurations of their own: nothing of the user's or the machine's. A host's port 22 is that
# of its namespace. `exec` puts an ssh into PATH that uses them, as mpirun finds it by itself.
start_ssh() {
  local host dir=$state/ssh sshd
  sshd=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd) || die "sshd is missing: apt-get install openssh-server"
  [ ! -e "$dir" ] || die "the sshds run already"
  mkdir -p "$dir" "$state/bin"
  chmod 700 "$dir"
  ssh-keygen -q -t ed25519 -N '' -f "$dir/host_key"
  ssh-keygen -q -t ed25519 -N '' -f "$dir/user_key"
  for host in $(hosts); do echo "$host $(cat "$dir/host_key.pub")"; done >"$dir/known_hosts"
  cat >"$dir/sshd_config" <<CONFIG
HostKey $dir/host_key
AuthorizedKeysFile $dir/user_key.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
CONFIG
  cat >"$dir/ssh_config" <<CONFIG
IdentityFile $dir/user_key
IdentitiesOnly yes
UserKnownHostsFile $dir/known_hosts
StrictHostKeyChecking yes
LogLevel ERROR
CONFIG
  printf '#!/bin/sh\nexec %s -F %s "$@"\n' "$(command -v ssh)" "$dir/ssh_config" >"$state/bin/ssh"
  chmod +x "$state/bin/ssh"
  # sshd wants this folder, which an sshd of the machine's own has.
  if mkdir /run/sshd 2>/dev/null; then touch "$state/made-run-sshd"; fi
  for host in $(hosts); do
    # shellcheck disable=SC2016  # $0 to $2 are the inner shell's
    ip netns exec "$host" unshare -u sh -c 'hostname "$0" && exec "$1" -f "$2"' "$host" "$sshd" "$dir/sshd_config"
  done
  for host in $(hosts); do echo "$host slots=$(core_count)"; done >"$state/hostfile"
  say "ssh: scripts/multinode.sh exec mpirun --hostfile $state/hostfile -np 2 PROGRAM"
}

# As a user of host1 would type it.
exec_there() {
  [ $# -gt 0 ] || die "exec: give a command, such as: exec ssh host2 hostname"
  [ -e "$state/ssh" ] || die "the hosts have no sshd yet: scripts/multinode.sh ssh"
  allow_mpi_as_root
  # shellcheck disable=SC2016  # $@ is the inner shell's
  PATH=$state/bin:$PATH exec ip netns exec host1 unshare -u sh -c 'hostname host1; exec "$@"' exec "$@"
}

# Traffic shaping on both ends of a host's cable.
shape() {
  command -v tc >/dev/null || die "tc is missing: apt-get install iproute2"
  local discipline=(netem "$2" "$3")
  [ "$2" != rate ] || discipline=(tbf rate "$3" burst 32kbit latency 400ms)
  { ip netns exec "$1" tc qdisc replace dev eth0 root "${discipline[@]}" &&
    tc qdisc replace dev "$(cable "$1")" root "${discipline[@]}"; } ||
    die "tc refused '$2 $3' (for example: delay host2 50ms, loss host2 10%, rate host2 10mbit; delay and loss need the kernel module sch_netem)"
}

heal() {
  local host
  for host in $(hosts); do
    ip link set "$(cable "$host")" up
    ip netns exec "$host" tc qdisc del dev eth0 root 2>/dev/null || true     # there was none
    tc qdisc del dev "$(cable "$host")" root 2>/dev/null || true # there was none
  done
  wait_for_wires
}

kill_all() {
  local pid
  for pid in $(ip netns pids "$1" 2>/dev/null); do
    kill -9 "$pid" 2>/dev/null || true # it ended meanwhile
  done
}

down() {
  local host
  trap - ERR
  for host in $(hosts); do
    kill_all "$host"
    ip netns delete "$host" 2>/dev/null || true # `up` did not come so far
    ip link delete "$(cable "$host")" 2>/dev/null || true # goes with its namespace
    rm -rf "/etc/netns/$host"
  done
  rmdir /etc/netns 2>/dev/null || true # others may have theirs in it
  ip link delete "$bridge" 2>/dev/null || true
  [ ! -e "$state/made-run-sshd" ] || rmdir /run/sshd
  rm -rf "$state"
  say "down"
}

command=${1:-}
[ -n "$command" ] || usage
shift
case "$command" in
  up)
    need_root up "$@"
    up "$@"
    ;;
  run | ssh | exec | partition | delay | loss | rate | heal | pids | kill | down)
    need_root "$command" "$@"
    need_up
    case "$command" in
      partition | delay | loss | rate | pids | kill) need_host "${1:-}" ;;
    esac
    case "$command" in
      run) run "$@" ;;
      ssh) start_ssh ;;
      exec) exec_there "$@" ;;
      partition) ip link set "$(cable "$1")" down ;;
      delay | loss | rate)
        [ $# -eq 2 ] || die "$command: give host and how much, for example: delay host2 50ms, loss host2 10%, rate host2 10mbit"
        shape "$1" "$command" "$2"
        ;;
      heal) heal ;;
      pids) ip netns pids "$1" ;;
      kill) kill_all "$1" ;;
      down) down ;;
    esac
    ;;
  *) usage ;;
esac
