import type { Part } from "./part.ts";

const commonLicences = "/usr/share/common-licenses";

/** The texts that some licences refer to by name only, where Debian keeps them. */
const wholeTexts: Readonly<Record<string, readonly string[]>> = {
  "GPL-2.0-only": ["GPL-2"],
  "GPL-2.0-or-later": ["GPL-2"],
  "GPL-3.0-or-later": ["GPL-3"],
  "LGPL-2.1-only": ["LGPL-2.1"],
  "LGPL-2.1-or-later": ["LGPL-2.1"],
  "LGPL-3.0-or-later": ["LGPL-3", "GPL-3"],
};
const line = `${"=".repeat(78)}\n`;

/**
 * The notice that travels with the executable: every part in it with its licence and where its source is had, then each
 * licence text once, with the parts it is for. `changes` are sentences on what was changed in them.
 */
export async function formatNotice(
  program: string,
  parts: readonly Part[],
  changes: readonly string[],
): Promise<string> {
  const included = parts.filter((part) => part.included)
    .toSorted((one, other) => one.purl < other.purl ? -1 : 1);
  const list = included.map(({ name, version, licence, source }) =>
    `- ${name} ${version}: ${licence}\n${source === "" ? "" : `  Source: ${source}\n`}`
  );
  const texts = new Map<string, string[]>();
  for (const { name, version, texts: own } of included) {
    for (const text of own) texts.set(text, [...texts.get(text) ?? [], `${name} ${version}`]);
  }
  for (const name of new Set(included.flatMap(({ licence }) => findWholeTexts(licence)))) {
    texts.set(await Deno.readTextFile(`${commonLicences}/${name}`), [name]);
  }
  const body = [...texts].map(([text, titles]) =>
    `${line}${titles.join(", ")}\n${line}\n${text.trimEnd()}\n\n`
  );
  return `${program} is licensed under the Apache License, Version 2.0; its BPF programs under GPL-2.0-only or
BSD-2-Clause. The executable holds these parts of others besides, unchanged unless said:

${list.join("")}
${changes.map((change) => `${change}\n`).join("")}
Parts under the LGPL can be replaced by ones of your own: the build takes them from the packages of the host
it runs on, and everything else it needs is in the source of ${program}.

${body.join("")}`;
}

function findWholeTexts(licence: string): readonly string[] {
  return licence.split(/[\s()]+/).flatMap((id) => wholeTexts[id] ?? []);
}
