/** The page for who is not logged in. It needs nothing but its own style sheet. */
export function renderLoginPage(wrongToken: boolean): string {
  const note = wrongToken
    ? `<p class="wrong" role="alert">That token is not valid. Copy the whole of it, or the whole URL.</p>`
    : "";
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Log in – Stakeout</title>
<link rel="stylesheet" href="/login.css">
<main>
<h1>Stakeout</h1>
${note}<form method="post" action="/login">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Log in</button>
</form>
<p>Open the URL that the server printed when it started, or paste the token from its token file.</p>
</main>
</html>
`;
}

/** Style of the login page. */
export const loginStyle = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; }
body { background: light-dark(#f6f7f9, #14171c); color: light-dark(#1b1f24, #e6e8eb); }
main { width: min(22rem, calc(100vw - 3rem)); }
h1 { margin: 0 0 1rem; font-size: 1.5rem; }
form { display: grid; gap: .5rem; }
label { font-weight: 600; }
input, button { font: inherit; padding: .5rem .75rem; border-radius: .375rem; border: 1px solid light-dark(#b6bcc6, #474e59); }
input { background: light-dark(#fff, #1d2128); color: inherit; }
button { background: #1f5fd0; border-color: #1f5fd0; color: #fff; font-weight: 600; cursor: pointer; }
:focus-visible { outline: 3px solid #6ea0ff; outline-offset: 1px; }
p { color: light-dark(#565d68, #a3abb6); font-size: .9rem; }
.wrong { color: light-dark(#b3261e, #ff8a80); }
`;
