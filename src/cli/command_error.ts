/** How a command ends: 1 failure, 2 usage or configuration, 3 this host cannot do it. */
export type FailureCode = 1 | 2 | 3;

/**
 * A fault that the user is told in one line each, `error: what; fix`, without a stack trace.
 * The message is the first line; `more` are further faults of the same kind, such as a file's.
 */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: FailureCode;
  readonly more: readonly string[];

  constructor(
    message: string,
    options: { exitCode: FailureCode; more?: readonly string[]; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.exitCode = options.exitCode;
    this.more = options.more ?? [];
  }
}
