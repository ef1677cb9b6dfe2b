// What is said and heard on a connection: coming in, messages, answers, refusals. Included by swarm.hpp.
#pragma once

inline void Swarm::onFrame(Client& client, int opcode, std::string_view payload, size_t frameBytes) {
  if (opcode == 0x9) {
    const bool isFirst = client.out.empty();
    appendFrame(client.out, 0xa, payload);
    if (isFirst) flush(client);
    return;
  }
  if (opcode == 0x8) {
    const int code = payload.size() < 2 ? 0 : uint8_t(payload[0]) << 8 | uint8_t(payload[1]);
    if (!reconnects) problem("The server closed with " + std::to_string(code) + ": " + std::string(payload.substr(std::min<size_t>(2, payload.size()))));
    return;
  }
  if (opcode > 0x2) return;
  std::string joined;
  if (!client.carry.empty()) {
    joined = client.carry + std::string(payload);
    client.carry.clear();
    payload = joined;
  }
  const bool hasMessages = takeMessages(client, payload);
  if (hasMessages) counts.bytes += frameBytes;
  if (!hasMessages || client.state != State::READY) onControl(client, payload);
  else if (client.isTracked) track(client, payload);
}

inline bool Swarm::takeMessages(Client& client, std::string_view payload) {
  const size_t bodyBytes = std::max(door.bodyBytes, HEAD_BYTES + 1);
  bool hasAny = false;
  for (size_t at = payload.find(MARK); at != std::string_view::npos; at = payload.find(MARK, at + bodyBytes)) {
    hasAny = true;
    if (payload.size() - at < bodyBytes && door.isStream) {
      client.carry = std::string(payload.substr(at));
      break;
    }
    Message message;
    if (payload.size() - at < bodyBytes || !readBody(payload.data() + at, bodyBytes, message)) {
      counts.broken++;
      problem("A message is not as it was sent: " + std::string(payload.substr(at, bodyBytes)));
      break;
    }
    onMessage(client, message);
  }
  return hasAny;
}

inline void Swarm::onMessage(Client& client, const Message& message) {
  const uint64_t now = nowUs();
  if (!door.call.empty() && client.called > 0) {
    counts.replies++;
    client.inFlight--;
    if (observer != nullptr) observer->onReply(client, message, now);
    return;
  }
  for (Subscription& subscription : client.subscriptions) {
    if (subscription.channel != message.channel) continue;
    switch (subscription.take(message.sequence)) {
      case Subscription::Verdict::DUPLICATE:
        counts.duplicates++;
        problem("Connection " + std::to_string(client.index) + " got message " + std::to_string(message.sequence) + " twice.");
        return;
      case Subscription::Verdict::EARLY: counts.early++; break;
      case Subscription::Verdict::LATE: counts.late++; break;
      case Subscription::Verdict::IN_ORDER: break;
    }
    counts.deliveries++;
    if (observer != nullptr) observer->onDelivery(client, message, now);
    return;
  }
  counts.broken++;
  problem("Connection " + std::to_string(client.index) + " got a message of a channel that it does not subscribe to.");
}

/** Each push must start at the position where the one before ended. */
inline void Swarm::track(Client& client, std::string_view payload) {
  if (!door.gap.empty() && payload.find(door.gap) != std::string_view::npos) counts.gaps++;
  if (door.previousKey.empty()) {
    const auto position = valueAfterLast(payload, door.positionKey);
    if (!position.empty()) client.position = position;
    return;
  }
  for (size_t at = 0; at < payload.size();) {
    const size_t end = std::min(payload.find('\n', at), payload.size());
    const std::string_view line = payload.substr(at, end - at);
    const auto value = [&](const std::string& key) {
      const size_t found = line.find(key);
      if (found == std::string_view::npos) return std::string_view();
      return line.substr(found + key.size(), line.find('"', found + key.size()) - found - key.size());
    };
    const auto previous = value(door.previousKey), position = value(door.positionKey);
    if (!previous.empty() && previous != client.position) {
      counts.broken++;
      problem("A push starts at " + std::string(previous) + ", not at " + client.position + ".");
    }
    // The answer to a publish has a position too, which is not that of the subscriber.
    const bool isPlace = !previous.empty() || line.find(door.subscribeOk) != std::string_view::npos;
    if (!position.empty() && isPlace) client.position = position;
    at = end + 1;
  }
}

