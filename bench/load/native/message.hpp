// The text of a message, and what has come of it: |ccccc ssssssss ttttttttttttttt .....~ (without the blanks): channel,
// number within the channel, the microsecond at which it was due, filling. The bar stands nowhere else on the wire.
#pragma once
#include <cstdint>
#include <cstdio>
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

constexpr char MARK = '|';
constexpr size_t HEAD_BYTES = 1 + 5 + 8 + 15;

struct Message {
  uint32_t channel, sequence;
  uint64_t dueUs;
};

inline std::string bodyOf(const Message& message, size_t bytes) {
  char head[HEAD_BYTES + 1];
  snprintf(head, sizeof head, "%c%05u%08u%015llu", MARK, message.channel, message.sequence,
           static_cast<unsigned long long>(message.dueUs));
  std::string body(std::max(bytes, HEAD_BYTES + 1), '.');
  memcpy(body.data(), head, HEAD_BYTES);
  body.back() = '~';
  return body;
}

inline bool readDigits(const char* text, int count, uint64_t& value) {
  value = 0;
  for (int index = 0; index < count; index++) {
    const unsigned digit = static_cast<unsigned char>(text[index]) - '0';
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  return true;
}

/** Reads the message at `text`, which has `bytes` bytes and starts with the mark. False if a single byte is wrong. */
inline bool readBody(const char* text, size_t bytes, Message& message) {
  static const std::string filling(65'536, '.');
  uint64_t channel, sequence;
  if (!readDigits(text + 1, 5, channel) || !readDigits(text + 6, 8, sequence)) return false;
  if (!readDigits(text + 14, 15, message.dueUs)) return false;
  message.channel = uint32_t(channel);
  message.sequence = uint32_t(sequence);
  return memcmp(text + HEAD_BYTES, filling.data(), bytes - HEAD_BYTES - 1) == 0 && text[bytes - 1] == '~';
}

/** What one subscriber has of one channel. Exact: each number is missing, or came once, or is counted as a duplicate. */
struct Subscription {
  uint32_t channel = 0;
  /** All numbers below have come, but for the missing ones. */
  uint32_t next = 0;
  /** A hash over the numbers in the order in which they came. */
  uint64_t order = 0;
  std::vector<uint32_t> missing;

  enum class Verdict { IN_ORDER, EARLY, LATE, DUPLICATE };

  Verdict take(uint32_t sequence) {
    Verdict verdict = Verdict::IN_ORDER;
    if (sequence < next) {
      const auto found = std::find(missing.begin(), missing.end(), sequence);
      if (found == missing.end()) return Verdict::DUPLICATE;
      missing.erase(found);
      verdict = Verdict::LATE;
    } else {
      if (sequence > next) verdict = Verdict::EARLY;
      for (; next < sequence; next++) missing.push_back(next);
      next = sequence + 1;
    }
    order = (order ^ (sequence + 1)) * 0x9E3779B97F4A7C15ull;
    return verdict;
  }
};
