#!/usr/bin/env bash
# Have what the tests can use but do not need: a browser and a container engine. Never fails: a test that lacks
# something says so and skips. Installs only as root on a Debian that may (RADFLOW_NO_APT=1 forbids it).
set -u
cd "$(dirname "$0")/.."

need=()
while read -r package _; do
  case $package in "" | \#*) continue ;; esac
  dpkg -s "$package" >/dev/null 2>&1 || need+=("$package")
done < scripts/apt-packages.txt

if [ "${#need[@]}" -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ -z "${RADFLOW_NO_APT:-}" ]; then
    echo "installing for the tests: ${need[*]}"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${need[@]}"; } >/tmp/radflow-apt.log 2>&1 ||
      echo "could not install them (see /tmp/radflow-apt.log); the tests concerned will skip"
  else
    echo "not here: ${need[*]}; the tests concerned will skip"
  fi
fi

docker info >/dev/null 2>&1 && exit 0
if command -v dockerd >/dev/null && [ "$(id -u)" = 0 ]; then
  nohup setsid dockerd >/tmp/radflow-dockerd.log 2>&1 </dev/null &
  for _ in $(seq 30); do
    docker info >/dev/null 2>&1 && { echo "container engine started"; exit 0; }
    sleep 1
  done
  echo "dockerd did not start (see /tmp/radflow-dockerd.log); container tests will skip"
else
  echo "no container engine; container tests will skip"
fi
exit 0
