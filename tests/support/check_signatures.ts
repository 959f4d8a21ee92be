/** C++ that knows of a function's type how many parameters it has, and of each its size and whether it is a pointer or signed. */
const preamble = `
template <class T> struct is_pointer { static const bool value = false; };
template <class T> struct is_pointer<T *> { static const bool value = true; };
template <class T> struct is_bool { static const bool value = false; };
template <> struct is_bool<bool> { static const bool value = true; };
template <class T, bool Enum = __is_enum(T)> struct plain { typedef T type; };
template <class T> struct plain<T, true> { typedef __underlying_type(T) type; };
template <class T> constexpr bool is_signed() { return typename plain<T>::type(-1) < typename plain<T>::type(0); }
template <class T, int Size, bool Signed> struct matches_integer {
  static const bool value = !is_pointer<T>::value && !is_bool<T>::value && sizeof(T) == Size && is_signed<T>() == Signed;
};
template <class T, int Size, bool Signed> struct matches_integer<T *, Size, Signed> { static const bool value = false; };
template <class T> struct is_void { static const bool value = false; };
template <> struct is_void<void> { static const bool value = true; };
template <int N, class... A> struct nth;
template <class F, class... R> struct nth<0, F, R...> { typedef F type; };
template <int N, class F, class... R> struct nth<N, F, R...> { typedef typename nth<N - 1, R...>::type type; };
template <class F> struct function;
template <class R, class... A> struct function<R (*)(A...)> {
  static const int count = sizeof...(A);
  static const bool variadic = false;
  typedef R result;
  template <int N> using parameter = typename nth<N, A...>::type;
};
template <class R, class... A> struct function<R (*)(A..., ...)> {
  static const int count = sizeof...(A);
  static const bool variadic = true;
  typedef R result;
  template <int N> using parameter = typename nth<N, A...>::type;
};
`;

/** A foreign function as Deno.dlopen takes it. */
interface Signature {
  readonly name?: string;
  readonly parameters: readonly string[];
  readonly result: string;
}

/**
 * Has clang compare an FFI table with the headers that declare its functions: number of parameters, width and sign of integers,
 * pointers, bools and the result. An enum may be passed as u32 or i32. Of a variadic function the fixed parameters are compared.
 *
 * @param options.declarations C++ that comes after the headers: functions they lack, static assertions on constants and offsets.
 * @returns clang's complaints, `""` when all is right.
 */
export async function checkSignatures(
  headers: readonly string[],
  table: Readonly<Record<string, Signature>>,
  options: { includePaths?: readonly string[]; declarations?: string } = {},
): Promise<string> {
  const lines = [...headers.map((header) => `#include <${header}>`), options.declarations ?? "", preamble];
  for (const [key, signature] of Object.entries(table)) {
    const name = signature.name ?? key;
    const type = `function<decltype(&${name})>`;
    const count = `${type}::count`;
    lines.push(
      `static_assert(${type}::variadic ? ${count} <= ${signature.parameters.length} : ${count} == ${signature.parameters.length}, "${key}: number of parameters");`,
      `static_assert(${matches(`${type}::result`, signature.result)}, "${key}: result");`,
    );
    signature.parameters.forEach((parameter, index) => {
      lines.push(
        `template <int N, bool In> struct ${key}_${index} { static const bool value = true; };`,
        `template <int N> struct ${key}_${index}<N, true> { static const bool value = ${
          matches(`typename ${type}::template parameter<N>`, parameter)
        }; };`,
        `static_assert(${key}_${index}<${index}, (${index} < ${count})>::value, "${key}: parameter ${index}");`,
      );
    });
  }
  const path = await Deno.makeTempFile({ suffix: ".cc" });
  try {
    await Deno.writeTextFile(path, lines.join("\n"));
    const include = (options.includePaths ?? []).flatMap((folder) => ["-I", folder]);
    const { stderr } = await new Deno.Command("clang", {
      args: ["-x", "c++", "-std=c++14", "-fsyntax-only", "-Wno-unused", ...include, path],
    }).output();
    return new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(path);
  }
}

function matches(type: string, ffiType: string): string {
  const integer = /^([iu])(8|16|32|64)$/.exec(ffiType);
  if (integer !== null) {
    const [, sign, bits] = integer;
    const exact = `matches_integer<${type}, ${Number(bits) / 8}, ${sign === "i"}>::value`;
    return bits === "32" ? `(${exact} || __is_enum(${type}) && sizeof(${type}) == 4)` : exact;
  }
  switch (ffiType) {
    case "usize":
      return `matches_integer<${type}, sizeof(unsigned long), false>::value`;
    case "bool":
      return `is_bool<${type}>::value`;
    case "void":
      return `is_void<${type}>::value`;
    case "pointer":
    case "buffer":
    case "function":
      return `is_pointer<${type}>::value`;
    default:
      throw new TypeError(`Cannot compare the FFI type ${ffiType}`);
  }
}
