/** The product's sign: a window of seconds, three of them over the threshold. */
export function BrandMark() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <path class="mark-bar" d="M4 27v-7h4v7zM10 27v-5h4v5z" />
      <path class="mark-trip" d="M16 27V9h4v18zM22 27V5h4v22zM28 27V11h3v16z" />
      <path class="mark-line" d="M3 15h28" fill="none" />
    </svg>
  );
}
