import { findPlace, isIn } from "./place.ts";

/** What the files of one folder may import: folders (with slash) and files of the repository, and packages. */
interface Border {
  folder: string;
  files: string[];
  packages: string[];
}

const rpc = [
  "@bufbuild/protobuf",
  "@connectrpc/connect",
  "@connectrpc/connect-node",
  "@connectrpc/connect-web",
];
const borders: Border[] = [
  { folder: "lib/", files: ["lib/"], packages: ["node:", "@bufbuild/protobuf", "gecko-profiler-demangle"] },
  { folder: "src/model/", files: ["src/model/"], packages: ["zod", "yaml", "re2js"] },
  { folder: "src/gen/", files: ["src/gen/"], packages: ["@bufbuild/protobuf"] },
  {
    folder: "src/agent/",
    files: ["lib/", "src/model/", "src/gen/", "src/agent/"],
    packages: ["node:", "re2js", ...rpc],
  },
  {
    folder: "src/backend/",
    files: ["lib/pprof/", "lib/clock.ts", "lib/log.ts", "src/model/", "src/gen/", "src/backend/"],
    packages: ["node:", "zod", ...rpc],
  },
  {
    folder: "src/ui/",
    files: ["lib/clock.ts", "src/model/", "src/gen/", "src/ui/"],
    packages: ["preact", "@preact/signals", "uplot", "d3-force", ...rpc],
  },
  {
    folder: "src/cli/",
    files: ["lib/", "src/model/", "src/gen/", "src/agent/", "src/backend/", "src/cli/"],
    packages: ["node:", "commander", "zod", ...rpc],
  },
  {
    folder: "src/packed/",
    files: ["main.ts", "src/model/", "src/backend/", "src/packed/"],
    packages: ["node:"],
  },
  { folder: "main.ts", files: ["src/cli/", "lib/"], packages: [] },
];

type Source = { source: Deno.lint.StringLiteral | null };

/** Who may import whom. */
export const folderImports: Deno.lint.Rule = {
  create(context) {
    const { path, test } = findPlace(context.filename);
    const border = borders.find(({ folder }) => isIn(path, [folder]));
    if (border === undefined || test) return {};

    function check(node: Deno.lint.Node, specifier: string): void {
      const allowed = specifier.startsWith(".")
        ? isIn(resolve(path, specifier), border!.files)
        : border!.packages.some((name) =>
          name.endsWith(":")
            ? specifier.startsWith(name)
            : specifier === name || specifier.startsWith(name + "/")
        );
      if (allowed) return;
      const list = [...border!.files, ...border!.packages].join(", ");
      context.report({
        node,
        message: `${border!.folder} may not import ${specifier}`,
        hint: `Allowed here: ${list}`,
      });
    }

    function checkSource(node: Deno.lint.Node & Source): void {
      if (node.source !== null) check(node, node.source.value);
    }

    return {
      ImportDeclaration: checkSource,
      ExportNamedDeclaration: checkSource,
      ExportAllDeclaration: checkSource,
      ImportExpression(node) {
        if (node.source.type === "Literal" && typeof node.source.value === "string") {
          check(node, node.source.value);
        }
      },
    };
  },
};

/** Import the file you mean: nothing is exported onward. */
export const noBarrels: Deno.lint.Rule = {
  create(context) {
    function report(node: Deno.lint.Node): void {
      context.report({
        node,
        message: "Re-exports hide where a thing lives",
        hint: "Import the file you mean",
      });
    }
    return {
      ExportAllDeclaration: report,
      ExportNamedDeclaration(node) {
        if (node.source !== null) report(node);
      },
    };
  },
};

/** Deno's own plugin interface is the one place that asks for a default export. */
export const noDefaultExports: Deno.lint.Rule = {
  create(context) {
    if (findPlace(context.filename).path === "scripts/lint_plugin.ts") return {};
    return {
      ExportDefaultDeclaration(node) {
        context.report({ node, message: "No default exports", hint: "Export a name, the file's own" });
      },
    };
  },
};

function resolve(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}
