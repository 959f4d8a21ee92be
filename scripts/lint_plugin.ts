/** The house's rules as a plugin of Deno lint. Cycles of imports need the whole tree: scripts/find_cycles.ts. */
import { folderImports, noBarrels, noDefaultExports } from "./lint/imports.ts";
import {
  noConsole,
  noForeignFunctions,
  noInnerHtml,
  noProcessControl,
  noProcessRoot,
  noSql,
  noWallTime,
} from "./lint/reach.ts";
import { errorMessage, noTopLevelArrows, privateByHash, smallFiles } from "./lint/style.ts";

const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    "folder-imports": folderImports,
    "no-barrels": noBarrels,
    "no-default-exports": noDefaultExports,
    "no-foreign-functions": noForeignFunctions,
    "no-process-control": noProcessControl,
    "no-console": noConsole,
    "no-wall-time": noWallTime,
    "no-sql": noSql,
    "no-process-root": noProcessRoot,
    "no-inner-html": noInnerHtml,
    "no-top-level-arrows": noTopLevelArrows,
    "private-by-hash": privateByHash,
    "error-message": errorMessage,
    "small-files": smallFiles,
  },
};

export default plugin;
