import { agentTokenPath, unitName } from "./units.ts";

/** What the configuration of both services is begun with. It sets nothing, so that the defaults hold. */
export const sampleConfig =
  `# Settings of Stakeout on this host, for every command that runs here. Check them with: stakeout config check
# The services' users read this file: tokens and keys belong into files of their own.

# The agent: where it reports. Its token is in ${agentTokenPath}.
# backend: { url: "https://stakeout.example:7471" } # or skywalking://oap:11800, SkyWalking's OAP
# tls: { ca_file: /etc/stakeout/ca.pem }

# The server: beyond 127.0.0.1 it needs TLS. To hand it a key that only root reads, run
#   systemctl edit ${unitName("server")}
# and add below [Service] the line LoadCredential=key.pem:/etc/stakeout/key.pem
# listen: 0.0.0.0:7471
# tls: { cert_file: /etc/stakeout/cert.pem, key_file: "\${CREDENTIALS_DIRECTORY:/etc/stakeout}/key.pem" }
# host_names: [stakeout.example]
`;
