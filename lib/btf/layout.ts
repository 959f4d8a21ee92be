import { BtfKind, type BtfType, type BtfTypes } from "./parse.ts";

/** Where a field of a record is. Nested structs are not records. */
export interface FieldLayout {
  readonly name: string;
  readonly offsetBytes: number;
  /** Bytes of one element. */
  readonly elementBytes: number;
  /** 1 unless it is an array. */
  readonly elements: number;
  /** `text` is an array of char. */
  readonly kind: "unsigned" | "signed" | "text";
}

/** Where everything in a record is. */
export interface RecordLayout {
  readonly name: string;
  readonly sizeBytes: number;
  readonly fields: readonly FieldLayout[];
}

/** Where a global variable is in its section. */
export interface VariablePlace {
  readonly section: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/**
 * Returns the layout of each struct whose name ends as given, by name.
 *
 * @throws {TypeError} for a field that is no integer, text or array of integers: records are made of nothing else.
 */
export function recordLayouts(types: BtfTypes, namePattern: RegExp): RecordLayout[] {
  return types
    .filter((type) => type.kind === BtfKind.struct && namePattern.test(type.name))
    .map((type) => ({
      name: type.name,
      sizeBytes: type.sizeBytes,
      fields: type.members.map((member) => ({
        name: member.name,
        offsetBytes: member.offsetBits / 8,
        ...elementOf(types, member.type, `${type.name}.${member.name}`),
      })),
    }))
    .sort((one, two) => one.name < two.name ? -1 : 1);
}

/** Returns a layout on one line, the same for the same layout: what is compared when an object is loaded. */
export function layoutText(layout: RecordLayout): string {
  const fields = layout.fields.map((field) =>
    `${field.name}@${field.offsetBytes}:${field.kind}${8 * field.elementBytes}` +
    (field.elements > 1 ? `[${field.elements}]` : "")
  );
  return `${layout.sizeBytes} bytes: ${fields.join(" ")}`;
}

/** Finds a global variable in the sections whose name begins with `sectionPrefix`. */
export function findVariable(
  types: BtfTypes,
  name: string,
  sectionPrefix: string,
): VariablePlace | undefined {
  for (const section of types) {
    if (section.kind !== BtfKind.section || !section.name.startsWith(sectionPrefix)) continue;
    const member = section.members.find((candidate) => types[candidate.type]?.name === name);
    if (member !== undefined) {
      return { section: section.name, offsetBytes: member.offsetBits / 8, sizeBytes: member.sizeBytes };
    }
  }
  return undefined;
}

function elementOf(
  types: BtfTypes,
  id: number,
  place: string,
): Pick<FieldLayout, "elementBytes" | "elements" | "kind"> {
  const type = resolve(types, id);
  const element = type?.kind === BtfKind.array ? resolve(types, type.target) : type;
  const elements = type?.kind === BtfKind.array ? type.elements : 1;
  if (element?.kind !== BtfKind.int && element?.kind !== BtfKind.enum) {
    throw new TypeError(`Cannot lay out ${place}: records hold integers, text and arrays of integers only`);
  }
  const isText = element.name === "char" && elements > 1;
  return {
    elementBytes: element.sizeBytes,
    elements,
    kind: isText ? "text" : element.signed ? "signed" : "unsigned",
  };
}

/** Follows typedefs and qualifiers; undefined when they do not end. */
function resolve(types: BtfTypes, id: number): BtfType | undefined {
  const transparent: number[] = [
    BtfKind.typedef,
    BtfKind.const,
    BtfKind.volatile,
    BtfKind.restrict,
    BtfKind.typeTag,
  ];
  let type = types[id];
  for (let depth = 0; type !== undefined && transparent.includes(type.kind); depth++) {
    if (depth > 32) return undefined;
    type = types[type.target];
  }
  return type;
}
