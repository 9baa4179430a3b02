#!/usr/bin/env bash
# Starts Debian's dockerd where no engine answers, so that the image lane can run. Ordinary containers are enough for it;
# where even that is impossible the lane says so and is skipped.
set -u
docker info >/dev/null 2>&1 && { echo 'an engine answers already'; exit 0; }
command -v dockerd >/dev/null || { echo 'no dockerd; the container lane will be skipped'; exit 1; }
log=/tmp/guildhall-dockerd.log
for driver in overlay2 vfs; do
  nohup dockerd --storage-driver="$driver" --iptables=false --bridge=none >"$log" 2>&1 &
  pid=$!
  for _ in $(seq 1 30); do
    docker info >/dev/null 2>&1 && { echo "dockerd runs ($driver, pid $pid)"; exit 0; }
    kill -0 "$pid" 2>/dev/null || break
    sleep 1
  done
  kill "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
done
echo 'dockerd does not start here; the container lane will be skipped:'
tail -n 5 "$log"
exit 1
