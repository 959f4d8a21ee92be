/** A choice of a few, all visible. */
export function Segments<T extends string>({ label, options, value, onChoose }: {
  label: string;
  options: readonly (readonly [T, string])[];
  value: T;
  onChoose: (value: T) => void;
}) {
  return (
    <div class="segments" role="group" aria-label={label}>
      {options.map(([option, title]) => (
        <button
          key={option}
          type="button"
          aria-pressed={option === value}
          onClick={() => onChoose(option)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}
