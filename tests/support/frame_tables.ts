import { cfaBase, savedFramePointer, type UnwindRule } from "../../lib/unwind/unwind_rule.ts";
import { readOutput } from "../programs/names_build.ts";

// deno-fmt-ignore
const registers = ["rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];

/** Addresses of a module and what binutils and LLVM say of the frames there. */
export interface FrameRow {
  readonly start: number;
  readonly end: number;
  /** The CFA, the return address and the caller's rbp, as `describeRule` writes them. */
  readonly text: string;
}

/**
 * The unwind information of a file, by address, as `objdump --dwarf=frames-interp` interprets it; what the expressions are
 * that it does not write out is read with llvm-dwarfdump, which in turn forgets the CFA at DW_CFA_restore_state.
 */
export async function readFrameTables(path: string): Promise<FrameRow[]> {
  const text = await readOutput("objdump", ["--dwarf=frames-interp", path]);
  const expressions = text.includes("exp") ? await readExpressions(path) : new Map<number, string>();
  const rows: FrameRow[] = [];
  const initial = new Map<string, string>();
  let columns: string[] = [];
  let entry: { isCommon: boolean; offset: string; end: number } = { isCommon: true, offset: "", end: 0 };
  let open: { start: number; text: string } | undefined;
  const close = (end: number) => {
    if (open !== undefined && end > open.start) rows.push({ ...open, end });
    open = undefined;
  };
  for (const line of text.split("\n")) {
    const header =
      /^([0-9a-f]{8,}) [0-9a-f]+ [0-9a-f]+ (CIE|FDE)(?: cie=([0-9a-f]+) pc=([0-9a-f]+)\.\.([0-9a-f]+))?/
        .exec(line);
    if (header !== null) {
      close(entry.end);
      entry = { isCommon: header[2] === "CIE", offset: header[1]!, end: parseInt(header[5] ?? "0", 16) };
      // One without instructions of its own has no rows in the listing.
      if (!entry.isCommon) open = { start: parseInt(header[4]!, 16), text: initial.get(header[3]!) ?? "?" };
    } else if (/^ +LOC +CFA/.test(line)) columns = line.trim().split(/ +/);
    else if (/^[0-9a-f]{16} /.test(line)) {
      const cells = line.trim().replace(/ \(\w+\)/g, "").split(/ +/);
      const start = parseInt(cells[0]!, 16);
      const cell = (name: string) => cells[columns.indexOf(name)];
      const description = `cfa=${cell("CFA")} ra=${cell("ra")} rbp=${unsaved(cell("rbp"))}`;
      const exact = description.includes("exp") ? merge(description, expressions.get(start)) : description;
      if (entry.isCommon) initial.set(entry.offset, exact);
      else {
        close(start);
        open = { start, text: exact };
      }
    }
  }
  close(entry.end);
  return rows.sort((left, right) => left.start - right.start);
}

/** One word for what is lost, still there and not saved yet, between which the two programs do not always tell. */
function unsaved(place: string | undefined): string {
  return place === undefined || place === "s" || place === "same" ? "u" : place;
}

/** What LLVM says, but for a CFA that it forgot; that stays "exp". */
function merge(description: string, detailed: string | undefined): string {
  const forgot = description.startsWith("cfa=exp ") && detailed?.startsWith("cfa=DW_OP") === false;
  return (forgot ? detailed?.replace(/^\S+/, "cfa=exp") : detailed) ?? description;
}

/** Whether a rule is what the programs say. */
export function isSameFrame(row: FrameRow, ruleText: string): boolean {
  if (row.text.includes("ra=u")) return ruleText === "end";
  return row.text === ruleText || row.text === ruleText.replace(/^cfa=DW_OP.*(?= ra=)/, "cfa=exp");
}

/** The rows with expressions, by address. */
async function readExpressions(path: string): Promise<Map<number, string>> {
  const rows = new Map<number, string>();
  for (const line of (await readOutput("llvm-dwarfdump", ["--eh-frame", path])).split("\n")) {
    const match = /^ +0x([0-9a-f]+): CFA=(.*?): (.*)$/.exec(line);
    if (match === null || !line.includes("DW_OP")) continue;
    const saved = (name: string) => {
      const place = new RegExp(`\\b${name}=(\\[[^\\]]*\\]|[^,]*)`).exec(match[3]!)?.[1];
      return unsaved(place).replace(/^\[CFA([-+]\d+)\]$/, "c$1");
    };
    const plain = match[2]!.toLowerCase().replace(/^\w+$/, "$&+0");
    const base = match[2]!.startsWith("DW_OP") ? match[2]! : plain;
    rows.set(parseInt(match[1]!, 16), `cfa=${base} ra=${saved("RIP")} rbp=${saved("RBP")}`);
  }
  return rows;
}

/** A rule in the words of those two programs. */
export function describeRule(rule: UnwindRule): string {
  if (rule.base === cfaBase.none) return "none";
  if (rule.base === cfaBase.end) return "end";
  const place = rule.base === cfaBase.signal
    ? `[DW_OP_breg7 RSP${signed(rule.returnAddressOffset)}]`
    : `c${signed(rule.returnAddressOffset)}`;
  return `cfa=${describeBase(rule)} ra=${place} rbp=${describeFramePointer(rule)}`;
}

function describeBase({ base, cfaOffset, cfaOperand }: UnwindRule): string {
  const offset = signed(cfaOffset);
  const addition = cfaOperand === 0 ? "" : `, DW_OP_plus_uconst 0x${cfaOperand.toString(16)}`;
  switch (base) {
    case cfaBase.plt:
      return `DW_OP_breg7 RSP${offset}, DW_OP_breg16 RIP+0, DW_OP_lit15, DW_OP_and, DW_OP_lit${cfaOperand}, ` +
        "DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus";
    case cfaBase.signal:
    case cfaBase.stackSlot:
      return `DW_OP_breg7 RSP${offset}, DW_OP_deref${addition}`;
    case cfaBase.indexedSlot:
      return `DW_OP_breg7 RSP${offset}, DW_OP_breg9 R9+0, DW_OP_lit8, DW_OP_mul, DW_OP_plus, DW_OP_deref${addition}`;
    case cfaBase.frameSlot:
      return `DW_OP_breg6 RBP${offset}, DW_OP_deref${addition}`;
    default:
      return `${registers[base - cfaBase.register]}${offset}`;
  }
}

function describeFramePointer({ framePointer, framePointerOffset }: UnwindRule): string {
  const offset = signed(framePointerOffset);
  if (framePointer === savedFramePointer.inCaller) return `c${offset}`;
  if (framePointer === savedFramePointer.inFrame) return `[DW_OP_breg6 RBP${offset}]`;
  if (framePointer === savedFramePointer.onStack) return `[DW_OP_breg7 RSP${offset}]`;
  return "u";
}

function signed(offset: number): string {
  return offset < 0 ? `${offset}` : `+${offset}`;
}
