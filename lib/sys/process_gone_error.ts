/** The process ended while it was being looked at. Always to be expected, never a fault of this program. */
export class ProcessGoneError extends Error {
  override readonly name = "ProcessGoneError";
  readonly pid: number;

  constructor(pid: number, options?: ErrorOptions) {
    super(`Process ${pid} has ended`, options);
    this.pid = pid;
  }
}
