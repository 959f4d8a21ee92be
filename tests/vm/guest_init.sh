#!/bin/busybox sh
# First process of the guest that tests/vm boots: runs the executable against a known workload on this kernel, and sends
# the folder of results over the second serial port. A command that fails or hangs is the test's business: this goes on.
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tracefs tracefs /sys/kernel/tracing
mount -t cgroup2 cgroup2 /sys/fs/cgroup
hostname second-kernel
mkdir -p /results
cd /results || exit

say() { echo "guest: at $(cut -d ' ' -f 1 /proc/uptime) s: $*"; }

# run NAME COMMAND...: leaves NAME.out, NAME.err and NAME.code
run() {
  local name=$1
  shift
  say "$*"
  timeout -s KILL 90 "$@" >"$name.out" 2>"$name.err"
  ended "$name" $?
}

# ended NAME CODE: what it said to the end, for whoever looks into a failed test
ended() {
  echo "$2" >"$1.code"
  say "$1 ended with $2"
  tail -n 20 "$1.err"
}

# start NAME QUOTA PROGRAM...: in the background, with at most QUOTA % of a core; leaves NAME.pid
start() {
  local name=$1 group=/sys/fs/cgroup/$1
  mkdir "$group"
  echo "$(($2 * 1000)) 100000" >"$group/cpu.max"
  shift 2
  sh -c "echo \$\$ >$group/cgroup.procs; exec $*" >/dev/null &
  echo $! >"$name.pid"
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
  local left=$1
  shift
  until "$@"; do
    left=$((left - 1))
    [ $left -gt 0 ] || return 1
    sleep 1
  done
}

jump() { date -s "@$(($(date +%s) + $1))" >/dev/null; }

uname -r >kernel
run version stakeout version
run doctor stakeout doctor --json

echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
start calm 5 /bin/calm 1
say "stakeout watch"
timeout -s KILL 120 stakeout watch -f /policies.yaml -o /results/tasks >watch.out 2>watch.err &
watch=$!
wait_for 60 grep -q '^watching ' watch.out watch.err
start burn 50 /bin/burn 1 2
# While the window fills the wall clock goes an hour back, then two ahead, and stays there. Four seconds later burn pauses:
# only who kept the seconds from before the jumps has six hot ones then, and a task, which has something to profile again.
sleep 3
jump -3600
sleep 2
jump 7200
date +%s >began
sleep 4
kill -STOP "$(cat burn.pid)"
if wait_for 15 grep -q 'msg="Task started"' watch.err; then
  kill -CONT "$(cat burn.pid)"
  wait_for 60 grep -q 'msg="Task written"' watch.err
fi
say "the task is written, or never will be"
kill -TERM $watch
wait $watch
ended watch $?
date +%s >ended

kill -CONT "$(cat burn.pid)"
run record stakeout record --pid "$(cat burn.pid)" --for 5s -o /results/record.pb.gz
kill -KILL "$(cat burn.pid)" "$(cat calm.pid)"
start shop 50 /bin/shop
run off_cpu stakeout record --pid "$(cat shop.pid)" --off-cpu --for 5s -o /results/off_cpu.folded
kill -KILL "$(cat shop.pid)"
start python 50 /bin/python_hostile none
run record_python stakeout record --pid "$(cat python.pid)" --for 20s -o /results/python.folded
kill -KILL "$(cat python.pid)"
ip link set lo up
httpd -f -p 127.0.0.1:8080 -h /results &
httpd=$!
(while wget -q -O /dev/null http://127.0.0.1:8080/kernel; do sleep 1; done) &
run network stakeout record --pid "$httpd" --network --for 6s -o /results/network.json
kill -KILL "$httpd"
dmesg >dmesg
cat /proc/sys/kernel/tainted >tainted

say "sending results"
stty -F /dev/ttyS1 raw
tar -czf - . >/dev/ttyS1
poweroff -f
