"""Runs Python code in known ways: plain calls, recursion, generators, coroutines, and C that calls Python again.

First says, as JSON on one line, every chain of calls it can be in, as the interpreter itself traces them: "name:line;…", root
first. Then works until its input ends, and says how many nanoseconds of CPU it spent in `hot` and in `warm`, and how
many in all.
"""
import ctypes
import functools
import json
import re
import sys
import threading
import time


def spin(count):
    total = 0
    for index in range(count):
        total += index & 3
    return total


def hot():
    return spin(1400)


def warm():
    return spin(600)


class Work:
    def shares(self):
        hot()
        warm()

    @property
    def kept(self):
        return [spin(50) for _ in range(3)]

    @staticmethod
    def größe(value):
        return spin(value)


def by_key(value):
    spin(30)
    return -value


def replace(match):
    return "x" if spin(60) else ""


def numbers(count):
    for index in range(count):
        yield spin(40) + index


def chained(count):
    yield from numbers(count)


async def wait_for_it(level):
    if level == 0:
        return spin(100)
    return await wait_for_it(level - 1)


def descend(level):
    if level == 0:
        return spin(300)
    return descend(level - 1)


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
def compare(left, right):
    return spin(20) and left[0] - right[0]


def run_coroutine():
    coroutine = wait_for_it(3)
    try:
        coroutine.send(None)
    except StopIteration:
        pass


def call_back():
    sorted(range(5), key=by_key)
    re.sub("a", replace, "banana")
    sum(chained(5))
    functools.reduce(lambda left, right: left + spin(30), range(5))
    json.loads('{"a": {"b": 1}}', object_hook=lambda found: spin(50))
    values = (ctypes.c_int * 4)(3, 1, 2, 0)
    qsort(values, 4, 4, compare)
    sorted([[2], [1]], key=functools.partial(max, key=by_key))
    descend(20)
    run_coroutine()
    Work().kept
    Work.größe(40)


def iterate():
    Work().shares()
    call_back()


def trace_chains():
    chains = set()

    def trace(frame, event, argument):
        words = []
        while frame is not None and frame.f_code is not trace_chains.__code__:
            words.append(f"{frame.f_code.co_qualname}:{frame.f_lineno}")
            frame = frame.f_back
        chains.add(";".join(reversed(words)))
        return trace

    sys.settrace(trace)
    iterate()
    sys.settrace(None)
    return sorted(chains)


def measure(function, spent):
    def measured():
        start = time.thread_time_ns()
        function()
        spent[function.__name__] += time.thread_time_ns() - start

    return measured


def work(is_over):
    while not is_over.is_set():
        for _ in range(20):
            iterate()


qsort = ctypes.CDLL(None).qsort
if __name__ == "__main__":
    depth = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    chains = trace_chains()
    spent = {"hot": 0, "warm": 0}
    hot, warm = measure(hot, spent), measure(warm, spent)
    print(json.dumps(chains), flush=True)
    is_over = threading.Event()

    def begin(level):
        return begin(level - 1) if level > 0 else work(is_over)

    workers = [threading.Thread(target=begin, args=(depth,), daemon=True) for _ in range(threads)]
    start = time.process_time_ns()
    for worker in workers:
        worker.start()
    sys.stdin.read()
    is_over.set()
    for worker in workers:
        worker.join()
    print(json.dumps({**spent, "all": time.process_time_ns() - start}), flush=True)
