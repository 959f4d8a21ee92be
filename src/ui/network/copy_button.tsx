import { useState } from "preact/hooks";
import { Icon } from "../components/icon.tsx";

const shownMs = 1500;

/** Puts a text on the clipboard and says that it did. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [outcome, setOutcome] = useState<"" | "Copied" | "Not allowed">("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setOutcome("Copied");
    } catch {
      setOutcome("Not allowed");
    }
    setTimeout(() => setOutcome(""), shownMs);
  };
  return (
    <button
      type="button"
      class="button plain copy"
      aria-label={label}
      title={label}
      onClick={() => void copy()}
    >
      {outcome === "" ? <Icon name="copy" /> : <span role="status">{outcome}</span>}
    </button>
  );
}
