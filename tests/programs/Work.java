import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Arrays;

/**
 * Works in methods of known names for so many seconds after it is warm, and prints what share of its thread's CPU time went into
 * each, as the JVM itself counts it.
 */
public class Work {
  private static final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
  private static final long[] spentNs = new long[3];
  private static long sink;

  static int mixNumbers(int seed) {
    int mixed = seed;
    for (int round = 0; round < 600_000; round++) mixed = (mixed ^ (mixed >>> 15)) * 0x85ebca6b + round;
    return mixed;
  }

  static int sortNumbers(int seed) {
    Integer[] numbers = new Integer[3000];
    for (int index = 0; index < numbers.length; index++) numbers[index] = (seed + index) * 40503 & 0xffff;
    Arrays.sort(numbers, (left, right) -> left - right);
    return numbers[0];
  }

  static class Text {
    private final String text = "one,two,three,four".repeat(400);

    int parse(int seed) {
      int sum = seed;
      for (String part : text.split(",")) sum += part.hashCode();
      return sum;
    }
  }

  private static final Text text = new Text();

  static void handleRequest(int seed) {
    long start = threads.getCurrentThreadCpuTime();
    sink += mixNumbers(seed);
    long mixed = threads.getCurrentThreadCpuTime();
    sink += sortNumbers(seed);
    long sorted = threads.getCurrentThreadCpuTime();
    for (int round = 0; round < 8; round++) sink += text.parse(seed);
    long parsed = threads.getCurrentThreadCpuTime();
    spentNs[0] += mixed - start;
    spentNs[1] += sorted - mixed;
    spentNs[2] += parsed - sorted;
  }

  public static void main(String[] args) {
    int seed = 0;
    while (seed < 800) handleRequest(seed++);
    System.out.println("warm");
    Arrays.fill(spentNs, 0);
    long end = System.nanoTime() + Long.parseLong(args[0]) * 1_000_000_000L;
    while (System.nanoTime() < end) handleRequest(seed++);
    double total = spentNs[0] + spentNs[1] + spentNs[2];
    System.out.printf(
        "mixNumbers %.4f sortNumbers %.4f parse %.4f%n", spentNs[0] / total, spentNs[1] / total, spentNs[2] / total);
  }
}
