/**
 * The file that the executable's runtime starts with: a few lines, since the runtime parses its main module at length and
 * anew each time, which takes a tenth of a second for the program itself. That one lies in the archive, and only V8 reads it.
 */
import process from "node:process";
import { readBuiltFile } from "./built_file.ts";

const program = new TextDecoder().decode(readBuiltFile("program.js"));
new Function("require", program)(process.getBuiltinModule);
