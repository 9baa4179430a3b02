#!/usr/bin/env bash
# Starts Debian's dockerd where no container engine answers, so that the container lane can run; `stop` ends that one.
#
#   hack/ci/container-engine.sh          an engine that answers is left alone; one started here stays for the lane
#   hack/ci/container-engine.sh stop     ends the one started here and removes all of it: containers, images, bridge
#
# The engine keeps its hands off the machine's network: no packet filter rules, no forwarding, a bridge of its own with a
# subnet that nothing else routes. So it runs beside a native cluster and beside other engines (one that is started with
# --bridge=none removes docker0, whoever uses it). Published ports come through its own proxy on loopback, and containers
# reach the host at the bridge's address; they have no way further out.
#
# Exit code 0: an engine answers (or is stopped). 1: there is none; the lane is then skipped and says so.
set -u
PATH=$PATH:/usr/sbin:/sbin

run=/run/guildhall-docker          # sockets and state of this daemon alone; gone after a reboot
data=/var/lib/guildhall-docker    # not /var/lib/docker, where somebody's containers may wait for their engine
bridge=guildhall0
socket=/var/run/docker.sock
log=${TMPDIR:-/tmp}/guildhall-dockerd.log
wait_seconds=45

answers() { timeout 10 docker info --format '{{.ServerVersion}}' >/dev/null 2>&1; }

# The process of a pid file, if it lives and is what we think it is: a pid may belong to somebody else by now.
alive() {
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 1
  [ -n "$pid" ] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q -- "$run" && echo "$pid"
}

# TERM, and KILL for what does not listen within ten seconds.
end() {
  local pid=$1
  kill "$pid" 2>/dev/null
  for _ in $(seq 1 100); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null
}

# Ends what an earlier start left, in order: the daemon ends its containers; a containerd that outlived it blocks the next.
clear_away() {
  local pid
  if pid=$(alive "$run/docker.pid"); then
    end "$pid"
    echo "ended dockerd (pid $pid)"
  fi
  if pid=$(alive "$run/containerd/containerd.pid"); then
    end "$pid"
    echo "ended its containerd (pid $pid)"
  fi
  rm -f "$run"/docker.pid "$run"/containerd/*.pid "$run"/containerd/*.sock "$run"/containerd/*.sock.ttrpc
  # A socket file that nobody listens on looks like an engine to those who only check for the file.
  if [ -S "$socket" ] && ! answers; then rm -f "$socket"; fi
}

# Makes the bridge if it is not there, in the first of some private subnets that this machine has no route to but the
# default one; prints its address.
make_bridge() {
  local subnet
  if ! ip link show "$bridge" >/dev/null 2>&1; then
    for subnet in 10.247.0 172.28.247 192.168.247; do
      [ -z "$(ip -4 route show to match "$subnet.1" 2>/dev/null | grep -v '^default')" ] || continue
      ip link add "$bridge" type bridge && ip address add "$subnet.1/24" dev "$bridge" || return 1
      break
    done
  fi
  ip link set "$bridge" up && ip -4 -o address show "$bridge" | awk '{ print $4 }' | grep .
}

# Whether an ordinary container comes up: an image of nothing, whose program is not found once all else is set up.
runs_containers() {
  local image=guildhall-engine-probe:empty said
  head -c 1024 /dev/zero | docker import - "$image" >/dev/null || return 1
  said=$(timeout 60 docker run --rm --read-only --cap-drop=ALL "$image" /nothing 2>&1)
  docker image rm --force "$image" >/dev/null
  grep -qiE 'no such file or directory|executable file not found' <<<"$said" && return 0
  echo "ordinary containers do not run: $(head -n 1 <<<"$said")"
  return 1
}

start() {
  local driver=$1 address=$2 pid
  mkdir -p "$run"
  : >"$log"
  setsid nohup dockerd \
    --host="unix://$socket" --pidfile="$run/docker.pid" --exec-root="$run" --data-root="$data" \
    --storage-driver="$driver" \
    --bridge="$bridge" --ip=127.0.0.1 --userland-proxy=true \
    --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
    </dev/null >>"$log" 2>&1 &
  pid=$!
  for _ in $(seq 1 "$wait_seconds"); do
    if answers; then
      runs_containers || break
      echo "dockerd runs: $driver, bridge $bridge $address, pid $(cat "$run/docker.pid"), log $log"
      return 0
    fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 1
  done
  echo "dockerd is of no use with $driver: $(grep -E 'level=(fatal|error)|^failed' "$log" | tail -n 1 | cut -c1-300)"
  clear_away
  return 1
}

case ${1:-start} in
  stop)
    [ -e "$run" ] || [ -e "$data" ] || { echo 'no engine was started here'; exit 0; }
    clear_away
    ip link delete "$bridge" 2>/dev/null
    for mounted in $(awk -v run="$run" -v data="$data" 'index($2, run) == 1 || index($2, data) == 1 { print $2 }' /proc/mounts | tac); do
      umount "$mounted"
    done
    rm -rf --one-file-system "$run" "$data"
    echo 'the engine and everything of it is gone'
    exit 0
    ;;
  start) ;;
  *) echo "usage: $0 [start|stop]"; exit 2 ;;
esac

if answers; then
  echo "an engine answers: $(docker info --format '{{.ServerVersion}}, {{.Driver}}' 2>/dev/null)"
  exit 0
fi
skipped='the container lane will be skipped'
command -v dockerd >/dev/null || { echo "there is no dockerd (apt-get install docker.io); $skipped"; exit 1; }
[ "$(id -u)" = 0 ] || { echo "dockerd needs root; $skipped"; exit 1; }
clear_away
address=$(make_bridge) || { echo "its bridge cannot be made: no iproute2, or no free private subnet; $skipped"; exit 1; }
for driver in overlay2 vfs; do
  start "$driver" "$address" && exit 0
done
ip link delete "$bridge" 2>/dev/null
echo "no engine runs here; $skipped"
exit 1
