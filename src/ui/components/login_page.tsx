import { BrandMark } from "./brand_mark.tsx";
import { useTitle } from "./use_title.ts";

/** Takes a token and hands it to the backend, which exchanges it for this browser's cookie. */
export function LoginPage() {
  useTitle("Sign in");
  const wrong = location.pathname === "/login" && location.search !== "";
  return (
    <main class="login">
      <form method="post" action="/login">
        <span class="brand">
          <BrandMark />Stakeout
        </span>
        <h1>Sign in with a token</h1>
        <p class="muted">
          <code>stakeout up</code>{" "}
          prints an address that signs you in at once. Otherwise paste the token from the server's{" "}
          <code>token</code> file, or ask whoever runs it for one.
        </p>
        <label class="field">
          <span>Token</span>
          <input
            type="password"
            name="token"
            required
            autofocus
            autocomplete="current-password"
            spellcheck={false}
            aria-invalid={wrong}
          />
          {wrong && <span class="fault">This token is not known here. Check that it was copied whole.</span>}
        </label>
        <button type="submit" class="button primary">Sign in</button>
      </form>
    </main>
  );
}
