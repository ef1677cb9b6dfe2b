// Time, and how it is summed up.
#pragma once
#include <algorithm>
#include <cstdint>
#include <ctime>
#include <vector>

/** Microseconds of the monotonic clock. Every message carries the one at which it was due. */
inline uint64_t nowUs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return uint64_t(time.tv_sec) * 1'000'000 + uint64_t(time.tv_nsec) / 1'000;
}

/** Milliseconds since 1970. */
inline uint64_t wallMs() {
  timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return uint64_t(time.tv_sec) * 1'000 + uint64_t(time.tv_nsec) / 1'000'000;
}

/** Counts of durations, in buckets that are at most 1.6 % wide, so that a million costs no memory. */
class Histogram {
 public:
  void add(uint64_t us) {
    counts[bucketOf(us)]++;
    count++;
    max = std::max(max, us);
  }

  /** The duration under which this share of them lies, in milliseconds; the upper end of its bucket. */
  double quantileMs(double share) const {
    if (count == 0) return 0;
    uint64_t left = uint64_t(share * double(count - 1)) + 1;
    for (size_t bucket = 0; bucket < counts.size(); bucket++) {
      if (counts[bucket] >= left) return double(std::min(max, topOf(bucket))) / 1'000;
      left -= counts[bucket];
    }
    return double(max) / 1'000;
  }

  uint64_t count = 0;
  uint64_t max = 0;

 private:
  static constexpr int STEPS_LOG2 = 6;
  static constexpr uint64_t STEPS = 1 << STEPS_LOG2;
  std::vector<uint64_t> counts = std::vector<uint64_t>(STEPS * 40);

  /** Exact below 64 µs; above, 64 buckets for each doubling. */
  static size_t bucketOf(uint64_t us) {
    if (us < STEPS) return us;
    const int shift = 63 - __builtin_clzll(us) - STEPS_LOG2;
    const size_t bucket = size_t(shift + 1) * STEPS + ((us >> shift) - STEPS);
    return std::min(bucket, size_t(STEPS * 40 - 1));
  }

  static uint64_t topOf(size_t bucket) {
    if (bucket < STEPS) return bucket;
    const uint64_t shift = bucket / STEPS - 1;
    return ((bucket % STEPS + STEPS + 1) << shift) - 1;
  }
};
