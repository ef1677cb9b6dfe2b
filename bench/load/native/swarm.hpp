// The connections to one server, and one loop over them. It opens, cuts and reopens them, counts what comes, byte by
// byte, and tells whoever drives it (runs.hpp) of each message. One thread, no blocking.
#pragma once
#include <sys/epoll.h>

#include <memory>
#include <queue>
#include <random>

#include "client.hpp"
#include "clock.hpp"
#include "door.hpp"
#include "websocket.hpp"

class Swarm {
 public:
  Door door;
  Counts counts;
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<Client*> publishers;
  /** By channel: how many were published, and how many subscribe to it. */
  std::vector<uint32_t> published, subscribers;
  std::vector<bool> refused;
  std::deque<std::string> tickets;
  std::vector<std::string> problems;
  Observer* observer = nullptr;
  /** Reconnects what breaks, after a random part of min(baseMs × 2^attempt, maxMs), at least minShare of it, firstShare of the first. */
  bool reconnects = false;
  double backoffBaseMs = 500, backoffMaxMs = 20'000, backoffMinShare = 0, backoffFirstShare = 0;
  /** How long an attempt to connect may take, as client libraries limit it. */
  double attemptMs = 10'000;
  /** How many share a source address. */
  uint32_t perSource = 10'000;
  bool isPipelined = true;
  size_t opening = 0, ready = 0;
  uint64_t idleUs = 0;
  std::mt19937_64 chance{20260101};

  Swarm() : epoll(epoll_create1(EPOLL_CLOEXEC)) {}

  void problem(const std::string& text) {
    if (problems.size() < 5) problems.push_back(text.substr(0, 300));
  }

