import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icon.tsx";

const delayMs = 200;

/** A search box that reports what is typed after a short rest. */
export function SearchField({ label, value, onSearch }: {
  label: string;
  value: string;
  onSearch: (text: string) => void;
}) {
  const [text, setText] = useState(value);
  const reported = useRef(value);
  useEffect(() => {
    if (value !== reported.current) setText(reported.current = value);
  }, [value]);
  useEffect(() => {
    if (text === reported.current) return;
    const timer = setTimeout(() => onSearch(reported.current = text), delayMs);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <div class="search-field">
      <Icon name="search" />
      <input
        type="search"
        aria-label={label}
        placeholder={label}
        value={text}
        spellcheck={false}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </div>
  );
}
