import { describeFetchError } from "../transport.ts";

/** Where the Kubernetes API is, as seen from a pod. */
export interface KubernetesPlace {
  /** `https://` with host and port. */
  readonly url: string;
  readonly node: string;
  /** Holds `token` and `ca.crt`; both are read anew for every request, since they are renewed while we run. */
  readonly accountFolder: string;
  /** How long an answer may take to begin. */
  readonly answerMs: number;
}

/** What the server is asked to end a watch after; the token is read anew then. */
const watchSeconds = 600;
const smallFileBytes = 256 * 1024;

/**
 * Finds the API by what Kubernetes puts into a pod's environment; undefined outside of a cluster, and a sentence with
 * the fix in one that does not say which node this is.
 */
export function findKubernetes(
  variable: (name: string) => string | undefined,
): KubernetesPlace | string | undefined {
  const host = variable("KUBERNETES_SERVICE_HOST");
  if (!host) return undefined;
  const node = variable("NODE_NAME");
  if (!node) return "NODE_NAME is not set; set it from spec.nodeName (fieldRef) in the pod";
  const port = variable("KUBERNETES_SERVICE_PORT") || "443";
  return {
    url: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    node,
    accountFolder: "/var/run/secrets/kubernetes.io/serviceaccount",
    answerMs: 10_000,
  };
}

/**
 * Opens a watch over the pods of the node and hands its answer, 200 or not, to `read`; whatever happens then, the
 * connection is closed.
 *
 * Source: GET /api/v1/pods?watch. From resource version "0" it begins with every pod there is, one ADDED event each, so
 * that nothing has to be listed first: less to be allowed, and no answer larger than one pod.
 * Limits: 620 s until the answer ends.
 * @throws {Error} when there is no answer, or the files of the service account cannot be read
 */
export async function watchNodePods(
  place: KubernetesPlace,
  resourceVersion: string,
  signal: AbortSignal,
  read: (response: Response) => Promise<void>,
): Promise<void> {
  const query = new URLSearchParams({
    watch: "true",
    fieldSelector: `spec.nodeName=${place.node}`,
    resourceVersion,
    allowWatchBookmarks: "true",
    timeoutSeconds: `${watchSeconds}`,
  });
  const [token, ca] = await Promise.all([
    readAccountFile(`${place.accountFolder}/token`),
    readAccountFile(`${place.accountFolder}/ca.crt`),
  ]);
  using client = Deno.createHttpClient({ caCerts: [ca] });
  const abort = new AbortController();
  const end = () => abort.abort();
  signal.addEventListener("abort", end);
  let timer = setTimeout(end, place.answerMs);
  try {
    const response = await fetch(`${place.url}/api/v1/pods?${query}`, {
      client,
      // The token is for this server only.
      redirect: "manual",
      signal: abort.signal,
      headers: {
        authorization: `Bearer ${token.trim()}`,
        accept: "application/json",
        "accept-encoding": "identity",
      },
    });
    clearTimeout(timer);
    timer = setTimeout(end, (watchSeconds + 20) * 1000);
    await read(response);
  } catch (error) {
    if (abort.signal.aborted) throw new Error(`No answer from ${place.url} in time`, { cause: error });
    throw error instanceof TypeError ? new Error(`${place.url}: ${describeFetchError(error)}`) : error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    abort.abort();
  }
}

async function readAccountFile(path: string): Promise<string> {
  try {
    using file = await Deno.open(path);
    const buffer = new Uint8Array(smallFileBytes);
    const length = await file.read(buffer) ?? 0;
    return new TextDecoder().decode(buffer.subarray(0, length));
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "it is missing" : (error as Error).message;
    throw new Error(`Cannot read ${path}: ${reason}; give the pod its service account's token`);
  }
}
