/** A policy with short periods: trips when a process of this executable uses a fifth of a core in 2 of 5
 * seconds, which a burner gets on a busy machine, too. */
export function policyText(name: string, exe: string, { duration = "5s", silence = "10m" } = {}): string {
  return `apiVersion: stakeout/v1
kind: Policy
metadata: { name: ${name} }
target: { exe: "${exe}" }
rules:
  - metric: process_cpu
    threshold: 20%
    period: 5s
    count: 2
start: [on_cpu]
duration: ${duration}
silence: ${silence}
`;
}
