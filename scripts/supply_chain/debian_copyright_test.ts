import assert from "node:assert/strict";
import { readDebianLicence } from "./debian_copyright.ts";

const elfutils = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: A
License: GPL-3+

Files: backends/*
       lib*
Copyright: B
           C
License: LGPL-3+ or GPL-2+
 This file is free software.
 .
 Files: libelf/elf_begin.c

Files: libelf/dl-hash.h
Copyright: D
License: LGPL-2.1+

License: GPL-3+
 Text.
`;

Deno.test("readDebianLicence() takes the last paragraph for each file that went in, and joins their licences", () => {
  assert.equal(
    readDebianLicence("elfutils", elfutils),
    "(LGPL-3.0-or-later OR GPL-2.0-or-later) AND LGPL-2.1-or-later",
  );
  const one = elfutils.replace("LGPL-2.1+", "LGPL-3+ or GPL-2+");
  assert.equal(readDebianLicence("elfutils", one), "LGPL-3.0-or-later OR GPL-2.0-or-later");
});

Deno.test("readDebianLicence() refuses packages and licences it does not know, and files that say something else", () => {
  const cases: [string, string, RegExp][] = [
    ["openssl", elfutils, /^openssl is in the executable; tell debian_copyright\.ts/],
    ["elfutils", elfutils.replace("LGPL-3+", "Nonfree"), /^Debian's licence Nonfree has no SPDX name/],
    ["zlib", "Files: contrib/*\nLicense: Zlib\n", /^zlib's copyright file says nothing of inflate\.c/],
    ["glibc", "All rights reserved.", /^glibc's copyright file does not say/],
    ["gcc-12", "All rights reserved.", /^gcc-12's copyright file does not say/],
  ];
  for (const [source, text, message] of cases) {
    assert.throws(() => readDebianLicence(source, text), { message });
  }
});
