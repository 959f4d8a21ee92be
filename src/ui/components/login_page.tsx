import { useState } from "preact/hooks";
import { reconnect } from "../live.ts";
import { signedOut } from "../session.ts";
import { BrandMark } from "./brand_mark.tsx";
import { useTitle } from "./use_title.ts";

/** Takes a token, which the backend exchanges for this browser's cookie, and goes back to the screen that asked. */
export function LoginPage() {
  useTitle("Sign in");
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  const signIn = async () => {
    setBusy(true);
    setFault(await exchangeToken(token));
    setBusy(false);
  };
  return (
    <main class="login">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void signIn();
        }}
      >
        <span class="brand">
          <BrandMark />Stakeout
        </span>
        <h1>Your session has ended</h1>
        <p class="muted">
          Sign in again with a token: the server prints an address with one when it starts, and keeps it in
          its <code>tokens</code> file.
        </p>
        <label class="field">
          <span>Token</span>
          <input
            type="password"
            value={token}
            required
            autofocus
            autocomplete="current-password"
            spellcheck={false}
            aria-invalid={fault !== ""}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
          {fault !== "" && <span class="fault" role="alert">{fault}</span>}
        </label>
        <button type="submit" class="button primary" disabled={busy}>Sign in</button>
      </form>
    </main>
  );
}

/** Gives what went wrong, or `""` once signed in. */
async function exchangeToken(token: string): Promise<string> {
  try {
    const { ok, status } = await fetch("/login", { method: "POST", body: new URLSearchParams({ token }) });
    if (ok) {
      signedOut.value = false;
      reconnect();
      return "";
    }
    return status === 401
      ? "This token is not known here. Check that it was copied whole."
      : `The server refused with status ${status}.`;
  } catch {
    return "The server does not answer. Is it running?";
  }
}
