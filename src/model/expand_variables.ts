/** Looks a variable of the environment up; undefined when it is not set. */
export type Variables = (name: string) => string | undefined;

/**
 * Replaces `${NAME}` and `${NAME:default}` by the environment's values; `$$` is a dollar sign. A value is never
 * expanded again. `missing` names the first variable that is neither set nor has a default.
 */
export function expandVariables(text: string, variables: Variables): { text: string; missing?: string } {
  let missing: string | undefined;
  const expanded = text.replace(
    /\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\})/g,
    (whole, name: string | undefined, fallback: string | undefined) => {
      if (name === undefined) return "$";
      const value = variables(name) ?? fallback;
      if (value === undefined) missing ??= name;
      return value ?? whole;
    },
  );
  return missing === undefined ? { text: expanded } : { text: expanded, missing };
}
