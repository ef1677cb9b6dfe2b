// One connection: what it is doing, what it knows, and what has come of it.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "message.hpp"

enum class State { AWAY, CONNECTING, UPGRADING, OPENING, LOGIN, SUBSCRIBING, READY };

/** A publish whose answer has not come. */
struct Pending {
  Message message;
  std::string text;
  uint64_t firstWallMs;
  std::string epoch;
};

struct Client {
  uint32_t index = 0;
  bool isPublisher = false;
  /** Its pushes are read for positions: all of them must link up. */
  bool isTracked = false;
  State state = State::AWAY;
  int fd = -1;
  bool wantsOut = false;
  /** It came in with a credential for coming back. */
  bool comesBack = false;
  uint32_t answers = 0;
  uint32_t attempt = 0;
  uint32_t inFlight = 0;
  uint32_t called = 0;
  /** When the connection was begun, and when it was ready; when the one before it ended. */
  uint64_t startedUs = 0, readyUs = 0, lostUs = 0;
  /** Until it has all that was published before it came back. */
  bool isBehind = false;
  std::string rest, carry, out, ticket, resume, epoch, position;
  /** Messages that are to share a frame, and are not in `out` yet. */
  std::string lines;
  std::vector<Subscription> subscriptions;
  std::deque<Pending> pending;

  /** It hears much and says little: it is no publisher, and has nothing under way that is answered. */
  bool isListener() const { return state == State::READY && !isPublisher && called == 0; }
  uint32_t firstChannel() const { return subscriptions.empty() ? 0 : subscriptions[0].channel; }
};

/** What whoever drives the swarm is told. */
struct Observer {
  virtual ~Observer() = default;
  virtual void onDelivery(Client&, const Message&, uint64_t) {}
  virtual void onReply(Client&, const Message&, uint64_t) {}
  virtual void onReady(Client&, uint64_t) {}
  virtual void onClose(Client&, bool, uint64_t) {}
};

struct Counts {
  uint64_t deliveries = 0, duplicates = 0, early = 0, late = 0, bytes = 0, replies = 0, acks = 0, refused = 0, gaps = 0;
  uint64_t connects = 0, closes = 0, broken = 0;
};
