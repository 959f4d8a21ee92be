import assert from "node:assert/strict";
import { MemorySource } from "../../../lib/bytes/memory_source.ts";
import { openInOwnRoot } from "../../../lib/sys/open_in_root.ts";
import { findTlsPlaces, tlsFunctions } from "./tls_places.ts";

Deno.test("findTlsPlaces() has nothing to say of what has no TLS functions, or is no ELF file", async () => {
  assert.equal(await findTlsPlaces(new MemorySource(new Uint8Array(4096))), undefined);
  const file = openInOwnRoot("/bin/true")!;
  assert.equal(await findTlsPlaces(file), undefined);
  file.close();
});

Deno.test("findTlsPlaces() refuses functions with OpenSSL's names that are not OpenSSL's, and finds the inner ones of one that is", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const other = await compile(`${folder}/other.so`, "");
    assert.match(`${await findTlsPlaces(other)}`, /BoringSSL, LibreSSL/);
    const own = await compile(`${folder}/own.so`, "-DSTATELESS");
    const places = await findTlsPlaces(own);
    assert.ok(typeof places === "object");
    const addresses = await symbolsOf(`${folder}/own.so`);
    const offsetOf = (name: string) => Number(BigInt(addresses.get(name)!));
    // The text of so small a library lies in the file where it lies in memory.
    assert.deepEqual(places.atReturn, [
      { fileOffset: offsetOf("read_inside"), cookie: tlsFunctions.readEx },
      { fileOffset: offsetOf("SSL_write"), cookie: tlsFunctions.write },
      { fileOffset: offsetOf("SSL_write_ex"), cookie: tlsFunctions.write },
    ]);
    assert.deepEqual(places.enter.slice(3), [
      { fileOffset: offsetOf("SSL_free"), cookie: tlsFunctions.end },
      { fileOffset: offsetOf("SSL_clear"), cookie: tlsFunctions.end },
    ]);
    assert.equal(places.slow, false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** SSL_read and SSL_read_ex begin with `sub` and share one function; SSL_write and SSL_write_ex begin with `push`. */
const library = `
.text
.macro function name
.globl \\name
.type \\name, @function
\\name:
.endm
.type read_inside, @function
read_inside: push %rbx
pop %rbx
ret
.size read_inside, . - read_inside
other_inside: push %rbx
pop %rbx
ret
function SSL_read
sub $8, %rsp
call other_inside
call read_inside
add $8, %rsp
ret
.size SSL_read, . - SSL_read
function SSL_read_ex
sub $8, %rsp
call read_inside
add $8, %rsp
ret
.size SSL_read_ex, . - SSL_read_ex
function SSL_write
push %rbx
pop %rbx
ret
.size SSL_write, . - SSL_write
function SSL_write_ex
push %r12
pop %r12
ret
.size SSL_write_ex, . - SSL_write_ex
function SSL_free
ret
.size SSL_free, . - SSL_free
function SSL_clear
ret
.size SSL_clear, . - SSL_clear
#ifdef STATELESS
function SSL_stateless
ret
.size SSL_stateless, . - SSL_stateless
#endif
`;

async function compile(path: string, define: string) {
  await Deno.writeTextFile(`${path}.S`, library);
  const args = ["-shared", "-nostdlib", ...(define === "" ? [] : [define]), "-o", path, `${path}.S`];
  const { code, stderr } = await new Deno.Command("gcc", { args }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return openInOwnRoot(path)!;
}

async function symbolsOf(path: string): Promise<Map<string, string>> {
  const { stdout } = await new Deno.Command("nm", { args: [path] }).output();
  return new Map(
    [...new TextDecoder().decode(stdout).matchAll(/^([0-9a-f]+) . (\S+)$/gm)].map((
      [, at, name],
    ) => [name!, `0x${at}`]),
  );
}
