"use strict";
// Works in functions of known names until SIGTERM comes; the event loop turns 20 times a second or more.

function mixNumbers(seed) {
  let mixed = seed | 0;
  for (let round = 0; round < 400_000; round++) {
    mixed = (Math.imul(mixed ^ (mixed >>> 15), 2246822519) + round) | 0;
  }
  return mixed;
}

function sortNumbers(seed) {
  const numbers = [];
  for (let index = 0; index < 3000; index++) numbers.push(Math.imul(seed + index, 40503) & 0xffff);
  return numbers.sort((left, right) => left - right)[0];
}

class Text {
  #text = JSON.stringify(Array.from({ length: 1500 }, (_, index) => ({ index, name: `name ${index}` })));

  parse() {
    return JSON.parse(this.#text).length;
  }

  #sum(seed) {
    let sum = seed;
    for (let index = 0; index < this.#text.length; index++) {
      sum = (sum * 31 + this.#text.charCodeAt(index)) | 0;
    }
    return sum;
  }

  walk(seed) {
    return this.#sum(seed) + this.#sum(seed + 1);
  }
}

const text = new Text();

function handleRequest(seed) {
  return mixNumbers(seed) + sortNumbers(seed) + text.parse() + text.walk(seed);
}

function serve(count) {
  for (let seed = count; seed < count + 10; seed++) handleRequest(seed);
  if (count === 200) console.log("warm");
  setImmediate(serve, count + 10);
}

process.on("SIGTERM", () => process.exit(0));
serve(0);
