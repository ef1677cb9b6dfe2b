// How to speak to a kind of server: texts with holes, given by the harness. Nothing here knows a server by name.
#pragma once
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using Fields = std::map<std::string, std::string>;

/** A text with holes: `<<name>>`. */
class Template {
 public:
  Template() = default;
  explicit Template(const std::string& text) {
    size_t at = 0;
    while (true) {
      const size_t open = text.find("<<", at);
      if (open == std::string::npos) break;
      const size_t close = text.find(">>", open);
      if (close == std::string::npos) throw std::runtime_error("A hole is not closed: " + text);
      parts.push_back({text.substr(at, open - at), text.substr(open + 2, close - open - 2)});
      at = close + 2;
    }
    tail = text.substr(at);
  }

  bool empty() const { return parts.empty() && tail.empty(); }

  /** `fill(name, out)` appends what stands in a hole. */
  template <typename Fill>
  std::string with(Fill fill) const {
    std::string out;
    for (const auto& [text, hole] : parts) {
      out += text;
      fill(hole, out);
    }
    return out += tail;
  }

 private:
  std::vector<std::pair<std::string, std::string>> parts;
  std::string tail;
};

/** The settings of a server, all optional but the port. An answer is known by a piece of text that it contains. */
struct Door {
  /** Connection i goes to the i-th of these, round and round: the nodes of one cluster. */
  std::vector<int> ports;
  /** Opcode of what is sent: 1 text, 2 binary. */
  int opcode = 1;
  std::string protocol, headers;
  /** The request target of subscribers and publishers; `<<ch>>` is the first channel. */
  Template path, publishPath;
  /** What the server says before it is spoken to. */
  std::string opened;
  Template login, relogin, subscribe, resubscribe, publish, republish, call;
  std::string loginOk, subscribeOk;
  /** Sent when a relogin is answered. */
  std::string confirm;
  /** A message that is a refusal. */
  std::string error;
  /** Stands before the number of an answered publish, at the start of a line. */
  std::string ack;
  /** A sign of life, whole, and the answer to it. */
  std::string ping, pong;
  /** What stands before the credential for coming back, the epoch, and the position after a push; a quote ends each. */
  std::string resumeKey, epochKey, positionKey, previousKey;
  /** Stands in a push that announces missing messages. */
  std::string gap;
  /** Messages that go out together share frames of so many bytes at most, counted as three a character; 0: each has its own. */
  size_t joinedBytes = 0;
  /** Messages may be cut by the end of a frame. */
  bool isStream = false;
  /** Bytes of a message's text. */
  size_t bodyBytes = 100;

  static Door of(const Fields& fields) {
    const auto text = [&](const char* name) {
      const auto found = fields.find(name);
      return found == fields.end() ? std::string() : found->second;
    };
    const auto number = [&](const char* name, int otherwise) {
      return text(name).empty() ? otherwise : std::stoi(text(name));
    };
    Door door;
    std::stringstream ports(text("port"));
    for (std::string port; std::getline(ports, port, ',');) door.ports.push_back(std::stoi(port));
    if (door.ports.empty()) throw std::runtime_error("Expected a port.");
    door.opcode = number("opcode", 1);
    door.protocol = text("protocol");
    door.headers = text("headers");
    door.path = Template(text("path"));
    door.publishPath = Template(text("publishPath").empty() ? text("path") : text("publishPath"));
    door.opened = text("opened");
    door.login = Template(text("login"));
    door.relogin = Template(text("relogin"));
    door.subscribe = Template(text("subscribe"));
    door.resubscribe = Template(text("resubscribe"));
    door.publish = Template(text("publish"));
    door.republish = Template(text("republish"));
    door.call = Template(text("call"));
    door.loginOk = text("loginOk");
    door.confirm = text("confirm");
    door.subscribeOk = text("subscribeOk");
    door.error = text("error");
    door.ack = text("ack");
    door.ping = text("ping");
    door.pong = text("pong");
    door.resumeKey = text("resumeKey");
    door.epochKey = text("epochKey");
    door.positionKey = text("positionKey");
    door.previousKey = text("previousKey");
    door.gap = text("gap");
    door.joinedBytes = size_t(number("joinedBytes", 0));
    door.isStream = text("isStream") == "true";
    door.bodyBytes = size_t(number("bodyBytes", 100));
    return door;
  }
};

/** What stands between the last `key` and the next quote; empty if it isn't there. */
inline std::string_view valueAfterLast(std::string_view text, const std::string& key) {
  if (key.empty()) return {};
  const size_t at = text.rfind(key);
  if (at == std::string_view::npos) return {};
  const size_t start = at + key.size();
  const size_t end = text.find('"', start);
  return end == std::string_view::npos ? std::string_view() : text.substr(start, end - start);
}
