// What is done with the connections, one command at a time: open, run, drop, reopen. Every run is measured by when a
// message was due, not by when it was sent, so that a server that holds up the sender does not hide its delay.
#pragma once
#include "summary.hpp"
#include "swarm.hpp"

class Runs : Observer {
 public:
  explicit Runs(Swarm& swarm) : swarm(swarm) { swarm.observer = this; }

  /** Adds clients and publishers, and waits until they are in. Client i subscribes to (i × perClient + j) mod channels. */
  std::string open(const Fields& fields) {
    const Numbers number{fields};
    const uint32_t channels = uint32_t(number("channels", 1)), perClient = uint32_t(number("perClient", 1));
    if (swarm.published.size() < channels) swarm.published.resize(channels), swarm.subscribers.resize(channels);
    const size_t first = swarm.clients.size();
    const size_t count = size_t(number("clients", 0)), publishers = size_t(number("publishers", 0));
    const uint32_t trackEvery = uint32_t(number("trackEvery", 100));
    for (size_t index = first; index < first + count + publishers; index++) {
      auto client = std::make_unique<Client>();
      client->index = uint32_t(index);
      client->isPublisher = index >= first + count;
      client->isTracked = !client->isPublisher && index % trackEvery == 0;
      if (client->isPublisher) swarm.publishers.push_back(client.get());
      else subscribe(*client, channels, perClient);
      swarm.clients.push_back(std::move(client));
    }
    std::vector<Client*> wanted;
    for (size_t index = first; index < swarm.clients.size(); index++) wanted.push_back(swarm.clients[index].get());
    return connectAll(wanted, size_t(number("parallel", 256)), number("timeoutMs", 60'000), false);
  }

  /** Connects everybody who is away, with what they know; done when each has all that it missed. */
  std::string reopen(const Fields& fields) {
    const Numbers number{fields};
    std::vector<Client*> wanted;
    for (auto& client : swarm.clients) {
      if (client->state == State::AWAY) wanted.push_back(client.get());
    }
    return connectAll(wanted, size_t(number("parallel", 1'024)), number("timeoutMs", 60'000), true);
  }

  /** Cuts all subscribers. */
  std::string drop() {
    for (auto& client : swarm.clients) {
      if (!client->isPublisher) swarm.lose(*client);
    }
    return Report().add("ok", true).line();
  }

  /** Cuts all subscribers for good: nothing is expected by them any more. */
  std::string forget() {
    drop();
    auto& clients = swarm.clients;
    for (auto& client : clients) {
      if (client->isPublisher) continue;
      for (const Subscription& subscription : client->subscriptions) swarm.subscribers[subscription.channel]--;
    }
    clients.erase(std::remove_if(clients.begin(), clients.end(), [](auto& client) { return !client->isPublisher; }), clients.end());
    return Report().add("ok", true).line();
  }

  /** Publishes or calls, then waits for the rest. */
  std::string run(const Fields& fields) {
    const Numbers number{fields};
    const auto mode = fields.find("mode");
    reset();
    // Those who joined later have fewer messages: orders are compared over a run.
    for (auto& client : swarm.clients) {
      for (Subscription& subscription : client->subscriptions) subscription.order = 0;
    }
    spins = number("spins", 1) != 0;
    inFlight = uint32_t(number("inFlight", 1));
    isBurst = number("burst", 0) != 0;
    killEveryMs = number("killEveryMs", 0);
    awayMs = number("awayMs", 2'000);
    swarm.reconnects = number("reconnects", 0) != 0;
    swarm.keepsPending = swarm.reconnects;
    startUs = nowUs();
    endUs = startUs + uint64_t(number("ms", 1'000) * 1'000);
    const std::string wanted = mode == fields.end() ? "" : mode->second;
    if (wanted == "inFlight") keepInFlight(size_t(number("senders", 1)));
    else if (wanted == "paced") pace(number("rate", 1), number("byClients", 0) != 0);
    else if (wanted == "calls") call(number("rate", 0));
    else throw std::runtime_error("Expected the mode inFlight, paced or calls, got " + wanted + ".");
    publishedUs = nowUs();
    drain(number("drainMs", 10'000), number("quietMs", 3'000));
    return reportOf();
  }

 private:
  Swarm& swarm;
  bool spins = true, isBurst = false, isPublishing = false, isCalling = false, isQuiet = false, countsDone = false;
  uint32_t inFlight = 1;
  double killEveryMs = 0, awayMs = 0;
  uint64_t startUs = 0, endUs = 0, publishedUs = 0, lastUs = 0, firstLostUs = 0, backLastUs = 0;
  uint64_t target = 0, taken = 0, sent = 0, published = 0, calls = 0, backCount = 0, lostCount = 0;
  Histogram latency, replay, back;
  Counts before;
  /** How many have each of the latest numbers of channel 0, and which of them all have. */
  std::vector<uint32_t> having = std::vector<uint32_t>(1 << 16);
  uint32_t done = 0;
  std::vector<Client*> lost;

  void subscribe(Client& client, uint32_t channels, uint32_t perClient) {
    for (uint32_t index = 0; index < perClient; index++) {
      Subscription subscription;
      subscription.channel = (client.index * perClient + index) % channels;
      subscription.next = swarm.published[subscription.channel];
      swarm.subscribers[subscription.channel]++;
      client.subscriptions.push_back(std::move(subscription));
    }
  }

  std::string connectAll(const std::vector<Client*>& wanted, size_t parallel, double timeoutMs, bool catchesUp) {
    reset();
    startUs = nowUs();
    isCatchingUp = catchesUp;
    swarm.reconnects = false;
    size_t begun = 0;
    const size_t goal = swarm.ready + wanted.size();
    behind = catchesUp ? wanted.size() : 0;
    for (Client* client : wanted) client->isBehind = catchesUp && !client->isPublisher;
    for (Client* client : wanted) behind -= size_t(catchesUp && client->isPublisher);
    const uint64_t limitUs = startUs + uint64_t(timeoutMs * 1'000);
    while ((swarm.ready < goal || behind > 0) && nowUs() < limitUs && swarm.counts.broken == before.broken) {
      while (swarm.opening < parallel && begun < wanted.size()) swarm.begin(*wanted[begun++]);
      swarm.turn(true, 0);
    }
    const uint64_t now = nowUs();
    isCatchingUp = false;
    if (swarm.ready < goal) swarm.problem(std::to_string(goal - swarm.ready) + " of " + std::to_string(wanted.size()) + " connections did not get in.");
    Report report;
    report.add("wallMs", double(now - startUs) / 1'000).add("connected", wanted.size() - (goal - std::min(goal, swarm.ready)));
    report.add("notCaughtUp", behind).times("connect", back).times("replay", replay);
    return summed(report, now);
  }

  bool isCatchingUp = false;
  size_t behind = 0;

  void reset() {
    latency = replay = back = Histogram();
    before = swarm.counts;
    swarm.idleUs = 0;
    swarm.problems.clear();
    target = taken = sent = published = calls = backCount = lostCount = 0;
    firstLostUs = backLastUs = lastUs = 0;
    isQuiet = false;
  }

  void publishOne(Client& client, uint32_t channel, uint64_t dueUs) {
    const uint32_t sequence = swarm.published[channel];
    if (channel == 0) having[sequence % having.size()] = 0;
    target += swarm.subscribers[channel];
    published++;
    swarm.publish(client, channel, dueUs);
  }

  /** Keeps so many messages under way that not all have; or waits until all have a burst before the next. */
  void keepInFlight(size_t senders) {
    // Those of several publishers need not come in the order of their numbers, so the ones that all have are counted.
    countsDone = senders > 1;
    done = swarm.published[0];
    while (nowUs() < endUs) {
      const uint32_t underWay = swarm.published[0] - done;
      if (isBurst ? underWay == 0 : underWay < inFlight) {
        swarm.hold();
        for (uint32_t index = underWay; index < inFlight; index++) publishOne(*swarm.publishers.at(swarm.published[0] % senders), 0, nowUs());
        swarm.release();
      }
      swarm.turn(spins, 1);
      if (swarm.counts.broken > before.broken || nowUs() - std::max(lastUs, startUs) > 5'000'000) break;
    }
  }

  /** Publishes at a steady rate, round robin over the channels, by the publishers or by subscribers of the channel. */
  void pace(double rate, bool byClients) {
    if (killEveryMs > 0) scheduleKills();
    const uint64_t total = uint64_t(rate * double(endUs - startUs) / 1e6 + 0.5);
    for (uint64_t index = 0; index < total;) {
      const auto dueOf = [&](uint64_t which) { return startUs + uint64_t(double(which) * 1e6 / rate); };
      uint64_t now = nowUs();
      if (dueOf(index) <= now) swarm.hold();
      for (; index < total && dueOf(index) <= now; index++) {
        if (byClients) {
          Client& client = *swarm.clients[index % swarm.clients.size()];
          if (client.isPublisher || client.subscriptions.empty()) continue;
          const size_t which = index / swarm.clients.size() % client.subscriptions.size();
          publishOne(client, client.subscriptions[which].channel, dueOf(index));
        } else {
          publishOne(*swarm.publishers[index % swarm.publishers.size()], uint32_t(index % swarm.published.size()), dueOf(index));
        }
      }
      swarm.release();
      turnUntil(index < total ? dueOf(index) : now);
    }
  }

  /** Each client keeps so many calls under way; with a rate, calls go out at that rate instead. */
  void call(double rate) {
    isCalling = true;
    for (auto& client : swarm.clients) client->called = std::max(client->called, 1u);
    if (rate > 0) {
      const uint64_t total = uint64_t(rate * double(endUs - startUs) / 1e6);
      for (uint64_t index = 0; index < total; index++) {
        const uint64_t dueUs = startUs + uint64_t(double(index) * 1e6 / rate);
        while (nowUs() < dueUs) turnUntil(dueUs);
        callOnce(*swarm.clients[index % swarm.clients.size()], dueUs);
      }
    } else {
      isPublishing = true;
      for (auto& client : swarm.clients) {
        for (uint32_t index = 0; index < inFlight; index++) callOnce(*client, nowUs());
      }
      while (nowUs() < endUs && swarm.counts.broken == before.broken) swarm.turn(spins, 1);
      isPublishing = false;
    }
  }

  void callOnce(Client& client, uint64_t dueUs) {
    const Message message{client.index, client.called++, dueUs};
    client.inFlight++;
    calls++;
    target++;
    swarm.sendMessage(client, swarm.fill(swarm.door.call, client, &message, Swarm::FIRST_ID + message.sequence));
  }

  void turnUntil(uint64_t dueUs) {
    const uint64_t now = nowUs();
    swarm.turn(spins, dueUs <= now ? 0 : int(std::min<uint64_t>((dueUs - now) / 1'000, 50)));
    if (killEveryMs > 0) kill();
  }

  /** Waits until everything has come, or nothing comes any more. */
  void drain(double drainMs, double quietMs) {
    const uint64_t limitUs = nowUs() + uint64_t(drainMs * 1'000);
    uint64_t heardUs = nowUs();
    uint64_t heard = taken;
    while (nowUs() < limitUs && swarm.counts.broken == before.broken) {
      const bool areAllIn = backCount >= lostCount;
      if (taken >= target && areAllIn) break;
      if (taken != heard || !areAllIn) heard = taken, heardUs = nowUs();
      isQuiet = nowUs() - heardUs > uint64_t(quietMs * 1'000);
      if (isQuiet) break;
      swarm.turn(spins, 10);
    }
    // A duplicate, or an answer, may follow what was waited for.
    for (const uint64_t until = nowUs() + 20'000; nowUs() < until;) swarm.turn(spins, 1);
    isCalling = false;
  }

  using Kill = std::pair<uint64_t, Client*>;
  std::priority_queue<Kill, std::vector<Kill>, std::greater<>> kills;

  void scheduleKills() {
    kills = {};
    std::uniform_real_distribution<double> phase(0, killEveryMs * 1'000);
    for (auto& client : swarm.clients) {
      if (!client->isPublisher) kills.push({startUs + uint64_t(phase(swarm.chance)), client.get()});
    }
  }

  void kill() {
    const uint64_t now = nowUs();
    while (!kills.empty() && kills.top().first <= now) {
      const auto [at, client] = kills.top();
      kills.pop();
      if (client->state == State::READY) {
        swarm.lose(*client);
        lostCount++;
        swarm.beginAt(*client, now + uint64_t(awayMs * 1'000));
      }
      kills.push({at + uint64_t(killEveryMs * 1'000), client});
    }
  }

  void onDelivery(Client& client, const Message& message, uint64_t now) override {
    taken++;
    lastUs = now;
    // Missed while away: what counts is how long it took since the client began to come back.
    if (client.lostUs != 0 && message.dueUs < client.startedUs) replay.add(now - std::min(now, client.startedUs));
    else latency.add(now - std::min(now, message.dueUs));
    if (message.channel == 0) {
      const uint32_t count = ++having[message.sequence % having.size()];
      if (countsDone) done += count == swarm.subscribers[0];
      else if (count >= swarm.subscribers[0]) done = std::max(done, message.sequence + 1);
    }
    if (client.isBehind) settle(client, now);
  }

  void onReply(Client& client, const Message& message, uint64_t now) override {
    if (message.channel != client.index) swarm.problem("A reply went to another client.");
    taken++;
    lastUs = now;
    latency.add(now - std::min(now, message.dueUs));
    if (isCalling && isPublishing && now < endUs) callOnce(client, now);
  }

  void onReady(Client& client, uint64_t now) override {
    if (isCatchingUp) {
      if (client.isBehind) settle(client, now);
      return back.add(now - client.startedUs);
    }
    if (client.lostUs == 0) return back.add(now - client.startedUs);
    backCount++;
    backLastUs = now;
    // After a restart of the server, from when it went away; after a cut, from when the client began to come back.
    back.add(now - (firstLostUs != 0 ? firstLostUs : client.startedUs));
  }

  void onClose(Client&, bool wasReady, uint64_t now) override {
    if (!swarm.reconnects || !wasReady) return;
    if (firstLostUs == 0) firstLostUs = now;
    lostCount++;
  }

  void settle(Client& client, uint64_t now) {
    if (client.state != State::READY) return;
    for (const Subscription& subscription : client.subscriptions) {
      if (subscription.next < swarm.published[subscription.channel] || !subscription.missing.empty()) return;
    }
    client.isBehind = false;
    behind--;
    latency.add(now - client.startedUs);
  }

  std::string reportOf() {
    Report report;
    const uint64_t end = std::max(lastUs, publishedUs);
    report.add("published", published).add("calls", calls).add("expected", target).add("taken", taken).add("isQuiet", int(isQuiet));
    report.add("publishMs", double(publishedUs - startUs) / 1'000).add("wallMs", double(end - startUs) / 1'000);
    report.times("replay", replay).times("back", back).add("wentAway", lostCount).add("cameBack", backCount);
    report.add("backLastMs", firstLostUs == 0 ? 0 : double(backLastUs - firstLostUs) / 1'000);
    return summed(report, nowUs());
  }

  std::string summed(Report& report, uint64_t now) {
    report.times("latency", latency);
    summarize(swarm, before, report);
    report.add("busy", 1 - double(swarm.idleUs) / double(std::max<uint64_t>(now - startUs, 1)));
    return report.texts("problems", swarm.problems).line();
  }
};
