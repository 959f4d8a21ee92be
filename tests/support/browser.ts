import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

/** Debian's Chromium without what it would ask the internet for. */
const flags = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync"],
];

/** A page of a browser of its own; both are closed when the scope ends. */
export interface TestPage extends AsyncDisposable {
  readonly page: Page;
  /** Errors on the console, uncaught exceptions, violations of the page's security policy, failed requests. */
  readonly faults: readonly string[];
}

/** Starts a browser and opens an empty page. */
export async function openPage(options: { colorScheme?: "dark" | "light" } = {}): Promise<TestPage> {
  const browser: Browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags });
  const context: BrowserContext = await browser.newContext({
    viewport: { width: 1440, height: 1000 },
    colorScheme: options.colorScheme ?? "light",
  });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`exception: ${error.message}`));
  page.on("requestfailed", (request) => {
    const reason = request.failure()?.errorText ?? "";
    // The page ends its own streams and questions when it goes elsewhere.
    if (!reason.includes("ERR_ABORTED")) faults.push(`request: ${request.url()} ${reason}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) faults.push(`response: ${response.url()} ${response.status()}`);
  });
  await page.exposeFunction("reportViolation", (text: string) => void faults.push(`policy: ${text}`));
  await page.addInitScript(`addEventListener("securitypolicyviolation",
    (event) => reportViolation(event.violatedDirective + " " + event.blockedURI));`);
  return { page, faults, [Symbol.asyncDispose]: () => browser.close() };
}
