/** Version of this program, as agents report it and `stakeout version` prints it. */
export const version = "0.1.0";
