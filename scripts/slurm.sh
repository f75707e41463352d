#!/usr/bin/env bash
# A SLURM of this machine's own in one folder: real munged, slurmctld and slurmd, so that jobs can be tried. Nothing in
# /etc, no systemd, no cgroup. Needs slurm-wlm and munge (scripts/setup.sh --for-tests installs them).
#   scripts/slurm.sh up DIR                   one node, this machine; takes half a second
#   scripts/slurm.sh up DIR host1 host2       a node in each host of scripts/multinode.sh
#   scripts/slurm.sh run DIR COMMAND…         a client: srun, sbatch, squeue, scontrol, …
#   scripts/slurm.sh down DIR                 end its jobs and daemons, and remove DIR
# MICROGPT_SLURM_CPUS: processors of a node, also more than there are. MICROGPT_SLURM_TASK_PLUGIN: task/none (default)
# leaves tasks all processors of the node, task/affinity binds them.
set -Eeuo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# On some systems daemons are in /usr/sbin only.
PATH=$PATH:/usr/sbin:/sbin

usage() {
  sed -n '4,7s/^# *//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# Two neighbouring ports that nobody listens on.
free_ports() {
  local port
  for _ in $(seq 100); do
    port=$((20000 + RANDOM % 20000))
    if ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && ! (: <"/dev/tcp/127.0.0.1/$((port + 1))") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
  die "no free ports"
}

address_of() {
  ip -n "$1" -4 -brief address show eth0 2>/dev/null | grep -oE '[0-9.]+/' | tr -d /
}

configure() {
  local dir=$1 port cpus user controller node
  shift
  cpus=${MICROGPT_SLURM_CPUS:-$(nproc)}
  user=$(id -un)
  if [ $# -gt 0 ]; then
    controller="$1($(address_of "$1"))"
    port=16817
  else
    controller="$(hostname -s)(127.0.0.1)"
    port=$(free_ports)
  fi
  cat >"$dir/slurm.conf" <<CONF
ClusterName=microgpt
SlurmctldHost=$controller
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
# cred_expire is also how long a requeued job waits: 120 s by default, 5 s at least.
AuthInfo=socket=$dir/munge.sock,cred_expire=5
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.%n.log
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
ProctrackType=proctrack/pgid
TaskPlugin=${MICROGPT_SLURM_TASK_PLUGIN:-task/none}
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerParameters=bf_interval=1,sched_interval=1
# A rank that does not end by itself is killed so many seconds after its SIGTERM, as by default.
KillWait=30
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
  if [ $# -gt 0 ]; then
    for node in "$@"; do echo "NodeName=$node NodeAddr=$(address_of "$node") CPUs=$cpus State=UNKNOWN"; done
  else
    echo "NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$cpus State=UNKNOWN"
  fi >>"$dir/slurm.conf"
  # Used by nothing; without it slurmd refuses to start where /sys/fs/cgroup is empty.
  echo 'CgroupPlugin=cgroup/v1' >"$dir/cgroup.conf"
  # In /tmp, two nodes on one machine would meet.
  echo "PMIxCliTmpDirBase=$dir/pmix" >"$dir/mpi.conf"
}

# In the namespaces of a host of multinode.sh.
inside() {
  local host=$1
  shift
  # shellcheck disable=SC2016  # $0 and $@ are the inner shell's
  ip netns exec "$host" unshare -u -m sh -c 'hostname "$0"; exec "$@"' "$host" "$@"
}

up() {
  local dir=$1 host count
  shift
  for host in munged slurmctld slurmd sinfo; do
    command -v "$host" >/dev/null || die "$host is missing: apt-get install slurm-wlm munge"
  done
  [ ! -e "$dir/slurm.conf" ] || die "there is one in $dir already: scripts/slurm.sh down $dir"
  for host in "$@"; do
    [ -n "$(address_of "$host")" ] || die "'$host' is not a host: scripts/multinode.sh up 2"
  done
  mkdir -p "$dir"/{state,spool,log,pmix}
  dir=$(cd "$dir" && pwd)
  export SLURM_CONF=$dir/slurm.conf
  # From here on, a failure leaves no process behind.
  trap 'down "$dir"' ERR
  dd if=/dev/urandom of="$dir/munge.key" bs=1024 count=1 status=none
  chmod 400 "$dir/munge.key"
  configure "$dir" "$@"
  munged --force --key-file="$dir/munge.key" --socket="$dir/munge.sock" --pid-file="$dir/munged.pid" \
    --log-file="$dir/log/munged.log" --seed-file="$dir/seed"
  if [ $# -eq 0 ]; then
    slurmctld
    slurmd
  else
    for host in "$@"; do
      mkdir -p "$dir/spool/$host"
      [ "$host" != "$1" ] || inside "$host" slurmctld
      # shellcheck disable=SC2016  # $1 is the inner shell's
      inside "$host" sh -c 'mount -t tmpfs tmpfs "$1" && exec slurmd' sh "$dir/pmix"
    done
  fi
  count=$(($# > 0 ? $# : 1))
  for _ in $(seq 300); do
    if [ "$(client "$dir" sinfo -h -N -o %T 2>/dev/null | grep -cx idle)" = "$count" ]; then
      trap - ERR
      say "up: export SLURM_CONF=$SLURM_CONF"
      return
    fi
    sleep 0.1
  done
  tail -n 5 "$dir"/log/*.log >&2
  down "$dir"
  die "the nodes do not become idle"
}

# A client command, on the first node.
client() {
  local dir=$1 host
  shift
  export SLURM_CONF=$dir/slurm.conf
  host=$(sed -n 's/^SlurmctldHost=\([^(]*\).*/\1/p' "$SLURM_CONF")
  if [ "$host" = "$(hostname -s)" ]; then "$@"; else inside "$host" "$@"; fi
}

# Jobs before daemons, or their slurmstepds stay.
down() {
  local dir=$1 file pid
  trap - ERR
  client "$dir" scancel --user="$(id -un)" 2>/dev/null || true # there is no slurmctld any more
  for _ in $(seq 100); do
    [ -n "$(client "$dir" squeue -h 2>/dev/null)" ] || break
    sleep 0.1
  done
  for file in "$dir"/slurmd.*.pid "$dir"/slurmctld.pid "$dir"/munged.pid; do
    [ -s "$file" ] || continue
    pid=$(cat "$file")
    kill "$pid" 2>/dev/null || true # it has ended
    for _ in $(seq 50); do
      case "$(ps -o stat= -p "$pid" 2>/dev/null)" in '' | Z*) break ;; esac
      sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true # it has ended
  done
  rm -rf "$dir"
}

command=${1:-}
[ $# -ge 2 ] || usage
dir=$2
shift 2
case "$command" in
  up) up "$dir" "$@" ;;
  run | down)
    [ -e "$dir/slurm.conf" ] || die "there is none in '$dir': scripts/slurm.sh up '$dir'"
    dir=$(cd "$dir" && pwd)
    if [ "$command" = down ]; then down "$dir"; else client "$dir" "$@"; fi
    ;;
  *) usage ;;
esac