inline void Swarm::onControl(Client& client, std::string_view payload) {
  if (!door.ping.empty() && payload == door.ping) return sendMessage(client, door.pong);
  if (!door.error.empty() && payload.find(door.error) != std::string_view::npos) onRefusal(client, payload);
  if (client.state == State::OPENING) {
    if (payload.substr(0, door.opened.size()) == door.opened) login(client);
    return;
  }
  if (client.state == State::LOGIN && payload.find(door.loginOk) != std::string_view::npos) {
    const auto resume = valueAfterLast(payload, door.resumeKey), epoch = valueAfterLast(payload, door.epochKey);
    if (!resume.empty()) client.resume = resume;
    if (!epoch.empty()) client.epoch = epoch;
    if (client.comesBack && !door.confirm.empty()) sendMessage(client, door.confirm);
    client.state = State::SUBSCRIBING;
    if (!isPipelined) subscribe(client);
    if (door.subscribeOk.empty() || client.subscriptions.empty()) return onReady(client);
  }
  if (client.state == State::SUBSCRIBING) {
    for (size_t at = payload.find(door.subscribeOk); at != std::string_view::npos;) {
      client.answers++;
      at = payload.find(door.subscribeOk, at + door.subscribeOk.size());
    }
    if (client.answers >= client.subscriptions.size()) onReady(client);
  }
  if (client.isTracked) track(client, payload);
  if (client.isPublisher) takeAcks(client, payload);
}

inline void Swarm::onRefusal(Client& client, std::string_view payload) {
  counts.refused++;
  const size_t number = payload.find_first_of("0123456789");
  const unsigned long id = number == std::string_view::npos ? 0 : strtoul(payload.data() + number, nullptr, 10);
  if (client.isPublisher && id >= FIRST_ID) {
    refused.resize(std::max(refused.size(), size_t(id - FIRST_ID + 1)));
    refused[id - FIRST_ID] = true;
  }
  problem("Refused: " + std::string(payload));
}

inline void Swarm::takeAcks(Client& client, std::string_view payload) {
  if (door.ack.empty()) return;
  for (size_t at = 0; at < payload.size();) {
    const size_t end = std::min(payload.find('\n', at), payload.size());
    if (payload.substr(at, door.ack.size()) == door.ack) {
      const unsigned long id = strtoul(payload.data() + at + door.ack.size(), nullptr, 10);
      if (id >= FIRST_ID) counts.acks++;
      while (!client.pending.empty() && client.pending.front().message.sequence + FIRST_ID <= id) client.pending.pop_front();
    }
    at = end + 1;
  }
}

inline void Swarm::login(Client& client) {
  client.state = State::LOGIN;
  if (door.login.empty()) {
    client.state = State::SUBSCRIBING;
    subscribe(client);
    if (door.subscribeOk.empty() || client.subscriptions.empty()) onReady(client);
    return;
  }
  client.comesBack = !client.resume.empty() && !door.relogin.empty();
  if (!client.comesBack && !tickets.empty()) {
    client.ticket = tickets.front();
    tickets.pop_front();
  }
  sendMessage(client, fill(client.comesBack ? door.relogin : door.login, client, nullptr, 1), true);
  if (isPipelined) subscribe(client);
}

inline void Swarm::subscribe(Client& client) {
  if (door.subscribe.empty()) return;
  const bool comesBack = !client.position.empty() && !door.resubscribe.empty();
  for (const Subscription& subscription : client.subscriptions) {
    const Message message{subscription.channel, 0, 0};
    const uint32_t id = 2 + uint32_t(&subscription - client.subscriptions.data());
    sendMessage(client, fill(comesBack ? door.resubscribe : door.subscribe, client, &message, id));
  }
}

inline void Swarm::onReady(Client& client) {
  client.state = State::READY;
  client.readyUs = nowUs();
  client.attempt = 0;
  if (client.isListener()) acknowledgeAsRead(client.fd);
  opening--;
  ready++;
  counts.connects++;
  if (client.isPublisher && keepsPending) publishAgain(client);
  if (observer != nullptr) observer->onReady(client, client.readyUs);
}
