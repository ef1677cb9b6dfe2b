// Numbers of a command, and what it has to report.
#pragma once
#include <sstream>

#include "clock.hpp"
#include "door.hpp"

/** One line of JSON, field by field. */
class Report {
 public:
  template <typename Value>
  Report& add(const char* name, Value value) {
    text << (isEmpty ? "{" : ",") << '"' << name << "\":" << value;
    isEmpty = false;
    return *this;
  }

  Report& times(const std::string& name, const Histogram& histogram) {
    add((name + "Count").c_str(), histogram.count);
    for (const auto& [label, share] : {std::pair{"P50", 0.5}, {"P95", 0.95}, {"P99", 0.99}}) {
      add((name + label + "Ms").c_str(), histogram.quantileMs(share));
    }
    return add((name + "MaxMs").c_str(), double(histogram.max) / 1'000);
  }

  Report& texts(const char* name, const std::vector<std::string>& values) {
    std::string list = "[";
    for (const std::string& value : values) list += (list.size() > 1 ? "," : "") + quoted(value);
    return add(name, list + "]");
  }

  std::string line() { return text.str() + "}"; }

 private:
  std::ostringstream text;
  bool isEmpty = true;

  static std::string quoted(const std::string& value) {
    std::string out = "\"";
    char escape[8];
    for (const char letter : value) {
      const unsigned char code = static_cast<unsigned char>(letter);
      if (code >= 0x20 && code < 0x7f && code != '"' && code != '\\') out += letter;
      else snprintf(escape, sizeof escape, "\\u%04x", code), out += escape;
    }
    return out + '"';
  }
};

struct Numbers {
  const Fields& fields;
  double operator()(const char* name, double otherwise) const {
    const auto found = fields.find(name);
    return found == fields.end() || found->second.empty() ? otherwise : std::stod(found->second);
  }
};
