import type { Authenticator } from "./auth.ts";
import { loginStyle, renderLoginPage } from "./login_page.ts";

const formBytes = 4_096;

/** Answers `/login`: exchanges the token of the printed URL, or of the form, for a cookie. */
export async function logIn(request: Request, url: URL, authenticator: Authenticator): Promise<Response> {
  const token = request.method === "POST" ? await readForm(request) : url.searchParams.get("token");
  if (token === null) return loginPage(200, false);
  const cookie = authenticator.logIn(token.trim(), url.protocol === "https:");
  if (cookie === undefined) return loginPage(401, true);
  // The token leaves the address bar and the history with this redirect.
  return new Response(null, {
    status: 303,
    headers: { location: "/", "set-cookie": cookie, "cache-control": "no-store" },
  });
}

/** The page that asks for a token. */
export function loginPage(status: 200 | 401, wrongToken: boolean): Response {
  const headers = { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" };
  return new Response(renderLoginPage(wrongToken), { status, headers });
}

/** Style sheet of that page, for everybody. */
export function serveLoginStyle(): Response {
  return new Response(loginStyle, { headers: { "content-type": "text/css; charset=utf-8" } });
}

async function readForm(request: Request): Promise<string> {
  if (Number(request.headers.get("content-length") ?? Infinity) > formBytes) return "";
  return new URLSearchParams(await request.text()).get("token") ?? "";
}
