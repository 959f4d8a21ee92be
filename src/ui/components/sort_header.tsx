import { Icon } from "./icon.tsx";

/** Head of a column that rows can be ordered by. */
export function SortHeader({ title, active, descending, class: className, onSort }: {
  title: string;
  active: boolean;
  descending: boolean;
  class?: string;
  onSort: () => void;
}) {
  const order = descending ? "descending" : "ascending";
  return (
    <th scope="col" class={className} {...(active ? { "aria-sort": order } : {})}>
      <button type="button" class="sort" onClick={onSort}>
        {title}
        {active && <Icon name={descending ? "down" : "up"} />}
      </button>
    </th>
  );
}
