"""Runs a program under a pid of one's choice, which nobody else has.

usage: with_pid.py PID COMMAND [ARGUMENT...]; as root
"""
import os
import sys

wanted = int(sys.argv[1])
for _ in range(1000):
    with open("/proc/sys/kernel/ns_last_pid", "w") as file:
        file.write(str(wanted - 1))
    pid = os.fork()
    if pid == 0:
        # Somebody else was faster.
        if os.getpid() != wanted:
            os._exit(0)
        os.execvp(sys.argv[2], sys.argv[2:])
    if pid == wanted:
        sys.exit(os.waitpid(pid, 0)[1] != 0)
    os.waitpid(pid, 0)
sys.exit(f"Cannot get the pid {wanted}")
