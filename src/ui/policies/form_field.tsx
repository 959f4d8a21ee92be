import { useId } from "preact/hooks";

/** A text box with its name, suggestions and what is wrong with it. */
export function FormField({ class: className = "", title, value, fault, hint, options, onInput }: {
  class?: string;
  title: string;
  value: string;
  fault?: string | undefined;
  /** Shown while the box is empty. */
  hint?: string;
  /** What can be chosen; anything else may be typed. */
  options?: readonly string[];
  onInput: (value: string) => void;
}) {
  const id = useId();
  return (
    <div class={`field ${className}`}>
      <label for={id}>{title}</label>
      <input
        id={id}
        type="text"
        value={value}
        placeholder={hint}
        spellcheck={false}
        autocomplete="off"
        {...(options === undefined ? {} : { list: `${id}-options` })}
        {...(fault === undefined ? {} : { "aria-invalid": true, "aria-describedby": `${id}-fault` })}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {options !== undefined && (
        <datalist id={`${id}-options`}>
          {options.map((option) => <option key={option} value={option} />)}
        </datalist>
      )}
      {fault !== undefined && <span id={`${id}-fault`} class="fault">{fault}</span>}
    </div>
  );
}
