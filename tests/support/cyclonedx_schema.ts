import { createRequire } from "node:module";
import { repositoryRoot } from "../../scripts/command.ts";

const tools = `${repositoryRoot}/.tools/node_modules`;
const schemas = `${tools}/@cyclonedx/cyclonedx-library/res/schema`;
const require = createRequire(`${tools}/`);

/** What CycloneDX's own schema of version 1.6 finds wrong with a bill of materials; "" when nothing. */
export function findBomFaults(bom: unknown): string {
  const { default: Ajv } = require("ajv");
  const ajv = new Ajv({ strict: false, formats: { "iri-reference": true, "idn-email": true } });
  require("ajv-formats").default(ajv);
  const read = (name: string) => JSON.parse(Deno.readTextFileSync(`${schemas}/${name}`));
  for (const name of ["spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json"]) {
    ajv.addSchema(read(name), `http://cyclonedx.org/schema/${name}`);
  }
  const validate = ajv.compile(read("bom-1.6.SNAPSHOT.schema.json"));
  return validate(bom) ? "" : JSON.stringify(validate.errors);
}

/** Whether it is an expression of SPDX identifiers that exist. */
export function isSpdxExpression(text: string): boolean {
  try {
    require("spdx-expression-parse")(text);
    return true;
  } catch {
    return false;
  }
}
