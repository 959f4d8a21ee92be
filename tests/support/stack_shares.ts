/** Share of the weight below one function that has another on its stack; from folded stacks. */
export function sharesBelow(folded: string, root: string, names: readonly string[]): Map<string, number> {
  const below = new Map(names.map((name) => [name, 0]));
  let whole = 0;
  for (const line of folded.split("\n").filter((text) => text !== "")) {
    const frames = line.slice(0, line.lastIndexOf(" ")).split(";");
    const weight = Number(line.slice(line.lastIndexOf(" ") + 1));
    if (!frames.includes(root)) continue;
    whole += weight;
    for (const name of names) if (frames.includes(name)) below.set(name, below.get(name)! + weight);
  }
  return new Map([...below].map(([name, weight]) => [name, whole === 0 ? 0 : weight / whole]));
}