  /** One turn of the loop. Without `spins` it sleeps up to `waitMs`. Returns how many sockets had something. */
  int turn(bool spins, int waitMs) {
    epoll_event events[512];
    const uint64_t before = nowUs();
    if (!timers.empty() && !spins) {
      const uint64_t due = timers.top().first;
      waitMs = std::min<int64_t>(waitMs, due <= before ? 0 : int64_t((due - before) / 1'000 + 1));
    }
    const int count = epoll_wait(epoll, events, 512, spins ? 0 : waitMs);
    const uint64_t now = nowUs();
    if (count <= 0) idleUs += now - before;
    for (int index = 0; index < count; index++) {
      Client& client = *static_cast<Client*>(events[index].data.ptr);
      const int fd = client.fd;
      if (events[index].events & EPOLLOUT) onWritable(client, now);
      if (client.fd == fd && events[index].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) onReadable(client);
    }
    if (reconnects && now - sweptUs > 250'000) giveUp(now);
    while (!timers.empty() && timers.top().first <= now) {
      Client& client = *timers.top().second;
      timers.pop();
      if (client.state == State::AWAY) begin(client);
    }
    return count;
  }

  void begin(Client& client) {
    client.startedUs = nowUs();
    client.fd = openSocket(portOf(client), 1 + int(client.index / perSource));
    if (client.fd < 0) {
      client.fd = -1;
      problem(std::string("A socket can't be opened: ") + strerror(errno));
      return later(client);
    }
    opening++;
    client.state = State::CONNECTING;
    client.rest.clear();
    client.carry.clear();
    client.out.clear();
    client.lines.clear();
    client.answers = 0;
    client.wantsOut = true;
    epoll_event event{EPOLLIN | EPOLLOUT, {&client}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, client.fd, &event);
  }

  void beginAt(Client& client, uint64_t atUs) { timers.push({atUs, &client}); }

  /** Cuts a connection as a network does; what it knows stays for coming back. */
  void lose(Client& client) {
    if (client.fd < 0) return;
    if (client.state == State::READY) {
      ready--;
      client.lostUs = nowUs();
    } else {
      opening--;
    }
    cut(client.fd);
    client.fd = -1;
    client.state = State::AWAY;
    client.isBehind = false;
    client.inFlight = 0;
  }

  /** Whoever joins messages has them share a frame, a line each, unless one is to be alone. */
  void sendMessage(Client& client, std::string_view text, bool isAlone = false) {
    const bool isFirst = client.out.empty() && client.lines.empty();
    // A client library does not count bytes: a character may have three.
    const bool fits = (client.lines.size() + text.size()) * 3 <= door.joinedBytes;
    if (isAlone || !fits) endFrame(client);
    if (isAlone || door.joinedBytes == 0) appendFrame(client.out, door.opcode, text);
    else (client.lines += client.lines.empty() ? "" : "\n") += text;
    if (isFirst && !isHeld) flush(client);
    else if (isFirst) held.push_back(&client);
  }

  /** What is sent between hold and release goes out in one write for each connection. */
  void hold() { isHeld = true; }
  void release() {
    isHeld = false;
    for (Client* client : held) flush(*client);
    held.clear();
  }

  std::string fill(const Template& text, const Client& client, const Message* message, uint32_t id,
                   const Pending* again = nullptr) const {
    return text.with([&](const std::string& hole, std::string& out) {
      if (hole == "body" && message != nullptr) out += bodyOf(*message, door.bodyBytes);
      else if (hole == "id") out += std::to_string(id);
      else if (hole == "ch") out += std::to_string(message != nullptr ? message->channel : client.firstChannel());
      else if (hole == "room") out += client.isPublisher ? "publishers" : std::to_string(client.firstChannel());
      else if (hole == "i") out += std::to_string(client.index);
      else if (hole == "bytes") out += std::to_string(std::max(door.bodyBytes, HEAD_BYTES + 1));
      else if (hole == "resume") out += client.resume;
      else if (hole == "position") out += client.position;
      else if (hole == "epoch") out += again != nullptr ? again->epoch : client.epoch;
      else if (hole == "wall" && again != nullptr) out += std::to_string(again->firstWallMs);
      else if (hole == "ticket") out += client.ticket;
      else throw std::runtime_error("Nothing is known to fill <<" + hole + ">> with.");
    });
  }

  /** Publishes one message; it is expected by everybody who subscribes to its channel. */
  void publish(Client& client, uint32_t channel, uint64_t dueUs) {
    const Message message{channel, published[channel]++, dueUs};
    const uint32_t id = message.sequence + FIRST_ID;
    if (!keepsPending) {
      if (client.fd >= 0) sendMessage(client, fill(door.publish, client, &message, id));
      return;
    }
    client.pending.push_back({message, fill(door.publish, client, &message, id), wallMs(), client.epoch});
    if (client.state != State::READY) return;
    sendMessage(client, client.pending.back().text);
    if (door.ack.empty()) client.pending.clear();
  }

  /** Sends again what was not answered, as whoever comes back must. */
  void publishAgain(Client& client) {
    for (const Pending& pending : client.pending) {
      const uint32_t id = pending.message.sequence + FIRST_ID;
      const Template& text = door.republish.empty() ? door.publish : door.republish;
      sendMessage(client, fill(text, client, &pending.message, id, &pending));
    }
    // Where nothing is answered, nobody knows what to send again.
    if (door.ack.empty()) client.pending.clear();
  }

  bool keepsPending = false;
  static constexpr uint32_t FIRST_ID = 1'000;

 private:
  int portOf(const Client& client) const { return door.ports[client.index % door.ports.size()]; }

  int epoll;
  bool isHeld = false;
  uint64_t sweptUs = 0;
  std::vector<Client*> held;
  std::vector<char> buffer = std::vector<char>(1 << 18);
  using Timer = std::pair<uint64_t, Client*>;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers;

  void later(Client& client) {
    const double limitMs = std::min(backoffMaxMs, backoffBaseMs * double(1u << std::min(client.attempt, 20u)));
    std::uniform_real_distribution<double> share(client.attempt == 0 ? backoffFirstShare : backoffMinShare, 1);
    client.attempt++;
    beginAt(client, nowUs() + uint64_t(limitMs * share(chance) * 1'000));
  }

  /** Ends attempts that take too long: a connection that a dying server took, and never answered. */
  void giveUp(uint64_t now) {
    sweptUs = now;
    for (auto& client : clients) {
      const bool isTrying = client->state != State::AWAY && client->state != State::READY;
      if (isTrying && now - client->startedUs > uint64_t(attemptMs * 1'000)) onClosed(*client, "it took too long");
    }
  }

  void onClosed(Client& client, const char* why) {
    const bool wasReady = client.state == State::READY;
    counts.closes++;
    if (!reconnects) {
      counts.broken++;
      problem("Connection " + std::to_string(client.index) + " ended" + (wasReady ? "" : " before it was ready") + ": " + why);
    }
    lose(client);
    if (observer != nullptr) observer->onClose(client, wasReady, nowUs());
    if (reconnects) later(client);
  }

  void endFrame(Client& client) {
    if (client.lines.empty()) return;
    appendFrame(client.out, door.opcode, client.lines);
    client.lines.clear();
  }

  void flush(Client& client) {
    endFrame(client);
    if (client.fd < 0 || client.out.empty()) return;
    const ssize_t sent = ::send(client.fd, client.out.data(), client.out.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      client.out.erase(0, size_t(sent));
      if (client.isListener()) acknowledgeAsRead(client.fd);
    } else if (errno != EAGAIN && errno != EWOULDBLOCK) {
      // What can't be sent because the connection is gone is noticed by reading.
      client.out.clear();
    }
    wantOut(client, !client.out.empty());
  }

  void wantOut(Client& client, bool wanted) {
    if (client.wantsOut == wanted) return;
    client.wantsOut = wanted;
    epoll_event event{wanted ? uint32_t(EPOLLIN | EPOLLOUT) : uint32_t(EPOLLIN), {&client}};
    epoll_ctl(epoll, EPOLL_CTL_MOD, client.fd, &event);
  }

  void onWritable(Client& client, uint64_t) {
    if (client.state != State::CONNECTING) return flush(client);
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(client.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return onClosed(client, strerror(error));
    client.state = State::UPGRADING;
    const Template& path = client.isPublisher ? door.publishPath : door.path;
    client.out = "GET " + fill(path, client, nullptr, 0) + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(portOf(client)) +
                 "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    if (!door.protocol.empty()) client.out += "Sec-WebSocket-Protocol: " + door.protocol + "\r\n";
    client.out += door.headers + "\r\n";
    flush(client);
  }

  void onReadable(Client& client) {
    const ssize_t count = recv(client.fd, buffer.data(), buffer.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (count <= 0) return onClosed(client, count == 0 ? "the server closed it" : strerror(errno));
    // What one read makes a client say goes out in one write, as everywhere.
    hold();
    onRead(client, size_t(count));
    release();
  }

  /** So many bytes stand in the buffer. */
  void onRead(Client& client, size_t count) {
    if (client.rest.empty()) {
      const size_t used = take(client, buffer.data(), count);
      if (client.fd >= 0 && used < count) client.rest.assign(buffer.data() + used, count - used);
      return;
    }
    client.rest.append(buffer.data(), count);
    std::string whole;
    whole.swap(client.rest);
    const size_t used = take(client, whole.data(), whole.size());
    if (client.fd >= 0) client.rest.assign(whole, used, std::string::npos);
  }

  /** Takes what is whole, and returns how much that is. */
  size_t take(Client& client, const char* data, size_t bytes) {
    size_t at = 0;
    if (client.state == State::UPGRADING) {
      const std::string_view text(data, bytes);
      const size_t end = text.find("\r\n\r\n");
      if (end == std::string_view::npos) return 0;
      if (text.substr(0, 13) != "HTTP/1.1 101 ") {
        problem("Expected an upgrade, got: " + std::string(text.substr(0, 100)));
        onClosed(client, "the upgrade was refused");
        return bytes;
      }
      at = end + 4;
      client.state = State::OPENING;
      if (door.opened.empty()) login(client);
    }
    size_t start, end;
    while (client.fd >= 0 && frameBounds(data + at, bytes - at, start, end)) {
      onFrame(client, data[at] & 0x0f, std::string_view(data + at + start, end - start), end);
      at += end;
    }
    return at;
  }

  // What is said and heard on a connection: conversation.hpp.
  void onFrame(Client& client, int opcode, std::string_view payload, size_t frameBytes);
  bool takeMessages(Client& client, std::string_view payload);
  void onMessage(Client& client, const Message& message);
  void track(Client& client, std::string_view payload);
  void onControl(Client& client, std::string_view payload);
  void onRefusal(Client& client, std::string_view payload);
  void takeAcks(Client& client, std::string_view payload);
  void login(Client& client);
  void subscribe(Client& client);
  void onReady(Client& client);
};

#include "conversation.hpp"
