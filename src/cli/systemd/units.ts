/** What can be installed as a service. */
export type ServiceKind = "agent" | "server";

/** Where services find their configuration; the operator's file. */
export const configPath = "/etc/stakeout/stakeout.yaml";
/** The agent's token, one line, which systemd hands to the agent; the operator's file. */
export const agentTokenPath = "/etc/stakeout/agent-token";

/** Name of a service's unit, state folder and cache folder. */
export function unitName(kind: ServiceKind): string {
  return `stakeout-${kind}`;
}

/** The unit of a service that runs `executable`, an absolute path. */
export function writeUnit(kind: ServiceKind, executable: string): string {
  const path = quotePath(executable);
  return kind === "agent" ? agentUnit(path) : serverUnit(path);
}

/** As a word of ExecStart=, where `%` and `$` begin what systemd fills in. */
function quotePath(path: string): string {
  const text = path.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w.%$/+-]+$/.test(text) ? text : `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

/** Holds for both and needs no reason. */
const common = `UMask=0077
DynamicUser=yes
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelModules=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
# V8 writes machine code and then runs it.
MemoryDenyWriteExecute=no
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM`;

const restart = `Restart=on-failure
RestartSec=5
# Usage or configuration, and a host that cannot: trying again changes nothing.
RestartPreventExitStatus=2 3`;

function agentUnit(executable: string): string {
  return `[Unit]
Description=Stakeout agent: watches this host and profiles what misbehaves
Documentation=file:${configPath}
# Ordered for the way down: the last reports are sent before the network goes. Nothing is waited for at the start.
After=network.target

[Service]
Type=exec
ExecStart=${executable} agent --config ${configPath} --state %S/stakeout-agent --token-file \${CREDENTIALS_DIRECTORY}/token
ExecReload=/bin/kill -HUP $MAINPID
${restart}
# The agent ends within 5 s; its naming child has to stay until the last profile has its names.
KillMode=mixed
TimeoutStopSec=15

# Read by systemd as root, so the file stays root's own with mode 0600.
LoadCredential=token:${agentTokenPath}
StateDirectory=stakeout-agent
StateDirectoryMode=0700
# The executable unpacks its runtime here, once.
CacheDirectory=stakeout-agent
CacheDirectoryMode=0700
Environment=XDG_CACHE_HOME=%C/stakeout-agent

# BPF maps and the windows of files that names are read from count as well.
MemoryMax=512M
# When the naming child is what runs out of memory, the agent goes on.
OOMPolicy=continue

# BPF programs; perf events; who other users' processes are; their symbol files; names of kernel functions.
AmbientCapabilities=CAP_BPF CAP_PERFMON CAP_SYS_PTRACE CAP_DAC_READ_SEARCH CAP_SYSLOG
CapabilityBoundingSet=CAP_BPF CAP_PERFMON CAP_SYS_PTRACE CAP_DAC_READ_SEARCH CAP_SYSLOG
# In a user namespace of its own none of these would hold.
PrivateUsers=no
# It watches everybody, and reads /proc/loadavg and /proc/kallsyms.
ProtectProc=default
ProcSubset=all
# ProtectKernelTunables= would hide /proc/kallsyms, and ProtectKernelLogs= take CAP_SYSLOG; the rest of both is here.
# What is hidden or read-only for the agent (/home too) it still reads of other processes, in their own root.
ReadOnlyPaths=/sys /proc/sys -/proc/irq -/proc/bus -/proc/fs -/proc/sysrq-trigger
InaccessiblePaths=-/proc/kmsg -/proc/kcore
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
${common}
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources @keyring userfaultfd
SystemCallFilter=bpf perf_event_open

[Install]
WantedBy=multi-user.target
`;
}

function serverUnit(executable: string): string {
  return `[Unit]
Description=Stakeout server: backend and web UI
Documentation=file:${configPath}
After=network.target

[Service]
Type=exec
ExecStart=${executable} server --config ${configPath} --state %S/stakeout-server
# On standard output the server prints its URL with a token, which is not for the journal; the log is on the other.
StandardOutput=null
${restart}
TimeoutStopSec=15

StateDirectory=stakeout-server
StateDirectoryMode=0700
# The executable unpacks its runtime here, once.
CacheDirectory=stakeout-server
CacheDirectoryMode=0700
Environment=XDG_CACHE_HOME=%C/stakeout-server

MemoryMax=1G

CapabilityBoundingSet=
PrivateUsers=yes
ProtectKernelTunables=yes
ProtectKernelLogs=yes
ProtectProc=invisible
ProcSubset=pid
RestrictAddressFamilies=AF_INET AF_INET6
${common}
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources @keyring userfaultfd

[Install]
WantedBy=multi-user.target
`;
}
