// The load generator: connects to one server, does what it is told, and counts. Commands come by standard input, one a
// line: a word, then tab-separated name=value with \n, \r, \t and \\ escaped. Each is answered by one line of JSON.
#include <poll.h>
#include <sys/resource.h>

#include <fstream>
#include <iostream>

#include "runs.hpp"

static std::string unescaped(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size(); at++) {
    if (text[at] != '\\' || at + 1 == text.size()) {
      out += text[at];
      continue;
    }
    const char letter = text[++at];
    out += letter == 'n' ? '\n' : letter == 'r' ? '\r' : letter == 't' ? '\t' : letter;
  }
  return out;
}

static std::string readCommand(const std::string& line, Fields& fields) {
  std::stringstream parts(line);
  std::string word, part;
  std::getline(parts, word, '\t');
  while (std::getline(parts, part, '\t')) {
    const size_t equals = part.find('=');
    if (equals == std::string::npos) throw std::runtime_error("Expected name=value, got " + part + ".");
    fields[part.substr(0, equals)] = unescaped(part.substr(equals + 1));
  }
  return word;
}

/** What a server is told to be like. */
static std::string useDoor(Swarm& swarm, const Fields& fields) {
  const Numbers number{fields};
  swarm.door = Door::of(fields);
  swarm.backoffBaseMs = number("backoffBaseMs", 500);
  swarm.backoffMaxMs = number("backoffMaxMs", 20'000);
  swarm.backoffMinShare = number("backoffMinShare", 0);
  swarm.backoffFirstShare = number("backoffFirstShare", swarm.backoffMinShare);
  swarm.attemptMs = number("attemptMs", 10'000);
  swarm.isPipelined = fields.count("isPipelined") == 0 || fields.at("isPipelined") == "true";
  return Report().add("ok", true).line();
}

/** Credentials for those who come for the first time, one a line. */
static std::string useTickets(Swarm& swarm, const Fields& fields) {
  std::ifstream file(fields.at("file"));
  for (std::string line; std::getline(file, line);) swarm.tickets.push_back(line);
  return Report().add("tickets", swarm.tickets.size()).line();
}

static std::string carryOut(Swarm& swarm, Runs& runs, const std::string& line) {
  Fields fields;
  const std::string word = readCommand(line, fields);
  if (word == "door") return useDoor(swarm, fields);
  if (word == "tickets") return useTickets(swarm, fields);
  if (word == "open") return runs.open(fields);
  if (word == "reopen") return runs.reopen(fields);
  if (word == "drop") return runs.drop();
  if (word == "forget") return runs.forget();
  if (word == "run") return runs.run(fields);
  throw std::runtime_error("Expected a command, got " + word + ".");
}

int main() {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  Swarm swarm;
  Runs runs(swarm);
  std::string input;
  char chunk[4'096];
  while (true) {
    // Between commands it sleeps, but wakes up to answer signs of life.
    pollfd standardInput{0, POLLIN, 0};
    if (poll(&standardInput, 1, 20) == 0) {
      while (swarm.turn(true, 0) > 0) continue;
      continue;
    }
    const ssize_t count = read(0, chunk, sizeof chunk);
    if (count <= 0) return 0;
    input.append(chunk, size_t(count));
    for (size_t end; (end = input.find('\n')) != std::string::npos; input.erase(0, end + 1)) {
      try {
        std::cout << carryOut(swarm, runs, input.substr(0, end)) << std::endl;
      } catch (const std::exception& error) {
        std::cout << Report().texts("problems", {error.what()}).add("failed", true).line() << std::endl;
      }
    }
  }
}
