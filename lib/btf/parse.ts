const MAGIC = 0xeb9f;
const HEADER_BYTES = 24;
const TYPE_BYTES = 12;

/** Kinds of BTF types, by the number in `info` (include/uapi/linux/btf.h). */
export const BtfKind = {
  int: 1,
  pointer: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  forward: 7,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  function: 12,
  functionPrototype: 13,
  variable: 14,
  section: 15,
  float: 16,
  declarationTag: 17,
  typeTag: 18,
  enum64: 19,
} as const;

/** A member of a struct or union, or a variable of a section. */
export interface BtfMember {
  readonly name: string;
  /** Id of the member's type. */
  readonly type: number;
  readonly offsetBits: number;
  /** Bytes of a section's variable; 0 for members, whose type says. */
  readonly sizeBytes: number;
}

/** One type. Fields that its kind does not have are 0 or empty. */
export interface BtfType {
  readonly id: number;
  readonly kind: number;
  readonly name: string;
  readonly sizeBytes: number;
  /** The type pointed to, renamed, qualified or held by an array. */
  readonly target: number;
  /** Elements of an array. */
  readonly elements: number;
  /** True for a signed int. */
  readonly signed: boolean;
  readonly members: readonly BtfMember[];
}

/** The types of a BPF object or of the kernel; index is the id, 0 is void. */
export type BtfTypes = readonly BtfType[];

const VOID: BtfType = {
  id: 0,
  kind: 0,
  name: "",
  sizeBytes: 0,
  target: 0,
  elements: 0,
  signed: false,
  members: [],
};
/** Kinds whose third word is a size, not a type. */
const SIZED = new Set<number>([
  BtfKind.int,
  BtfKind.struct,
  BtfKind.union,
  BtfKind.enum,
  BtfKind.section,
  BtfKind.float,
  BtfKind.enum64,
]);

/**
 * Parses BTF. What cannot be read ends the list: the types before it are returned, never an exception.
 *
 * Source: the bytes of a .BTF section or /sys/kernel/btf/vmlinux, little-endian, without a base.
 * Limits: as many types as the bytes hold.
 */
export function parseBtf(bytes: Uint8Array): BtfTypes {
  const types: BtfType[] = [VOID];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES || view.getUint16(0, true) !== MAGIC) return types;
  const headerBytes = view.getUint32(4, true);
  const start = headerBytes + view.getUint32(8, true);
  const end = Math.min(start + view.getUint32(12, true), bytes.length);
  const stringsStart = headerBytes + view.getUint32(16, true);
  const strings = bytes.subarray(stringsStart, stringsStart + view.getUint32(20, true));
  for (let offset = start; offset + TYPE_BYTES <= end;) {
    const tailBytes = extraBytes(view.getUint32(offset + 4, true));
    if (tailBytes === undefined || offset + TYPE_BYTES + tailBytes > end) break;
    types.push(readType(view, offset, types.length, strings));
    offset += TYPE_BYTES + tailBytes;
  }
  return types;
}

/** Bytes that follow a type's three words; undefined for a kind we do not know, whose length nobody can tell. */
function extraBytes(info: number): number | undefined {
  const count = info & 0xffff;
  switch (kindOf(info)) {
    case BtfKind.int:
    case BtfKind.variable:
    case BtfKind.declarationTag:
      return 4;
    case BtfKind.array:
      return 12;
    case BtfKind.struct:
    case BtfKind.union:
    case BtfKind.section:
    case BtfKind.enum64:
      return 12 * count;
    case BtfKind.enum:
    case BtfKind.functionPrototype:
      return 8 * count;
    case BtfKind.pointer:
    case BtfKind.forward:
    case BtfKind.typedef:
    case BtfKind.volatile:
    case BtfKind.const:
    case BtfKind.restrict:
    case BtfKind.function:
    case BtfKind.float:
    case BtfKind.typeTag:
      return 0;
    default:
      return undefined;
  }
}

function readType(view: DataView, offset: number, id: number, strings: Uint8Array): BtfType {
  const info = view.getUint32(offset + 4, true);
  const kind = kindOf(info);
  const sizeOrType = view.getUint32(offset + 8, true);
  const tail = offset + TYPE_BYTES;
  const isArray = kind === BtfKind.array;
  return {
    id,
    kind,
    name: readString(strings, view.getUint32(offset, true)),
    sizeBytes: SIZED.has(kind) ? sizeOrType : 0,
    target: isArray ? view.getUint32(tail, true) : SIZED.has(kind) ? 0 : sizeOrType,
    elements: isArray ? view.getUint32(tail + 8, true) : 0,
    signed: kind === BtfKind.int && (view.getUint32(tail, true) >>> 24 & 1) === 1,
    members: readMembers(view, tail, info, strings),
  };
}

function readMembers(view: DataView, tail: number, info: number, strings: Uint8Array): BtfMember[] {
  const kind = kindOf(info);
  const members: BtfMember[] = [];
  const count = info & 0xffff;
  if (kind === BtfKind.section) {
    for (let offset = tail; offset < tail + 12 * count; offset += 12) {
      members.push({
        name: "",
        type: view.getUint32(offset, true),
        offsetBits: 8 * view.getUint32(offset + 4, true),
        sizeBytes: view.getUint32(offset + 8, true),
      });
    }
  } else if (kind === BtfKind.struct || kind === BtfKind.union) {
    const hasBitfields = info >>> 31 === 1;
    for (let offset = tail; offset < tail + 12 * count; offset += 12) {
      const place = view.getUint32(offset + 8, true);
      members.push({
        name: readString(strings, view.getUint32(offset, true)),
        type: view.getUint32(offset + 4, true),
        offsetBits: hasBitfields ? place & 0xffffff : place,
        sizeBytes: 0,
      });
    }
  }
  return members;
}

function kindOf(info: number): number {
  return info >>> 24 & 0x1f;
}

function readString(strings: Uint8Array, offset: number): string {
  if (offset >= strings.length) return "";
  const end = strings.indexOf(0, offset);
  let text = "";
  for (let at = offset; at < (end < 0 ? strings.length : end); at++) {
    text += String.fromCharCode(strings[at]!);
  }
  return text;
}
