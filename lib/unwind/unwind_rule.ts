/** What the address of the caller's frame is computed from; the numbers fit a byte of a BPF struct. */
export const cfaBase = {
  /** Nothing is known here: frame pointers must do. */
  none: 0,
  /** The outermost frame, such as `_start` or the start of a thread: the stack ends well. */
  end: 1,
  /** CFA = rsp + cfaOffset, and 8 more where (rip & 15) >= cfaOperand: lazily bound entries of a .plt. */
  plt: 2,
  /**
   * CFA = the u64 at rsp + cfaOffset; the return address is the u64 at rsp + returnAddressOffset: the kernel's signal frame, in
   * whose ucontext all registers of the interrupted code lie. That code was stopped at its address, not behind a call there.
   */
  signal: 3,
  /** CFA = the u64 at rsp + cfaOffset, + cfaOperand. */
  stackSlot: 4,
  /** CFA = the u64 at rbp + cfaOffset, + cfaOperand: functions that align their stack. */
  frameSlot: 5,
  /**
   * CFA = the u64 at rsp + 8 * r9 + cfaOffset, + cfaOperand: OpenSSL's multiplication of big numbers. As r9 is, it is known in the
   * innermost frame alone.
   */
  indexedSlot: 6,
  /**
   * CFA = register + cfaOffset, where this plus the register's DWARF number is the base (0 rax, 1 rdx, 2 rcx, 3 rbx, 4 rsi,
   * 5 rdi, 6 rbp, 7 rsp, 8 to 15 r8 to r15). Registers but rbp and rsp are known in the innermost frame alone, and in the one
   * that a signal interrupted.
   */
  register: 16,
  /** rbp of `register`. */
  framePointer: 22,
  /** rsp of `register`. */
  stackPointer: 23,
} as const;

/** Where the caller's rbp is; the numbers fit a byte of a BPF struct. */
export const savedFramePointer = {
  /** Still in rbp. */
  same: 0,
  /** Lost. */
  undefined: 1,
  /** The u64 at CFA + framePointerOffset. */
  inCaller: 2,
  /** The u64 at rbp + framePointerOffset. */
  inFrame: 3,
  /** The u64 at rsp + framePointerOffset. */
  onStack: 4,
} as const;

/**
 * How to get from a frame to its caller's: the CFA, which is the caller's rsp, the return address and the caller's rbp.
 *
 * Units: offsets in bytes, signed. Limits: `cfaOffset` fits 32 bits, the other offsets and the operand 16; what does not is
 * `none`. Other registers that callees save are not followed.
 */
export interface UnwindRule {
  /** One of `cfaBase`, or `cfaBase.register` plus a DWARF register. */
  readonly base: number;
  readonly cfaOffset: number;
  /** Of `plt` and of those that load a slot; 0 for others. */
  readonly cfaOperand: number;
  /** From the CFA, -8 nearly always; of `signal` from rsp. */
  readonly returnAddressOffset: number;
  /** One of `savedFramePointer`. */
  readonly framePointer: number;
  /** 0 for `same` and `undefined`. */
  readonly framePointerOffset: number;
}

/** The rule of addresses that no table knows. */
export const noRule: UnwindRule = {
  base: cfaBase.none,
  cfaOffset: 0,
  cfaOperand: 0,
  returnAddressOffset: 0,
  framePointer: savedFramePointer.undefined,
  framePointerOffset: 0,
};
