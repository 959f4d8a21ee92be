import { findPlace, isIn } from "./place.ts";

/** `Deno.x` and `globalThis.Deno.x`: the name of the member, or undefined. */
function denoMember(node: Deno.lint.MemberExpression): string | undefined {
  const { object, property } = node;
  const isDeno = (object.type === "Identifier" && object.name === "Deno") ||
    (object.type === "MemberExpression" && object.property.type === "Identifier" &&
      object.property.name === "Deno");
  return isDeno && property.type === "Identifier" ? property.name : undefined;
}

/** FFI lives in lib/bpf and lib/sys. */
export const noForeignFunctions: Deno.lint.Rule = {
  create(context) {
    const { path, product } = findPlace(context.filename);
    if (!product || isIn(path, ["lib/bpf/", "lib/sys/"])) return {};
    return {
      MemberExpression(node) {
        const member = denoMember(node);
        if (member === "dlopen" || member?.startsWith("Unsafe")) {
          context.report({ node, message: `Deno.${member} only in lib/bpf and lib/sys` });
        }
      },
    };
  },
};

/** main.ts alone reads the arguments and ends the process, and self_command.ts takes them off its own command line; the browser's
code has no Deno at all. */
export const noProcessControl: Deno.lint.Rule = {
  create(context) {
    const { path, product } = findPlace(context.filename);
    if (!product || path === "main.ts" || path === "src/cli/self_command.ts") return {};
    const browser = isIn(path, ["src/ui/"]);
    return {
      MemberExpression(node) {
        const member = denoMember(node);
        if (member === undefined) return;
        if (browser) context.report({ node, message: "src/ui runs in a browser: no Deno" });
        else if (member === "exit" || member === "args") {
          context.report({ node, message: `Deno.${member} only in main.ts` });
        }
      },
    };
  },
};

/** The product writes through lib/log.ts and src/cli/output.ts; a browser's console is nobody's log. */
export const noConsole: Deno.lint.Rule = {
  create(context) {
    if (!findPlace(context.filename).product) return {};
    return {
      MemberExpression(node) {
        if (node.object.type === "Identifier" && node.object.name === "console") {
          context.report({
            node,
            message: "No console in the product",
            hint: "Use a Logger, or src/cli/output.ts",
          });
        }
      },
    };
  },
};

/** The wall clock is read in lib/clock.ts and handed on as a Clock. */
export const noWallTime: Deno.lint.Rule = {
  create(context) {
    const { path, product } = findPlace(context.filename);
    if (!product || path === "lib/clock.ts") return {};
    function report(node: Deno.lint.Node, what: string): void {
      context.report({ node, message: `${what} only in lib/clock.ts`, hint: "Take a Clock" });
    }
    return {
      MemberExpression(node) {
        const { object, property } = node;
        if (object.type !== "Identifier" || property.type !== "Identifier") return;
        if (object.name === "Date" && property.name === "now") report(node, "Date.now");
        if (object.name === "Temporal" && property.name === "Now") report(node, "Temporal.Now");
        if (object.name === "performance" && property.name === "timeOrigin") {
          report(node, "performance.timeOrigin");
        }
      },
      NewExpression(node) {
        if (node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length === 0) {
          report(node, "new Date()");
        }
      },
      CallExpression(node) {
        if (node.callee.type === "Identifier" && node.callee.name === "Date") report(node, "Date()");
      },
    };
  },
};

const sql = new RegExp(
  "^\\s*(SELECT\\s|INSERT\\s+(OR\\s+\\w+\\s+)?INTO\\s|REPLACE\\s+INTO\\s|UPDATE\\s+\\w+\\s+SET\\s|DELETE\\s+FROM\\s|" +
    "(CREATE|ALTER|DROP)\\s+(TABLE|INDEX|UNIQUE|VIEW|TRIGGER|VIRTUAL)\\s|PRAGMA\\s|WITH\\s+\\w+\\s+AS\\s)",
);

/** SQL and its engine live in src/backend/store. */
export const noSql: Deno.lint.Rule = {
  create(context) {
    const { path, product } = findPlace(context.filename);
    if (!product || isIn(path, ["src/backend/store/"])) return {};
    function check(node: Deno.lint.Node, text: string): void {
      if (sql.test(text)) context.report({ node, message: "SQL only in src/backend/store" });
    }
    return {
      Literal(node) {
        if (typeof node.value === "string") check(node, node.value);
      },
      TemplateLiteral(node) {
        check(node, node.quasis[0]?.raw ?? "");
      },
      ImportDeclaration(node) {
        if (node.source.value === "node:sqlite") {
          context.report({ node, message: "node:sqlite only in src/backend/store" });
        }
      },
    };
  },
};

/** Another process's files are opened inside its root, safely, in one place. */
export const noProcessRoot: Deno.lint.Rule = {
  create(context) {
    const { path, product } = findPlace(context.filename);
    if (!product || path === "lib/sys/open_in_root.ts") return {};
    function check(node: Deno.lint.Node, text: string): void {
      if (/\/proc\/.*\/root\b/.test(text)) {
        context.report({ node, message: "/proc/PID/root only through lib/sys/open_in_root.ts" });
      }
    }
    return {
      Literal(node) {
        if (typeof node.value === "string") check(node, node.value);
      },
      TemplateLiteral(node) {
        check(node, node.quasis.map((part) => part.raw).join("*"));
      },
      BinaryExpression(node) {
        if (node.operator === "+") check(node, joinText(node));
      },
    };
  },
};

function joinText(node: Deno.lint.Node): string {
  if (node.type === "BinaryExpression") return joinText(node.left) + joinText(node.right);
  return node.type === "Literal" && typeof node.value === "string" ? node.value : "*";
}

const markupWriters = ["innerHTML", "outerHTML", "insertAdjacentHTML", "dangerouslySetInnerHTML", "srcdoc"];

/** Names of other people's processes are text, never markup. */
export const noInnerHtml: Deno.lint.Rule = {
  create(context) {
    if (!findPlace(context.filename).product) return {};
    function check(node: Deno.lint.Node, name: string): void {
      if (markupWriters.includes(name)) {
        context.report({ node, message: `${name} turns names into markup`, hint: "Set text instead" });
      }
    }
    return {
      Identifier(node) {
        check(node, node.name);
      },
      JSXIdentifier(node) {
        check(node, node.name);
      },
      Literal(node) {
        if (typeof node.value === "string") check(node, node.value);
      },
    };
  },
};
