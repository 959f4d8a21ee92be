import { DwarfReader } from "../dwarf/dwarf_reader.ts";
import { type CommonInformation, readCommonInformation } from "./common_information.ts";
import { readEncodedPointer, readPointerValue } from "./encoded_pointer.ts";
import { FrameMachine } from "./frame_machine.ts";
import type { FrameSection } from "./frame_section.ts";
import { FrameState, returnAddressRegister } from "./frame_state.ts";
import type { FunctionRows } from "./function_rows.ts";
import type { RuleSet } from "./rule_set.ts";

const maxCommon = 65_536;
const maxOffset = 0x1_0000_0000;
/** Of one function; the longest in LLVM, node and rustc takes 12 KiB. */
const maxProgramBytes = 256 * 1024;

interface CommonState {
  readonly common: CommonInformation;
  /** What its instructions leave. */
  readonly initial: FrameState;
}

/** Reads the functions of one section after the other into rows and rules. */
export class FrameSectionCompiler {
  /** Functions that cannot be read. */
  brokenFunctions = 0;
  readonly #section: FrameSection;
  readonly #firstAddress: number;
  readonly #functions: FunctionRows;
  readonly #rules: RuleSet;
  readonly #reader: DwarfReader;
  readonly #machine: FrameMachine;
  readonly #commons = new Map<number, CommonState | undefined>();
  #isSignalFrame = false;

  constructor(section: FrameSection, firstAddress: number, functions: FunctionRows, rules: RuleSet) {
    this.#section = section;
    this.#firstAddress = firstAddress;
    this.#functions = functions;
    this.#rules = rules;
    this.#reader = new DwarfReader(section.cursor(), 0, false);
    this.#machine = new FrameMachine(this.#reader, section, (location, state) => {
      functions.add(location - firstAddress, rules.numberOf(state, this.#isSignalFrame));
    });
  }

  /** Reads all functions; why the rest is left out, or "". */
  run(): string {
    const { sizeBytes, endsAtTerminator, isDebugFrame } = this.#section;
    const reader = this.#reader;
    for (let at = 0; at + 4 <= sizeBytes;) {
      if (this.#functions.isFull) break;
      reader.at = at;
      const bytes = reader.unitLength();
      if (bytes === 0 && endsAtTerminator) break;
      const idAt = reader.at;
      const end = idAt + bytes;
      if (end > sizeBytes || reader.failed) return "unwind information is cut";
      if (bytes > 0) {
        const id = isDebugFrame ? reader.offset() : reader.u32();
        const isCommon = isDebugFrame ? id === (reader.is64 ? 2 ** 64 : 0xffffffff) : id === 0;
        if (!isCommon && !this.#addFunction(isDebugFrame ? id : idAt - id, end)) this.brokenFunctions++;
      }
      if (reader.failed) return "unwind information is too long or broken";
      at = end;
    }
    return this.#functions.isFull ? "too many functions or rows" : "";
  }

  /** Reads an FDE whose reader is behind the pointer to its CIE; false when it is broken. */
  #addFunction(commonAt: number, programEnd: number): boolean {
    const reader = this.#reader;
    const entry = reader.at;
    const commonState = this.#commonAt(commonAt);
    if (commonState === undefined) return false;
    const { common, initial } = commonState;
    reader.at = entry;
    const start = readEncodedPointer(reader, common.pointerEncoding, this.#section);
    const end = start + readPointerValue(reader, common.pointerEncoding);
    if (common.hasAugmentationData) {
      const bytes = reader.uleb();
      reader.at += bytes;
    }
    if (start === end) return true;
    const firstAddress = this.#firstAddress;
    const isPlace = start >= firstAddress && end > start && end - firstAddress <= maxOffset;
    const programBytes = programEnd - reader.at;
    if (!isPlace || programBytes < 0 || programBytes > maxProgramBytes) return false;
    this.#functions.begin(start - firstAddress, end - firstAddress);
    this.#isSignalFrame = common.isSignalFrame;
    const known = this.#machine.run({ programEnd, common, initial, start, end });
    const brokenAt = this.#machine.location;
    if (!known && brokenAt < end) this.#functions.add(brokenAt - firstAddress, 0);
    return known;
  }

  #commonAt(at: number): CommonState | undefined {
    if (!this.#commons.has(at) && this.#commons.size < maxCommon) {
      this.#commons.set(at, this.#readCommon(at));
    }
    return this.#commons.get(at);
  }

  #readCommon(at: number): CommonState | undefined {
    if (at < 0 || at >= this.#section.sizeBytes) return undefined;
    const common = readCommonInformation(this.#section, at);
    if (common?.returnAddressRegister !== returnAddressRegister) return undefined;
    const reader = new DwarfReader(this.#section.cursor(), common.programAt, false);
    const machine = new FrameMachine(reader, this.#section, ignoreState);
    const program = { programEnd: common.programEnd, common, initial: new FrameState(), start: 0, end: 0 };
    return machine.run(program) ? { common, initial: machine.state } : undefined;
  }
}

function ignoreState(): void {}
